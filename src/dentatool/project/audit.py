"""dentatool audit: read the platform's events; check and prove sealed trails, here or without a server; begin them anew."""

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dentatool.project import proving
from dentatool.project.auditing import nightly, own_key, tree_named, verify, verify_export
from dentatool.project.console import Failure, printable, say
from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whoever reads says why; the reason is noted like the reading itself (project/noted.py)."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="AKTION")
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
    actions.add_parser("nightly", help="Alle nachrechnen und das Ergebnis merken (startet jede Nacht von selbst)")
    export = actions.add_parser("verify-export", help="Versiegelte Ausgabe eines Protokolls prüfen (ohne Datenbank)")
    export.add_argument("file", type=Path, metavar="DATEI")
    export.add_argument("--key", metavar="HEX", help="öffentlicher Schlüssel (sonst der dieser Installation)")
    export.add_argument("--checkpoint", type=Path, metavar="DATEI", help="früherer Prüfpunkt, der darin stecken muss")
    proving.arguments(actions)
    actions.add_parser("key", help="öffentlichen Schlüssel der Prüfpunkte zeigen")
    resume = actions.add_parser("resume", help="Nach einer Wiederherstellung weiter versiegeln")
    resume.add_argument("--lab", required=True, metavar="KENNUNG", help="welches Labor („platform“: die Plattform)")
    resume.add_argument("--reason", required=True, metavar="TEXT", help="warum; steht danach im Protokoll")


def call(options: argparse.Namespace) -> int:
    """Exit code 0 only if everything looked at is as it was."""
    return _ACTIONS[options.action](options)


def _key(options: argparse.Namespace) -> int:
    say(own_key().hex())
    return 0


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


def _resume(options: argparse.Namespace) -> int:
    """Set the witness file aside: what it says is kept, and the gap is told in the trail for ever."""
    start_django("owner")
    from dentatool.protection.audit import record_event, record_platform_event  # noqa: PLC0415
    from dentatool.protection.audit.sealing import PLATFORM, set_witness_aside  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    tree = tree_named(options.lab)
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


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "platform": _platform, "verify": verify, "nightly": nightly, "verify-export": verify_export,
    "prove": proving.prove, "verify-proof": proving.verify_proof, "key": _key, "resume": _resume,
}  # fmt: skip
