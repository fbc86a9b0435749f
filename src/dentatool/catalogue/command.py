"""`dentatool prices import FILE --lab …`: the same steps as the page, for the command line."""

import sys
from pathlib import Path
from uuid import UUID

from dentatool.catalogue.importing import activate, changes_against_previous, draft_from_file
from dentatool.catalogue.price_file import MOST_BYTES, PriceFileError, read_price_file
from dentatool.kit.errors import NotYet
from dentatool.protection.tenancy import laboratory
from dentatool.team.queries import profile


def import_file(path: Path, lab_id: UUID, *, put_in_force: bool = False) -> int:
    """Import a price file as a draft (or put it in force at once); exit code 0 only when it did."""
    try:
        with path.open("rb") as file:
            found = read_price_file(path.name, file.read(MOST_BYTES + 1))
        with laboratory(lab_id):
            own = profile()
            if found.valid_from is None:
                raise NotYet("Der Dateiname nennt kein Datum (KKlaMMJJ.csv). Bitte die Seite „Preise einlesen“ verwenden.")
            made = draft_from_file(
                found, region=found.region or own.region, lab_type=own.lab_type, valid_from=found.valid_from
            )
            before, changes = changes_against_previous(made)
            if put_in_force:
                activate(made)
            lines = [f"{made}: {len(found.prices[own.lab_type])} Preise aus {found.name} ({found.encoding})"]
            lines += [f"  fehlt: {gap}" for gap in found.missing.get(own.lab_type, ())]
            lines += [f"  {len(changes)} Preise anders als in „{before}“"] if before else []
            lines += ["In Kraft gesetzt." if put_in_force else "Als Entwurf gespeichert; in Kraft setzen auf der Seite „Preise“."]
    except (OSError, PriceFileError, NotYet) as reason:
        sys.stderr.write(f"{path}: {reason}\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
