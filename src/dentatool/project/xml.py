"""dentatool xml check FILE…: Laborabrechnungsdaten against schema and trade rules. Needs no database."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Files to check; `--json` for machines."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="check")
    checking = actions.add_parser("check", help="Dateien prüfen: Schema und Regeln der Abrechnung")
    checking.add_argument("files", nargs="+", metavar="DATEI")
    checking.add_argument("--json", action="store_true", help="Ergebnis als JSON")


def call(options: argparse.Namespace) -> int:
    """1 and the reasons if any file would be refused by a practice's program."""
    from dentatool.billing.kzbv_xml.command import main_check  # noqa: PLC0415

    return main_check(options.files, json=options.json)
