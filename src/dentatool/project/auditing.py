"""Checking sealed trails, here or from an export: the first bad entry is named, and the exit code is not 0."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from dentatool.project.console import Failure, fail, printable, say
from dentatool.project.instance import start_django, this_instance
from dentatool.values.checkpoint import name_of_trail

if TYPE_CHECKING:
    from dentatool.protection.audit.sealing import Report

_NAMED = 10


def verify(options: argparse.Namespace) -> int:
    """The database's protection, and one trail or all. What is wrong is noted as a critical event."""
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


def nightly(options: argparse.Namespace) -> int:
    """All trails, those first that were looked at longest ago; the doctor, and so the monitoring, tells what was found."""
    os.nice(10)
    start_django("owner")
    from dentatool.operations.trails.nightly import check_all  # noqa: PLC0415
    from dentatool.protection.audit.sealing import all_trails, tell_chain_broken  # noqa: PLC0415

    var, begun = this_instance().var, time.monotonic()

    def check(tree: UUID) -> tuple[int, str]:
        try:
            report = _report(tree)
        except Exception as failure:  # whatever it is: the others are looked at, and "could not check" is never good
            return 0, f"Das Protokoll war nicht zu prüfen ({type(failure).__name__})"
        if report.first is None:
            return report.sealed, ""
        _tell(report, as_json=False)
        tell_chain_broken(tree, str(report.first))
        return report.sealed, printable(str(report.first))

    memory = check_all(var, all_trails(), check)
    entries, seconds = sum(each.sealed for each in memory.trails.values()), time.monotonic() - begun
    if memory.wrong:
        return fail(f"{len(memory.wrong)} von {len(memory.trails)} Protokollen sind nicht, wie sie versiegelt wurden.")
    say(f"{len(memory.trails)} Protokolle mit {entries} Einträgen unverändert, in {seconds:.1f} s nachgerechnet.")
    return 0


def _changes_of_the_database() -> list[str]:
    """Triggers, functions, rights: what writes the trail must be the program's own."""
    from django.db import connection  # noqa: PLC0415

    from dentatool.protection.tenancy import inspect_database  # noqa: PLC0415

    with connection.cursor() as cursor:
        return [str(deviation) for deviation in inspect_database(cursor)]


def _reports(lab: str | None) -> Iterator["Report"]:
    from dentatool.protection.audit.sealing import all_trails  # noqa: PLC0415

    for tree in [tree_named(lab)] if lab else all_trails():
        yield _report(tree)


def _report(tree: UUID) -> "Report":
    from django.db import DatabaseError, connection  # noqa: PLC0415

    from dentatool.protection.audit.sealing import (  # noqa: PLC0415
        Finding,
        Report,
        check_trail,
        trail_key,
        witness_folder,
    )
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    try:
        with laboratory(tree):
            return check_trail(trail_key().public, witness_folder())
    except DatabaseError as error:  # a table is missing, a column, a right
        connection.close()
        reason = str(error).splitlines()[0]
        return Report(tree, findings=[Finding(0, f"Das Protokoll ist nicht lesbar: {reason}")])


def tree_named(lab: str) -> UUID:
    """Of what was typed: a laboratory's id, or `platform`."""
    try:
        return UUID(int=0) if lab == "platform" else UUID(lab)
    except ValueError as error:
        raise Failure(f"„{lab}“ ist keine Kennung eines Labors. „dentatool tenant list“ zeigt sie.") from error


def _tell(report: "Report", *, as_json: bool) -> None:
    name = name_of_trail(report.tree)
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


def verify_export(options: argparse.Namespace) -> int:
    """Needs neither database nor server."""
    from dentatool.values.trail_export import ExportError, check_export  # noqa: PLC0415

    try:
        public = bytes.fromhex(options.key) if options.key else own_key()
        earlier = options.checkpoint.read_text().strip() + "\n" if options.checkpoint else None
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


def own_key() -> bytes:
    """The public key of this installation's checkpoints."""
    from dentatool.values.checkpoint import TrailKey  # noqa: PLC0415

    file = this_instance().var / "secrets" / "trail.key"
    if not file.exists():
        raise Failure("Hier ist kein Schlüssel. Geben Sie den öffentlichen Schlüssel mit --key an.")
    return TrailKey.from_file(file).public
