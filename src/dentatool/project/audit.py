"""dentatool audit: read the platform's events; check sealed trails, here or from an export; begin them anew."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dentatool.project.console import Failure, printable, say
from dentatool.project.instance import start_django, this_instance

if TYPE_CHECKING:
    from dentatool.protection.audit.sealing import Report

_NAMED = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whoever reads says why; the reason is noted like the reading itself (project/noted.py)."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="platform|verify|verify-export|key|resume")
    platform = actions.add_parser("platform", help="Ereignisse, die zu keinem Labor gehören")
    platform.add_argument(
        "--reason", required=True, metavar="TEXT", help="wozu gelesen wird; steht danach selbst darin"
    )
    platform.add_argument("--days", type=int, default=7, metavar="TAGE", help="wie weit zurück (sonst 7)")
    platform.add_argument("--event", metavar="NAME", help="nur dieses Ereignis, etwa authn_login_fail")
    platform.add_argument("--most", type=int, default=200, metavar="ZAHL", help="höchstens so viele (sonst 200)")
    platform.add_argument("--json", action="store_true", help="eine Zeile JSON je Ereignis")
    verify = actions.add_parser("verify", help="Versiegelte Protokolle nachrechnen; nennt den ersten falschen Eintrag")
    verify.add_argument("--lab", metavar="KENNUNG", help="nur dieses Labor („platform“: die Ereignisse der Plattform)")
    verify.add_argument("--all", action="store_true", help="alle Labore und die Plattform (auch ohne Angabe)")
    verify.add_argument("--json", action="store_true", help="eine Zeile JSON je Protokoll")
    export = actions.add_parser("verify-export", help="Versiegelte Ausgabe eines Protokolls prüfen (ohne Datenbank)")
    export.add_argument("file", type=Path, metavar="DATEI")
    export.add_argument("--key", metavar="HEX", help="öffentlicher Schlüssel (sonst der dieser Installation)")
    export.add_argument("--checkpoint", type=Path, metavar="DATEI", help="früherer Prüfpunkt, der darin stecken muss")
    actions.add_parser("key", help="öffentlichen Schlüssel der Prüfpunkte zeigen")
    resume = actions.add_parser("resume", help="Nach einer Wiederherstellung weiter versiegeln")
    resume.add_argument("--lab", required=True, metavar="KENNUNG", help="welches Labor („platform“: die Plattform)")
    resume.add_argument("--reason", required=True, metavar="TEXT", help="warum; steht danach im Protokoll")


def call(options: argparse.Namespace) -> int:
    """Exit code 0 only if everything looked at is as it was."""
    if options.action == "verify-export":
        return _verify_export(options)
    if options.action == "key":
        say(_own_key().hex())
        return 0
    if options.action == "verify":
        return _verify(options)
    if options.action == "resume":
        return _resume(options)
    return _platform(options)


def _platform(options: argparse.Namespace) -> int:
    """Newest last, as on a terminal one wants it."""
    start_django("app")
    found = _events(options.days, options.event, options.most)
    for at, event, facts in reversed(found):
        if options.json:
            say(json.dumps({"at": at.isoformat(), "event": event, "facts": facts}, ensure_ascii=False))
        else:
            say(_line(at, event, facts))
    if not found and not options.json:
        say("Keine Ereignisse.")
    return 0


def _verify(options: argparse.Namespace) -> int:
    start_django("owner")
    from dentatool.protection.audit.sealing import tell_chain_broken  # noqa: PLC0415

    changed = _changes_of_the_database()
    for line in changed[:_NAMED]:
        say(f"✗ Datenbank: {line}")
    if len(changed) > _NAMED:
        say(f"  und {len(changed) - _NAMED} weitere Abweichungen („dentatool doctor“ nennt sie alle)")
    bad = 0
    for report in _reports(options.lab):
        _tell(report, as_json=options.json)
        if report.first:
            bad += 1
            tell_chain_broken(report.tree, str(report.first))
    if changed or bad:
        raise Failure(
            (f"{bad} Protokolle sind nicht, wie sie versiegelt wurden. " if bad else "")
            + ("Der Schutz in der Datenbank wurde verändert. " if changed else "")
            + "Ändern Sie nichts, sichern Sie Datenbank und Ordner „witness“, und klären Sie, wer Zugriff hatte."
        )
    return 0


def _changes_of_the_database() -> list[str]:
    """Triggers, functions, rights: what writes the trail must be the program's own."""
    from django.db import connection  # noqa: PLC0415

    from dentatool.protection.tenancy import inspect_database  # noqa: PLC0415

    with connection.cursor() as cursor:
        return [str(deviation) for deviation in inspect_database(cursor)]


def _reports(lab: str | None) -> Iterator["Report"]:
    from django.db import DatabaseError, connection  # noqa: PLC0415

    from dentatool.protection.audit.sealing import (  # noqa: PLC0415
        Finding,
        Report,
        all_trails,
        check_trail,
        trail_key,
        witness_folder,
    )
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    public, folder = trail_key().public, witness_folder()
    for tree in [_tree(lab)] if lab else all_trails():
        try:
            with laboratory(tree):
                report = check_trail(public, folder)
        except DatabaseError as error:  # a table is missing, a column, a right
            connection.close()
            reason = str(error).splitlines()[0]
            report = Report(tree, findings=[Finding(0, f"Das Protokoll ist nicht lesbar: {reason}")])
        yield report


def _tree(lab: str) -> UUID:
    try:
        return UUID(int=0) if lab == "platform" else UUID(lab)
    except ValueError as error:
        raise Failure(f"„{lab}“ ist keine Kennung eines Labors. „dentatool tenant list“ zeigt sie.") from error


def _tell(report: "Report", *, as_json: bool) -> None:
    name = "Plattform" if report.tree.int == 0 else f"Labor {report.tree}"
    if as_json:
        told = {
            "lab": str(report.tree), "sealed": report.sealed, "expired": report.expired, "waiting": report.waiting,
            "until": report.last.until.isoformat() if report.last else None,
            "findings": [{"seq": found.seq, "text": found.text} for found in report.findings],
        }  # fmt: skip
        say(json.dumps(told, ensure_ascii=False))
        return
    if report.first is None:
        gone = f", davon {report.expired} abgelaufen und gelöscht" if report.expired else ""
        until = f", vollständig bis {report.last.until.astimezone():%d.%m.%Y %H:%M:%S}" if report.last else ""
        say(f"✓ {name}: {report.sealed} Einträge versiegelt und unverändert{gone}{until}; {report.waiting} noch offen")
        if report.begun_anew:
            say(
                f"  Nach Wiederherstellungen neu bezeugt: {report.begun_anew}-mal; die früheren Zeugendateien liegen daneben."
            )
        return
    say(f"✗ {name}: erster falscher Eintrag {printable(str(report.first))}")
    for found in report.findings[1:_NAMED]:
        say(f"    {printable(str(found))}")
    if len(report.findings) > _NAMED:
        say(f"    und weitere ({len(report.findings)} Befunde)")


def _verify_export(options: argparse.Namespace) -> int:
    from dentatool.values.trail_export import ExportError, check_export  # noqa: PLC0415

    try:
        public = bytes.fromhex(options.key) if options.key else _own_key()
        earlier = options.checkpoint.read_text() if options.checkpoint else None
        found = check_export(options.file, public, earlier)
    except OSError as error:
        raise Failure(f"{error.filename}: Die Datei lässt sich nicht öffnen.") from error
    except ValueError as reason:
        told = str(reason) if isinstance(reason, ExportError) else "Der Schlüssel ist keine Zahl in hexadezimaler Form."
        raise Failure(f"{options.file}: {told}") from reason
    say(f"{options.file}: unverändert.")
    say(f"  Labor       {found.checkpoint.tree}")
    say(f"  Einträge    {found.checkpoint.size} versiegelt, {found.with_text} davon mit Text")
    say(f"  Prüfpunkt   {found.checkpoint.at.astimezone():%d.%m.%Y %H:%M:%S}")
    return 0


def _resume(options: argparse.Namespace) -> int:
    """Set the witness file aside: what it says is kept, and the gap is told in the trail for ever."""
    start_django("owner")
    from dentatool.protection.audit import record_event, record_platform_event  # noqa: PLC0415
    from dentatool.protection.audit.sealing import PLATFORM, set_witness_aside  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    tree = _tree(options.lab)
    lost = set_witness_aside(tree, datetime.now(UTC))
    if lost is None:
        raise Failure("Für dieses Protokoll gibt es keine Zeugendatei; es ist nichts zu tun.")
    facts = {"reason": options.reason, "entries": lost.size, "until": lost.until.isoformat()}
    record_platform_event("trail.resumed", record=str(tree), **facts)
    if tree != PLATFORM:
        with laboratory(tree):
            record_event("trail.resumed", **facts)
    say("Die bisherige Zeugendatei ist beiseitegelegt. Die Hintergrundaufgaben versiegeln ab jetzt weiter.")
    return 0


def _own_key() -> bytes:
    from dentatool.values.checkpoint import TrailKey  # noqa: PLC0415

    file = this_instance().var / "secrets" / "trail.key"
    if not file.exists():
        raise Failure("Hier ist kein Schlüssel. Geben Sie den öffentlichen Schlüssel mit --key an.")
    return TrailKey.from_file(file).public


def _events(days: int, event: str | None, most: int) -> list[tuple[datetime, str, dict[str, Any]]]:
    from dentatool.protection.founding import connect_as_owner  # noqa: PLC0415

    with connect_as_owner() as owner:
        return owner.execute(
            "select at, event, facts from protection_platformevent"
            " where at > now() - make_interval(days => %s) and (%s::text is null or event = %s) order by at desc limit %s",
            [days, event, event, most],
        ).fetchall()


def _line(at: datetime, event: str, facts: dict[str, Any]) -> str:
    from dentatool.protection.audit.vocabulary import FACTS, WORDS  # noqa: PLC0415

    words = WORDS[event].german if event in WORDS else ""
    told = ", ".join(f"{FACTS.get(key, key)}: {_plain(value)}" for key, value in facts.items() if value not in ("", []))
    return f"{at.astimezone():%d.%m.%Y %H:%M:%S}  {event:<32} {words}{f' ({told})' if told else ''}"


def _plain(value: Any) -> str:
    return printable(" ".join(str(item) for item in value) if isinstance(value, list) else str(value))
