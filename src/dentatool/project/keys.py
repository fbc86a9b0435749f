"""dentatool keys: ages of all keys, new ones for laboratories and for the root, and the end of a laboratory's keys."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dentatool.project import key_ceremonies
from dentatool.project.console import Failure, fail, say
from dentatool.project.instance import start_django

if TYPE_CHECKING:
    from dentatool.protection.key_rotation import Progress, Rotated

_EVERY_S = 10.0
KINDS = {"data": "Werte", "index": "Suche", "file": "Dateien"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Each action is a line of docs/runbooks/schluessel.md."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="status|rotate|prune|rotate-root|copy|shred")
    status = actions.add_parser("status", help="Alter und Fassungen der Schlüssel; jeder wird zur Probe geöffnet")
    status.add_argument("--json", action="store_true", help="für Programme")
    status.add_argument("--usage", action="store_true", help="auch zählen, was welche Fassung braucht (liest alles)")
    rotate = actions.add_parser("rotate", help="Neue Schlüssel für Labore; alle arbeiten weiter")
    _which(rotate)
    rotate.add_argument(
        "--kind", choices=[*KINDS, "all"], default="all", help="Werte (data), Suche (index), Dateien (file)"
    )
    rotate.add_argument("--json", action="store_true", help="nur das Ergebnis, für Programme")
    rotate.add_argument("--rows-per-s", type=float, metavar="N", help="höchstens so viele Zeilen je Sekunde")
    prune = actions.add_parser("prune", help="Abgelöste Fassungen löschen, die nichts mehr braucht")
    _which(prune)
    key_ceremonies.root_arguments(
        actions.add_parser("rotate-root", help="Neuer Hauptschlüssel; alle Schlüssel der Labore werden neu verpackt")
    )
    copy = actions.add_parser("copy", help="Hauptschlüssel und Geheimnisse der Labore an einen anderen Ort kopieren")
    copy.add_argument(
        "--to", type=Path, required=True, metavar="ORDNER", help="etwa auf einem Stick, nicht zu den Sicherungen"
    )
    key_ceremonies.shred_arguments(
        actions.add_parser("shred", help="Die Schlüssel eines Labors vernichten: Seine Daten werden überall unlesbar")
    )


def _which(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--lab", type=UUID, metavar="KENNUNG", help="ein Labor (siehe dentatool tenant list)")
    which.add_argument("--all", action="store_true", help="alle Labore nacheinander, auch geschlossene")


def call(options: argparse.Namespace) -> int:
    """Exit code 0 only when everything was done and every key opens."""
    if options.action == "copy":
        return key_ceremonies.copy(options)
    start_django("owner")
    from django.db import OperationalError  # noqa: PLC0415  (of Django, once it is set up)

    try:
        return _done(options)
    except OperationalError as gone:
        raise Failure(
            "Die Datenbank antwortet nicht. Läuft DentaTool? „dentatool doctor“ sagt, was fehlt. Was begonnen war, bringt"
            " dasselbe Kommando später zu Ende."
        ) from gone


def _done(options: argparse.Namespace) -> int:
    from dentatool.project import key_report  # noqa: PLC0415  (it needs our words)

    if options.action == "status":
        return key_report.status(as_json=options.json, with_usage=options.usage)
    done = {
        "rotate": _rotate, "prune": _prune, "rotate-root": key_ceremonies.rotate_root, "shred": key_ceremonies.shred
    }[options.action](options)  # fmt: skip
    return int(done)


def laboratories(options: argparse.Namespace) -> list[tuple[UUID, str]]:
    """Those that were named."""
    from dentatool.protection.key_rotation import every_laboratory  # noqa: PLC0415

    found = [(lab_id, name) for lab_id, name, _active in every_laboratory() if options.lab in (None, lab_id)]
    if options.lab and not found:
        raise Failure(f"Ein Labor {options.lab} gibt es nicht. Alle zeigt: dentatool tenant list")
    return found


def _rotate(options: argparse.Namespace) -> int:
    from dentatool.protection.key_rotation import Busy, rotate  # noqa: PLC0415
    from dentatool.protection.key_status import RootKeyError  # noqa: PLC0415

    if options.rows_per_s is not None and options.rows_per_s <= 0:
        raise Failure("--rows-per-s muss größer als 0 sein.")
    kinds = tuple(KINDS) if options.kind == "all" else (options.kind,)
    results = []
    for lab_id, name in laboratories(options):
        line = _Line(is_quiet=options.json)
        if not options.json:
            say(f"{lab_id}  {name}")
        try:
            done = rotate(lab_id, kinds, rows_per_s=options.rows_per_s, tell=line.tell)
        except (Busy, RootKeyError) as problem:
            raise Failure(str(problem)) from problem
        line.end()
        results.append({"lab_id": str(lab_id), **asdict(done)})
        if not options.json:
            _tell_of(done)
    if options.json:
        say(json.dumps(results))
    else:
        say("Die alten Fassungen öffnen weiter, was das Protokoll von früher enthält. Nach zehn Minuten löscht")
        say(
            "„dentatool keys prune“, was nichts mehr braucht; was es noch braucht, zeigt „dentatool keys status --usage“."
        )
    unreadable = sum(result["unreadable"] for result in results)
    return fail(f"{unreadable} Werte sind nicht lesbar; siehe docs/runbooks/schluessel.md.") if unreadable else 0


def _tell_of(done: "Rotated") -> None:
    new = ", ".join(f"{KINDS[kind]} Fassung {version}" for kind, version in done.versions.items())
    begun = "zu Ende gebracht, was begonnen war" if done.resumed else "neu"
    rate = done.rows / done.seconds if done.seconds else 0
    say(f"  {new} ({begun}): {done.rows} Zeilen, {done.values} Werte in {done.seconds:.1f} s, {rate:.0f} Zeilen/s")
    if done.unreadable:
        say(f"  ! {done.unreadable} Werte sind nicht lesbar und blieben, wie sie sind.")


class _Line:
    """On a terminal one line that moves; through a pipe a line every ten seconds."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._moves, self._next = sys.stdout.isatty() and not is_quiet, time.monotonic() + _EVERY_S
        self._is_quiet = is_quiet

    def tell(self, now: "Progress") -> None:
        told = f"  {now.done} von {now.total} Zeilen, {now.per_s:.0f}/s, noch {now.remaining_s:.0f} s"
        if self._moves:
            print(f"\r{told}   ", end="", flush=True)
        elif not self._is_quiet and time.monotonic() > self._next:
            self._next = time.monotonic() + _EVERY_S
            say(told)

    def end(self) -> None:
        if self._moves:
            print()


def _prune(options: argparse.Namespace) -> int:
    from dentatool.protection.key_rotation import Busy, destroy_unused  # noqa: PLC0415

    for lab_id, name in laboratories(options):
        try:
            gone = destroy_unused(lab_id)
        except Busy as problem:
            raise Failure(str(problem)) from problem
        told = ", ".join(f"{KINDS[kind]} Fassung {version}" for kind, version in gone) or "nichts zu löschen"
        say(f"{lab_id}  {name}: {told}")
    return 0
