"""dentatool keys status: which keys each laboratory has, and whether the root key opens them."""

import argparse
from uuid import UUID

from dentatool.project.console import fail, say
from dentatool.project.instance import start_django
from dentatool.project.tenant import laboratory_ids

_KINDS = {"data": "Werte", "index": "Suche", "file": "Dateien"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """One action so far."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="status")
    actions.add_parser("status", help="Fassungen der Schlüssel je Labor; jeder wird zur Probe geöffnet")


def call(options: argparse.Namespace) -> int:
    """Open every key once. Exit code 1 if the root key or any key of a laboratory is unusable."""
    start_django("worker")
    from dentatool.protection.key_status import RootKeyError, check_root_key  # noqa: PLC0415

    try:
        check_root_key()
    except RootKeyError as error:
        return fail(f"Hauptschlüssel: {error}")
    unusable = [lab_id for lab_id in laboratory_ids() if not _shown(lab_id)]
    if unusable:
        return fail(f"Bei {len(unusable)} Laboren ist ein Schlüssel nicht zu öffnen.")
    say("Alle Schlüssel lassen sich mit dem Hauptschlüssel öffnen.")
    return 0


def _shown(lab_id: UUID) -> bool:
    from dentatool.protection.key_status import keys_of  # noqa: PLC0415
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    with laboratory(lab_id):
        found = keys_of(lab_id)
    missing = [name for kind, name in _KINDS.items() if not any(key.kind == kind for key in found)]
    versions = ", ".join(
        f"{_KINDS[key.kind]} {key.version} vom {key.made_on:%d.%m.%Y}{'' if key.opens else ' NICHT ZU ÖFFNEN'}"
        for key in found
    )
    say(f"{lab_id}  {versions}{''.join(f'  {name} FEHLT' for name in missing)}")
    return not missing and all(key.opens for key in found)
