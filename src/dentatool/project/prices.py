"""dentatool prices import FILE --lab ID: a KZV price list on the command line."""

import argparse
from pathlib import Path
from uuid import UUID

from dentatool.project.console import Failure
from dentatool.project.instance import start_django


def arguments(parser: argparse.ArgumentParser) -> None:
    """As on the page „Preise einlesen“: a draft first, in force only when asked."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="import")
    importing = actions.add_parser("import", help="Preisdatei einer KZV einlesen")
    importing.add_argument("file", type=Path, metavar="DATEI")
    importing.add_argument("--lab", required=True, metavar="KENNUNG", help="Kennung des Labors (dentatool tenant list)")
    importing.add_argument("--activate", action="store_true", help="sofort in Kraft setzen, nicht nur als Entwurf")


def call(options: argparse.Namespace) -> int:
    """0 only if the list was imported."""
    try:
        lab_id = UUID(options.lab)
    except ValueError:
        raise Failure(f"{options.lab!r} ist keine Kennung eines Labors. `dentatool tenant list` zeigt sie.") from None
    start_django("worker")
    from dentatool.project.tenant import laboratory_ids  # noqa: PLC0415

    if lab_id not in laboratory_ids():
        raise Failure(f"Das Labor {lab_id} gibt es nicht. `dentatool tenant list` zeigt alle.")
    from dentatool.catalogue.command import import_file  # noqa: PLC0415

    return import_file(options.file, lab_id, activate=options.activate)
