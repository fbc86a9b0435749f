"""From the lines of a price file to prices in cents; what is missing or odd is noted, what contradicts is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from dentatool.catalogue.bel import printed_number, services
from dentatool.catalogue.price_file.layout import Layout, number_in
from dentatool.catalogue.price_file.model import ALL_AREAS, COMMERCIAL, PRACTICE, Missing, PriceFileError
from dentatool.catalogue.price_file.text import Row
from dentatool.values.text import fold

# Bounded: int() refuses texts of thousands of digits, and \d would take digits of other scripts.
_PRICE: Final = re.compile(r"^([0-9]{1,3}(?:\.[0-9]{3}){1,4}|[0-9]{1,15})(?:,([0-9]{1,2}))?$")
_NOT_BILLABLE: Final = {"", "-", "--", "*", "**", "***", "entfällt"}
# Versandkosten: the practice's own laboratory sends nothing, so its price is nought (BEL II).
_SHIPPING: Final = frozenset(number for number in services() if number.startswith("933"))


@dataclass
class Gathered:
    """Prices by lab type, number and area in cents, and what was noticed on the way."""

    prices: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: {COMMERCIAL: {}, PRACTICE: {}})
    seen: set[str] = field(default_factory=set)
    unknown: list[tuple[int, str, str]] = field(default_factory=list)  # line, number as written, text
    remarks: list[str] = field(default_factory=list)


def gather(rows: list[Row], layout: Layout) -> Gathered:
    """Every line's prices. Raises PriceFileError at the first line that is not whole or contradicts another."""
    gathered = Gathered()
    known = services()
    for place, cells in rows:
        number = number_in(cells[0])
        if number is None:
            raise PriceFileError(f"Zeile {place}: „{cells[0][:20]}“ ist keine BEL-Nummer. Es wurde nichts übernommen.")
        if len(cells) < layout.first_price + len(layout.kinds) - _blanks_allowed(layout):
            raise PriceFileError(
                f"Zeile {place} ist unvollständig. Die Datei ist wohl abgeschnitten; bitte neu herunterladen."
            )
        if any(cells[layout.first_price + len(layout.kinds) :]):
            raise PriceFileError(
                f"Zeile {place} hat zu viele Spalten; zwei Zeilen sind wohl zusammengeraten. Bitte neu herunterladen."
            )
        if number not in known and (whole := cells[0].replace(" ", "") + "0") in known and len(whole) == 4:
            gathered.remarks.append(f"Zeile {place}: Nummer „{cells[0]}“ als {printed_number(whole)} gelesen")
            number = whole
        if number not in known:
            gathered.unknown.append((place, cells[0], cells[layout.text]))
            continue
        found = _prices_of_line(place, number, cells, layout)
        for kind, by_area in found.items():
            _merge(place, number, kind, by_area, gathered)
        gathered.seen.add(number)
        _note_other_text(number, cells[layout.text], gathered)
    return gathered


def _blanks_allowed(layout: Layout) -> int:
    """Trailing empty columns may be left away in single lines of the wide forms."""
    return len(layout.kinds) - 2 if len(layout.kinds) > 2 else 0


def _prices_of_line(place: int, number: str, cells: list[str], layout: Layout) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {COMMERCIAL: {}, PRACTICE: {}}
    written: dict[tuple[str, str], bool] = {}
    for at, (kind, area) in enumerate(zip(layout.kinds, layout.areas, strict=True), layout.first_price):
        cents = _cents(place, cells[at] if at < len(cells) else "")
        written[kind, area] = cents == 0
        if cents:
            found[kind][area] = cents
    if number in _SHIPPING:
        for area in found[COMMERCIAL]:
            if written.get((PRACTICE, area)):
                found[PRACTICE].setdefault(area, 0)
    return {kind: _for_all_areas(by_area) for kind, by_area in found.items()}


def _for_all_areas(by_area: dict[str, int]) -> dict[str, int]:
    """Only the first column filled, or every area alike: one price for all (domain.md 2.1)."""
    if set(by_area) == {"KCH"} or (len(by_area) >= 4 and len(set(by_area.values())) == 1):
        return {ALL_AREAS: next(iter(by_area.values()))}
    return by_area


def _cents(place: int, cell: str) -> int | None:
    text = cell.removesuffix("€").strip()
    if text.lower() in _NOT_BILLABLE:
        return None
    if (match := _PRICE.match(text)) is None:
        raise PriceFileError(
            f"Zeile {place}: „{cell[:20]}“ ist kein Preis (erwartet z. B. 12,34). Es wurde nichts übernommen."
        )
    euros, cents = match.groups()
    value = int(euros.replace(".", "")) * 100 + int((cents or "0").ljust(2, "0"))
    if value > 999_999:
        raise PriceFileError(f"Zeile {place}: {cell[:20]} ist zu hoch; höchstens 9.999,99. Es wurde nichts übernommen.")
    return value


def _merge(place: int, number: str, kind: str, by_area: dict[str, int], gathered: Gathered) -> None:
    """A number may stand twice, once for each group of areas; two different prices are a broken file."""
    held = gathered.prices[kind].setdefault(number, {}) if by_area else gathered.prices[kind].get(number, {})
    for area, cents in by_area.items():
        if held.get(area, cents) != cents:
            raise PriceFileError(
                f"Zeile {place}: BEL {printed_number(number)} steht zweimal mit verschiedenen Preisen in der Datei. "
                "Es wurde nichts übernommen."
            )
        held[area] = cents


def _note_other_text(number: str, text: str, gathered: Gathered) -> None:
    official = services()[number].short_text
    if fold(text)[:12] != fold(official)[:12]:
        gathered.remarks.append(f"{printed_number(number)}: Text „{text[:60]}“ statt „{official}“")


def missing_in(kind: str, gathered: Gathered) -> Iterator[Missing]:
    """The BEL numbers without a price for this kind of laboratory, and why."""
    for number in services():
        if number in gathered.prices[kind]:
            continue
        if number in gathered.seen:
            yield Missing(number, "steht in der Datei, aber ohne Preis für diese Art von Labor")
        else:
            yield Missing(number, "steht nicht in der Datei" + _perhaps_meant(number, gathered))


def _perhaps_meant(number: str, gathered: Gathered) -> str:
    """A line whose number lost its last digit; it is named, never guessed."""
    for place, written, text in gathered.unknown:
        if len(written) == 3 and number.startswith(written):
            return f"; vielleicht meint Zeile {place} „{written} {text[:60]}“ diese Nummer"
    return ""
