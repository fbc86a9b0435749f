"""`dentatool prices import FILE --lab …`: the same steps as the page, for the command line."""

import sys
from pathlib import Path
from uuid import UUID

from dentatool.catalogue import importing
from dentatool.catalogue.price_file import MOST_BYTES, PriceFile, PriceFileError, read_price_file
from dentatool.kit.errors import NotYet
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory
from dentatool.team.queries import profile


def import_file(path: Path, lab_id: UUID, *, activate: bool = False) -> int:
    """Import a price file as a draft, or put it in force at once. Exit code 0 only when it did.

    A list with gaps stays a draft whatever was asked: a person looks at it first, on the page.
    """
    try:
        with path.open("rb") as file:
            found = read_price_file(path.name, file.read(MOST_BYTES + 1))
        with laboratory(lab_id):
            record_event("sys_admin", command="prices import")
            lines, is_done = _take_over(found, activate=activate)
    except OSError:
        sys.stderr.write(
            f"{path}: Die Datei lässt sich nicht öffnen. Bitte Pfad und Leserecht prüfen.\nEs wurde nichts geändert.\n"
        )
        return 1
    except (PriceFileError, NotYet) as reason:
        sys.stderr.write(f"{path}: {reason}\nEs wurde nichts geändert.\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if is_done else 1


def _take_over(found: PriceFile, *, activate: bool) -> tuple[list[str], bool]:
    own = profile()
    if found.valid_from is None:
        raise NotYet("Der Dateiname nennt kein Datum (KKlaMMJJ.csv). Bitte die Seite „Preise einlesen“ verwenden.")
    region = found.region or own.region
    before = importing.list_before(region=region, lab_type=own.lab_type, day=found.valid_from)
    made = importing.draft_from_file(found, region=region, lab_type=own.lab_type, valid_from=found.valid_from)
    lines = [str(made), *(f"  {line}" for line in made.report.splitlines())]
    if before is not None:
        changes = importing.changes_between(importing.prices_on(before), importing.prices_on(made))
        notable = sum(change.is_notable for change in changes)
        lines.append(f"  {len(changes)} Preise anders als in „{before}“, davon {notable} auffällig.")
    if activate and (gaps := len(found.missing.get(own.lab_type, ()))):
        many = f"{gaps} Preise fehlen" if gaps > 1 else "Ein Preis fehlt"
        return [
            *lines,
            f"{many}, darum nur als Entwurf gespeichert. Ansehen und in Kraft setzen: Seite „Preise“.",
        ], False
    if activate:
        importing.activate(made)
        return [*lines, f"In Kraft für Lieferungen ab {made.valid_from:%d.%m.%Y}."], True
    return [*lines, "Als Entwurf gespeichert. In Kraft setzen: Seite „Preise“ oder mit --activate."], True
