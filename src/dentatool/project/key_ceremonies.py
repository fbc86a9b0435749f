"""What is done rarely: a new root key, a copy of the keys, and the end of a laboratory's keys."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dentatool.project.console import Failure, fail, say

if TYPE_CHECKING:
    from dentatool.protection.key_root import RootVersion


def root_arguments(parser: argparse.ArgumentParser) -> None:
    """Without either option both root keys stay."""
    old = parser.add_mutually_exclusive_group()
    old.add_argument(
        "--old-key-to", type=Path, metavar="DATEI",
        help="den alten Hauptschlüssel dorthin schreiben (etwa auf einen Stick) und hier entfernen",
    )  # fmt: skip
    old.add_argument(
        "--discard-old",
        action="store_true",
        help="den alten hier entfernen, ohne ihn aufzuheben: alte Sicherungen gehen verloren",
    )


def shred_arguments(parser: argparse.ArgumentParser) -> None:
    """The name has to be typed, here or there."""
    parser.add_argument("--lab", type=UUID, required=True, metavar="KENNUNG", help="siehe dentatool tenant list")
    parser.add_argument("--yes-name", metavar="NAME", help="Name des Labors, statt ihn auf Nachfrage einzutippen")


def rotate_root(options: argparse.Namespace) -> int:
    """0 only when no key is left under an older version."""
    from dentatool.protection.key_root import RootKeyError, is_complete, let_old_go, versions  # noqa: PLC0415
    from dentatool.protection.key_rotation import Busy  # noqa: PLC0415

    is_last_step = bool(options.old_key_to or options.discard_old)
    try:
        if options.old_key_to is not None and options.old_key_to.exists():
            raise Failure(f"{options.old_key_to} gibt es schon; sie wird nicht überschrieben. Nichts wurde geändert.")
        is_waiting = len(versions()) > 1 and is_complete()
        if is_waiting and not is_last_step:
            _explain(versions()[:-1])
            raise Failure(
                "Der letzte Wechsel ist noch nicht abgeschlossen: dentatool keys rotate-root --old-key-to DATEI nimmt den alten"
                " Hauptschlüssel heraus und hebt ihn auf, --discard-old hebt ihn nicht auf."
            )
        if not is_waiting and not _wrapped_anew():
            return 1
        if not (old := versions()[:-1]):
            return 0
        _explain(old)
        if not is_last_step:
            say("Beide bleiben vorerst. Zum Abschluss: dentatool keys rotate-root --old-key-to DATEI")
            return 0
        gone = let_old_go(options.old_key_to)
    except (RootKeyError, Busy) as problem:
        raise Failure(str(problem)) from problem
    where = f"liegt jetzt nur noch in {options.old_key_to}" if options.old_key_to else "ist entfernt"
    for each in gone:
        say(f"Fassung {each.version} ({each.fingerprint}) {where}.")
    return 0


def _wrapped_anew() -> bool:
    from dentatool.protection.key_root import rotate_root  # noqa: PLC0415

    done = rotate_root(_tell)
    if sys.stdout.isatty():
        print()
    begun = "zu Ende gebracht, was begonnen war" if done.resumed else "neu"
    say(
        f"Hauptschlüssel Fassung {done.version} ({begun}): {done.keys} Schlüssel von {done.laboratories} Laboren neu verpackt"
    )
    for lab_id, problem in done.failed.items():
        say(f"  ✗ {lab_id}: {problem}")
    if done.failed:
        fail(f"Bei {len(done.failed)} Laboren ging es nicht. Der alte Hauptschlüssel bleibt; nichts ist verloren.")
    return not done.failed


def _explain(old: "list[RootVersion]") -> None:
    for each in old:
        say(
            f"Alter Hauptschlüssel: Fassung {each.version} vom {each.made_on:%d.%m.%Y}, Fingerabdruck {each.fingerprint}"
        )
    say(
        "Sicherungen von vor heute öffnen sich nur mit ihm. Heben Sie ihn verschlossen und getrennt von den Sicherungen auf,"
    )
    say(
        "mit Datum und Fingerabdruck beschriftet, bis die letzte dieser Sicherungen gelöscht ist; dann vernichten Sie ihn."
    )


def _tell(done: int, total: int) -> None:
    if sys.stdout.isatty():
        print(f"\r  {done} von {total} Laboren   ", end="", flush=True)


def copy(options: argparse.Namespace) -> int:
    """Needs no database: a copy is made most urgently when something is wrong."""
    from dentatool.operations.key_copy import copy_keys, folder_of_keys  # noqa: PLC0415
    from dentatool.project.instance import this_instance  # noqa: PLC0415

    keys = folder_of_keys(this_instance().var)
    if not any(keys.glob("*")):
        raise Failure(f"In {keys} liegt kein Schlüssel.")
    try:
        done = copy_keys(keys, options.to)
    except OSError as problem:
        raise Failure(f"Kopieren nach {options.to} geht nicht: {problem.strerror or problem}.") from problem
    say(f"{done.files} Dateien nach {options.to} kopiert. Verschlossen und getrennt von den Sicherungen aufbewahren.")
    for name in done.removed:
        say(f"Dort gelöscht, weil hier vernichtet: {name}")
    return 0


def shred(options: argparse.Namespace) -> int:
    """Asks for the name, does it, and says what remains to be done by hand."""
    from dentatool.protection.key_rotation import every_laboratory  # noqa: PLC0415
    from dentatool.protection.shredding import destroyed, shred  # noqa: PLC0415

    names = {lab_id: name for lab_id, name, _active in every_laboratory()}
    if options.lab not in names:
        raise Failure(f"Ein Labor {options.lab} gibt es nicht. Alle zeigt: dentatool tenant list")
    name = names[options.lab]
    typed = options.yes_name
    if typed is None:
        if not sys.stdin.isatty():
            raise Failure("Zur Bestätigung den Namen des Labors nennen: --yes-name NAME")
        say(f"Alle versiegelten Daten von „{name}“ werden unlesbar, hier und in jeder Sicherung. Das ist endgültig.")
        typed = input("Zur Bestätigung den Namen des Labors eintippen: ")
    if typed.strip() != name:
        raise Failure("Der Name stimmt nicht. Nichts wurde geändert.")
    shred(options.lab)
    when = destroyed()[options.lab]
    say(
        f"Die Schlüssel von „{name}“ sind vernichtet ({when[:10]}). Das Labor ist geschlossen, seine Sitzungen sind beendet."
    )
    say(
        f"Noch von Hand: {options.lab}.key aus jeder aufgehobenen Kopie von var/keys/labs löschen, und die Kopie erneuern."
    )
    return 0
