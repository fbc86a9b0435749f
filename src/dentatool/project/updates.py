"""dentatool updates …: what is installed here, which known holes it has, and until when they must be closed."""

import argparse
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dentatool.project.console import Failure, printable, say
from dentatool.project.instance import this_instance

if TYPE_CHECKING:
    from dentatool.operations.updates.holes import Hole
    from dentatool.operations.updates.memory import Known

_SIGNS = {"gut": "✓", "warnung": "!", "fehler": "✗"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """`sbom` needs no database, `status` needs one that answers: its version counts."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="AKTION")
    bill = actions.add_parser("sbom", help="Verzeichnis alles Installierten (CycloneDX 1.6)")
    bill.add_argument("--out", type=Path, metavar="DATEI", help="in diese Datei statt auf das Terminal")
    check = actions.add_parser("check", help="Installiertes mit bekannten Sicherheitslücken vergleichen")
    check.add_argument(
        "--advisories", action="append", default=[], metavar="QUELLE",
        help="Datei, Ordner, ZIP oder https-Adresse mit Meldungen im OSV-Format; mehrfach möglich (sonst DENTATOOL_ADVISORIES)",
    )  # fmt: skip
    status = actions.add_parser("status", help="Offene Lücken mit Schwere und Frist")
    status.add_argument("--json", action="store_true", help="für Programme")
    accept = actions.add_parser("accept", help="Eine Lücke mit Begründung für begrenzte Zeit offen lassen")
    accept.add_argument("id", metavar="LÜCKE", help="wie in „updates status“, etwa CVE-2026-1234")
    accept.add_argument("--until", required=True, metavar="TAG", help="letzter Tag, JJJJ-MM-TT; höchstens 90 Tage")
    accept.add_argument("--reason", required=True, metavar="TEXT", help="warum das vertretbar ist")
    accept.add_argument("--by", required=True, metavar="NAME", help="wer dafür einsteht")


def call(options: argparse.Namespace) -> int:
    """`check` and `status`: 0 only if the comparison holds and no deadline has passed."""
    return {"sbom": _sbom, "check": _check, "status": _status, "accept": _accept}[options.action](options)


def _sbom(options: argparse.Namespace) -> int:
    from dentatool.operations.updates.bill import bill_of_materials  # noqa: PLC0415
    from dentatool.operations.updates.holes import utc_now  # noqa: PLC0415
    from dentatool.operations.updates.installed import embedded_server, installed  # noqa: PLC0415
    from dentatool.operations.updates.lock import lock  # noqa: PLC0415

    components = installed(_server() or embedded_server())
    text = json.dumps(bill_of_materials(components, lock(), utc_now()), ensure_ascii=False, indent=2)
    if options.out is None:
        say(text)
        return 0
    try:
        options.out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Failure(f"{options.out} lässt sich nicht schreiben ({error.strerror}).") from error
    say(f"{len(components)} Bestandteile in {options.out}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from dentatool.operations.updates.checking import check, sources  # noqa: PLC0415
    from dentatool.operations.updates.holes import utc_now  # noqa: PLC0415
    from dentatool.operations.updates.installed import installed  # noqa: PLC0415
    from dentatool.operations.updates.reading import Unusable  # noqa: PLC0415
    from dentatool.project.instance import start_django  # noqa: PLC0415

    start_django("app")
    try:
        check(this_instance().var, installed(_server()), options.advisories or sources(), utc_now())
    except Unusable as reason:
        raise Failure(f"Nicht verglichen: {printable(str(reason))}") from reason
    return _show()


def _status(options: argparse.Namespace) -> int:
    from dentatool.operations.updates.memory import Memory  # noqa: PLC0415

    if not options.json:
        return _show()
    status, found, mend = _told()
    known = Memory(this_instance().var).known()
    rows = [asdict(hole) | {"name": hole.name, "due": hole.due} for hole in known.holes] if known else []
    facts: dict[str, Any] = {
        "status": status, "found": found, "mend": mend, "checked": known and known.checked, "open": rows,
        "data": {name: asdict(data) for name, data in known.data.items()} if known else {},
        "accepted": [asdict(each) for each in known.accepted] if known else [],
        "closed": list(known.closed) if known else [], "lock_changed": _lock_changed(),
    }  # fmt: skip
    say(json.dumps(facts, default=date.isoformat, ensure_ascii=False, indent=2))
    return 1 if status == "fehler" else 0


def _accept(options: argparse.Namespace) -> int:
    from dentatool.operations.updates.holes import utc_now  # noqa: PLC0415
    from dentatool.operations.updates.memory import Memory, NotAccepted  # noqa: PLC0415

    try:
        until = date.fromisoformat(options.until)
    except ValueError as error:
        raise Failure(f"„{options.until}“ ist kein Tag. So: --until 2026-12-31") from error
    memory = Memory(this_instance().var)
    try:
        holes = memory.accept(options.id, until=until, reason=options.reason, by=options.by, now=utc_now())
    except NotAccepted as reason:
        raise Failure(str(reason)) from reason
    for hole in holes:
        say(f"Aufgeschoben bis {until:%d.%m.%Y}: {hole.name} in {hole.component} {hole.version} ({hole.severity}).")
    say("Das gilt für diese Fassung und diese Schwere; ändert sich eine davon, zählt wieder die Frist.")
    return 0


def _show() -> int:
    from dentatool.operations.updates.holes import utc_now  # noqa: PLC0415
    from dentatool.operations.updates.installed import installed  # noqa: PLC0415
    from dentatool.operations.updates.memory import Memory  # noqa: PLC0415

    status, found, mend = _told()
    say(f"  {_SIGNS[status]} Aktualisierungen: {printable(found)}" + (f"\n      → {mend}" if mend else ""))
    known, now = Memory(this_instance().var).known(), utc_now()
    if known is not None:
        for name, data in known.data.items():
            say(f"    Meldungen {name}: {data.records}, die neueste vom {data.newest.astimezone():%d.%m.%Y, %H:%M} Uhr")
        for hole in sorted(known.holes, key=lambda hole: hole.due):
            say(printable(_line(hole, known, now)))
    aside = [f"{each.key} {each.version}" for each in installed(_server()) if not each.is_covered]
    if aside:
        say(f"    Ohne veröffentlichte Meldungen, darum nicht verglichen: {', '.join(aside)}")
    changed = _lock_changed()
    say(f"    Fassungen festgeschrieben: {f'{changed.astimezone():%d.%m.%Y}' if changed else 'unbekannt, wann'}")
    return 1 if status == "fehler" else 0


def _line(hole: "Hole", known: "Known", now: Any) -> str:
    covering = [each for each in known.accepted if each.covers(hole, now)]
    sign = "–" if covering else "✗" if hole.due <= now else "!"
    until = (
        f"aufgeschoben bis {covering[0].until:%d.%m.%Y} von {covering[0].by}: {covering[0].reason}"
        if covering
        else f"fällig {hole.due.astimezone():%d.%m.%Y, %H:%M} Uhr"
    )
    way = f"behoben in {hole.fixed_in}" if hole.fixed_in else "noch keine behobene Fassung bekannt"
    unsure = "" if hole.is_certain else "; ob diese Fassung betroffen ist, sagt die Meldung nicht"
    others = [name for name in hole.names if name != hole.name]
    also = f" ({', '.join(others)})" if others else ""
    return f"    {sign} {hole.name}{also}: {hole.component} {hole.version}, {hole.severity}, {until}, {way}{unsure}"


def _told() -> tuple[str, str, str]:
    from dentatool.operations.updates.told import told  # noqa: PLC0415

    instance, number = this_instance(), _server_number()
    if number is None:
        return "fehler", "die Datenbank antwortet nicht, ihre Fassung ist unbekannt", "dentatool doctor"
    return told(instance.var, number, production=instance.mode == "production")


def _lock_changed() -> Any:
    from dentatool.operations.updates.lock import lock  # noqa: PLC0415

    found = lock()
    return found.changed if found else None


def _server() -> str:
    from dentatool.operations.updates.installed import server_version  # noqa: PLC0415

    number = _server_number()
    return "" if number is None else server_version(number)


def _server_number() -> int | None:
    """What the running server says of itself; None where it does not answer."""
    import psycopg  # noqa: PLC0415

    from dentatool.operations.environment import connect  # noqa: PLC0415
    from dentatool.operations.secrets import database_of  # noqa: PLC0415

    try:
        with connect(database_of(this_instance().var), "app") as link:
            return int(link.info.server_version)
    except (OSError, ValueError, KeyError, psycopg.Error):
        return None
