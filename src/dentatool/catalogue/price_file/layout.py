"""Which column of a price file is which: by count and shape, from the commonest form of line."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from dentatool.catalogue.price_file.model import ALL_AREAS, COMMERCIAL, PRACTICE, PriceFileError
from dentatool.catalogue.price_file.text import Row

# Columns of the full form after number, text and Kassenart: pairs Praxislabor/Gewerbelabor by area.
AREAS: Final = ("KCH", "ZE", "KFO", "KB", "PA")
_CENTS: Final = re.compile(r",[0-9]{2}$")


@dataclass
class Layout:
    """Where things stand in a line of this file."""

    columns: int
    text: int
    first_price: int
    kinds: tuple[str, ...]  # lab type of each price column
    areas: tuple[str, ...]  # area of each price column


def number_in(cell: str) -> str | None:
    """The four digits of a BEL number, with the leading zeros that some files leave away."""
    digits = cell.replace(" ", "")
    return digits.zfill(4) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None


def without_header(rows: list[Row]) -> list[Row]:
    """A first line without a number is the header, whatever its words."""
    return rows[1:] if rows and number_in(rows[0][1][0]) is None else rows


def layout_of(name: str, rows: list[Row]) -> Layout:
    """Columns by count and shape, from the commonest form of line."""
    if not rows:
        raise PriceFileError("Die Datei enthält keine Zeilen mit Preisen.")
    (columns, twice), count = Counter(_shape(cells) for _place, cells in rows).most_common(1)[0]
    if columns < 3:
        raise PriceFileError("Die Spalten sind nicht durch Semikolon getrennt. Erwartet wird die CSV-Datei der KZV.")
    if count * 10 < len(rows) * 8:
        place = next(place for place, cells in rows if _shape(cells) != (columns, twice))
        raise PriceFileError(
            f"Die Zeilen sind verschieden aufgebaut (zuerst Zeile {place}). Bitte die Datei neu herunterladen."
        )
    text = 2 if twice else 1
    return _columns_after(text, columns, name)


def refuse_torn_end(text: str, rows: list[Row], layout: Layout) -> None:
    """The last line must be whole: a price cut after its first decimal would still read like a price."""
    place, last = rows[-1]
    others = [cells for _place, cells in rows[:-1]]
    is_short = len(last) < layout.columns and (not others or len(last) < len(others[-1]))
    if not is_short and not text.endswith(("\n", "\r")) and last[-1]:
        written_out = sum(bool(_CENTS.search(cells[-1])) for cells in others if cells[-1])
        is_short = not _CENTS.search(last[-1]) and written_out * 10 > 9 * len(others)
    if is_short:
        raise PriceFileError(
            f"Zeile {place} ist unvollständig. Die Datei ist wohl abgeschnitten; bitte neu herunterladen."
        )


def _shape(cells: list[str]) -> tuple[int, bool]:
    return len(cells), len(cells) > 2 and _same_number_twice(cells)


def _same_number_twice(cells: list[str]) -> bool:
    return number_in(cells[0]) is not None and number_in(cells[0]) == number_in(cells[1])


def _columns_after(text: int, columns: int, name: str) -> Layout:
    rest = columns - text - 1
    if rest == 1:  # one price only: the name says for whom
        kind = PRACTICE if "praxis" in name.lower() else COMMERCIAL
        return Layout(columns, text, text + 1, (kind,), (ALL_AREAS,))
    if rest in (2, 3):
        return Layout(columns, text, columns - 2, (PRACTICE, COMMERCIAL), (ALL_AREAS, ALL_AREAS))
    pairs = min((rest - 1) // 2, len(AREAS))
    if pairs < 2 or rest - 1 - 2 * pairs > 1:
        raise PriceFileError(
            f"{columns} Spalten kommen in keiner bekannten Preisliste vor. Bekannt sind 3 bis 6, 12, 14 und 15."
        )
    areas = tuple(area for area in AREAS[:pairs] for _kind in range(2))
    return Layout(columns, text, text + 2, (PRACTICE, COMMERCIAL) * pairs, areas)
