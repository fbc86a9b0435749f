"""dentatool reviews: the provider's review of administrative access, and whether a report of any review is as it was signed."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dentatool.operations.secrets import database_of
from dentatool.project.console import Failure, printable, say
from dentatool.project.instance import Instance, start_django, this_instance
from dentatool.values.signed_file import SignatureError, check_file, public_key_of

if TYPE_CHECKING:
    from psycopg import Connection

    from dentatool.operations.administrators import Access


def arguments(parser: argparse.ArgumentParser) -> None:
    """`verify` needs no database, with `--key` not even an installation."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="begin|show|decide|close|verify|key")
    begin = actions.add_parser("begin", help="alle administrativen Zugänge festhalten; Frist 14 Tage")
    begin.add_argument("--by", required=True, metavar="NAME", help="das Konto, mit dem Sie angemeldet sind")
    actions.add_parser("show", help="was in der Prüfung steht, was offen ist, wann die nächste fällig ist")
    decide = actions.add_parser(
        "decide", help="über einen Zugang entscheiden; was entzogen ist, endet möglichst sofort"
    )
    decide.add_argument("entry", metavar="ZUGANG", help="wie in „show“, etwa os:anna oder db:auswertung")
    decide.add_argument("decision", choices=("keep", "revoke"), help="bleibt oder entzogen")
    decide.add_argument("--by", required=True, metavar="NAME", help="wer entscheidet; nie die geprüfte Person")
    decide.add_argument("--external", default="", metavar="STELLE", help="NAME ist von außerhalb, von dieser Stelle")
    decide.add_argument("--reason", required=True, metavar="TEXT", help="warum; steht im Bericht")
    actions.add_parser("close", help="abschließen und unterschreiben; nach der Frist gilt Offenes als entzogen")
    verify = actions.add_parser("verify", help="Unterschrift eines Berichts prüfen")
    verify.add_argument("file", type=Path, metavar="DATEI")
    verify.add_argument("--key", metavar="HEX", help="öffentlicher Schlüssel (sonst der dieser Installation)")
    actions.add_parser("key", help="öffentlichen Schlüssel dieser Installation zeigen")


def call(options: argparse.Namespace) -> int:
    """0 only if it was done; for `verify` only if nothing was changed since the signature."""
    if options.action == "key":
        say(_own_key())
    elif options.action == "verify":
        _verify(options.file, options.key)
    else:
        _review(options)
    return 0


def _review(options: argparse.Namespace) -> None:
    start_django("app")
    from dentatool.operations import admin_review, administrators  # noqa: PLC0415
    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415

    instance, now = this_instance(), datetime.now(UTC)
    database = database_of(instance.var)
    superuser = _superuser_dsn(instance, embedded=administrators.is_embedded(database))
    try:
        who = administrators.caller()
    except KeyError as unknown:
        raise Failure(f"SUDO_USER nennt ein Konto, das es hier nicht gibt: {unknown}") from unknown
    try:
        with connect_as_owner() as owner:
            accesses = administrators.accesses_of(owner, database, instance.var)
            if options.action == "begin":
                if options.by != who.name:
                    raise Failure(f"Angemeldet sind Sie als {who.name}, nicht als {options.by}.")
                admin_review.begin(owner, accesses, by=who, now=now)
            elif options.action == "decide":
                by = admin_review.Reviewer(options.by, who, options.external.strip())
                ended = admin_review.decide(
                    owner, superuser, options.entry, options.decision, by=by, reason=options.reason, now=now
                )
                if options.decision == admin_review.REVOKE:
                    say("Anmeldung gesperrt, Verbindungen beendet." if ended else "Bitte jetzt von Hand entziehen.")
            elif options.action == "close":
                review, report = admin_review.close(
                    owner, superuser, instance.var / "secrets" / "signing.key", by=who, now=now
                )
                file = (
                    instance.var / "reviews" / f"zugangspruefung-{now.astimezone():%Y-%m-%d}-{str(review.id)[:8]}.pdf"
                )
                file.parent.mkdir(mode=0o700, exist_ok=True)
                file.write_bytes(report)
                say(f"Abgeschlossen. Bericht: {file}")
            _show(owner, accesses)
    except admin_review.Refused as reason:
        raise Failure(str(reason)) from reason


def _show(owner: "Connection", accesses: "list[Access]") -> None:
    from dentatool.operations import admin_review  # noqa: PLC0415

    if review := admin_review.open_review(owner):
        say(
            f"Zugangsprüfung, begonnen von {review.opened_by}; ohne Antwort entzogen ab {review.due_at.astimezone():%d.%m.%Y}:"
        )
        for each in review.entries:
            said = admin_review.WORDS[each["decision"]] + (f" ({each['by']})" if each["decision"] else "")
            say(_line(each["entry"], said, each["powers"]))
    else:
        say("Keine Zugangsprüfung läuft. Administrative Zugänge jetzt:")
        for access in accesses:
            say(_line(access.entry, "", access.powers))
    for what, entries in (
        ("Noch nicht geprüft", admin_review.never_reviewed(owner, accesses)),
        ("Entzogen, aber noch da", admin_review.revoked_but_there(owner, accesses)),
    ):
        if entries:
            say(f"{what}: {printable(', '.join(entries))}")
    say(f"Die nächste ist abzuschließen bis {admin_review.due_on(owner).astimezone():%d.%m.%Y}.")


def _line(entry: str, said: str, powers: "list[str] | tuple[str, ...]") -> str:
    return printable(f"  {entry:<28} {said:<10} {', '.join(powers)}")


def _superuser_dsn(instance: Instance, *, embedded: bool) -> str | None:
    """Who may change roles of the cluster; None where nobody told us."""
    from django.conf import settings  # noqa: PLC0415
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    from dentatool.operations.cluster.server import SUPERUSER  # noqa: PLC0415
    from dentatool.operations.secrets import superuser_password  # noqa: PLC0415

    if not embedded:
        return instance.database_url
    place = settings.DATABASES["default"]
    password = superuser_password(instance.var)
    return make_conninfo(
        host=place["HOST"], port=place["PORT"], user=SUPERUSER, password=password, dbname=place["NAME"]
    )


def _verify(file: Path, key: str | None) -> None:
    try:
        found = check_file(file.read_bytes(), key or _own_key())
    except OSError as error:
        raise Failure(f"{file}: Die Datei lässt sich nicht öffnen.") from error
    except SignatureError as reason:
        raise Failure(f"{file}: {reason}") from reason
    say(f"{file}: unverändert.")
    say(f"  SHA-256  {found.sha256}")
    for name, value in found.facts.items():
        say(f"  {name:<8} {value}")


def _own_key() -> str:
    file = this_instance().var / "secrets" / "signing.key"
    if not file.exists():
        raise Failure("Hier ist kein Schlüssel. Geben Sie den öffentlichen Schlüssel mit --key an.")
    return public_key_of(file)
