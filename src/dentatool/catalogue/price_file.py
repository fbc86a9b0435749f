"""BEL II price lists as the KZVs publish them (VDDS price CSV and its many relatives). Pure.

Promise: either a PriceFile whose prices are exactly those of the file, with a report of what is
missing or odd, or a PriceFileError that says in German what is wrong and what to do. Nothing in
between: a price is never guessed and never computed (Praxislabor rounding is not uniform).
Units: integer cents. Sources: domain.md 2.1; the variants are those of the published files.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from dentatool.catalogue.bel import printed_number, services
from dentatool.values.text import fold

MOST_BYTES: Final = 1_000_000  # real files have 7 to 20 kB
MOST_LINES: Final = 5_000
FEWEST_NUMBERS: Final = 150  # lists before 2022 have 156; fewer is a torn file, not a list with gaps
COMMERCIAL, PRACTICE = "gewerbe", "praxis"
# Columns of the full form after number, text and Kassenart: pairs Praxislabor/Gewerbelabor by area.
AREAS: Final = ("KCH", "ZE", "KFO", "KB", "PA")
ALL_AREAS: Final = ""

REGION_OF_KZV: Final = {
    "02": "BW", "04": "NS", "06": "RP", "11": "BY", "13": "NR", "20": "HS", "30": "BE", "31": "HB", "32": "HH",
    "35": "SAA", "36": "SH", "37": "WL", "52": "MVO", "53": "BBG", "54": "SAN", "55": "TH", "56": "SA",
}  # fmt: skip
_NAME: Final = re.compile(r"(?:^|\D)(\d{2})[il]a(\d{2})(\d{2})", re.IGNORECASE)
_DAY_IN_NAME: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
# Bounded: int() refuses texts of thousands of digits, and \d would take digits of other scripts.
_PRICE: Final = re.compile(r"^([0-9]{1,3}(?:\.[0-9]{3}){1,4}|[0-9]{1,15})(?:,([0-9]{1,2}))?$")
_CENTS: Final = re.compile(r",[0-9]{2}$")
_NOT_BILLABLE: Final = {"", "-", "--", "*", "**", "***", "entfällt"}
# Versandkosten: the practice's own laboratory sends nothing, so its price is nought (BEL II).
_SHIPPING: Final = frozenset(number for number in services() if number.startswith("933"))


class PriceFileError(ValueError):
    """The file is no price list that can be taken over; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A BEL number without a price, and why."""

    number: str
    reason: str

    def __str__(self) -> str:
        return f"{printed_number(self.number)}: {self.reason}"


@dataclass(frozen=True)
class PriceFile:
    """What a file says. `prices[lab_type][number][area]` in cents; area "" means every area."""

    name: str
    sha256: str
    encoding: str
    columns: int
    region: str | None
    valid_from: date | None
    prices: dict[str, dict[str, dict[str, int]]]
    missing: dict[str, tuple[Missing, ...]]
    unknown_numbers: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def lab_types(self) -> tuple[str, ...]:
        """The kinds of laboratory that the file has prices for."""
        return tuple(kind for kind in (COMMERCIAL, PRACTICE) if self.prices[kind])


@dataclass
class _Layout:
    """Where things stand in a line of this file."""

    columns: int
    text: int
    first_price: int
    kinds: tuple[str, ...]  # lab type of each price column
    areas: tuple[str, ...]  # area of each price column


@dataclass
class _Gathered:
    prices: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: {COMMERCIAL: {}, PRACTICE: {}})
    seen: set[str] = field(default_factory=set)
    unknown: list[tuple[int, str, str]] = field(default_factory=list)  # line, number as written, text
    remarks: list[str] = field(default_factory=list)


def read_price_file(name: str, data: bytes) -> PriceFile:
    """Read a published list. Raises PriceFileError; never anything else."""
    _refuse_what_is_no_text(data)
    text, encoding = _decode(data)
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip(" ;\t\ufeff\x1a")]
    if len(lines) > MOST_LINES:
        raise PriceFileError(
            f"Die Datei hat {len(lines)} Zeilen; eine Preisliste hat etwa 175. Bitte die richtige Datei wählen."
        )
    rows = [(place, [cell.strip() for cell in line.split(";")]) for place, line in lines]
    rows = _without_header(rows)
    layout = _layout_of(name, rows)
    _refuse_torn_end(text, rows, layout)
    gathered = _gather(rows, layout)
    if len(gathered.seen) < FEWEST_NUMBERS:
        raise PriceFileError(
            f"Nur {len(gathered.seen)} BEL-Nummern gefunden, erwartet werden {len(services())}. "
            "Die Datei ist wohl abgeschnitten oder keine BEL-II-Preisliste. Bitte neu herunterladen."
        )
    if max(gathered.seen) < max(services()):  # every list goes up to 970 0
        raise PriceFileError(
            f"Die Datei endet bei BEL {printed_number(max(gathered.seen))}; die letzten Nummern fehlen. "
            "Sie ist wohl abgeschnitten. Bitte neu herunterladen."
        )
    return PriceFile(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        encoding=encoding,
        columns=layout.columns,
        region=_region(name),
        valid_from=_valid_from(name),
        prices=gathered.prices,
        missing={kind: tuple(_missing(kind, gathered)) for kind in gathered.prices if gathered.prices[kind]},
        unknown_numbers=tuple(written for _place, written, _text in gathered.unknown),
        remarks=tuple(gathered.remarks),
    )


def _refuse_what_is_no_text(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise PriceFileError(f"Die Datei ist größer als {MOST_BYTES // 1000} kB. Eine Preisliste hat etwa 20 kB.")
    start = data.lstrip()[:200].lower()
    if not start:
        raise PriceFileError("Die Datei ist leer.")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise PriceFileError(
            "Das ist eine Excel-Datei. Bitte in Excel als CSV mit Semikolon speichern und noch einmal einlesen."
        )
    if data.startswith(b"%PDF"):
        raise PriceFileError("Das ist ein PDF. Bitte die CSV-Datei der KZV einlesen.")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise PriceFileError("Das ist eine Internetseite, keine Preisliste. Bitte die CSV-Datei selbst herunterladen.")
    if b"\0" in data:
        raise PriceFileError("Die Datei ist kein Text (oder UTF-16). Bitte als CSV in ANSI oder UTF-8 speichern.")


def _decode(data: bytes) -> tuple[str, str]:
    """UTF-8 if it is; else the old code page in which most short texts read like the official ones."""
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    official = {_exact(service.short_text) for service in services().values()}
    candidates = []
    for codec, label in (("cp1252", "Windows-1252"), ("cp850", "DOS (cp850)")):
        text = data.decode(codec, errors="replace")
        cells = (_exact(cell) for line in text.splitlines() for cell in line.split(";"))
        candidates.append((sum(cell in official for cell in cells), text.count("\ufffd"), text, label))
    _hits, broken, text, label = max(candidates, key=lambda found: (found[0], -found[1]))
    if broken:
        raise PriceFileError("Die Zeichen der Datei sind nicht lesbar. Bitte als CSV in ANSI oder UTF-8 speichern.")
    return text, label


def _exact(text: str) -> str:
    return " ".join(text.split())


def _number(cell: str) -> str | None:
    digits = cell.replace(" ", "")
    return digits.zfill(4) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else None


def _without_header(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """A first line without a number is the header, whatever its words."""
    return rows[1:] if rows and _number(rows[0][1][0]) is None else rows


def _layout_of(name: str, rows: list[tuple[int, list[str]]]) -> _Layout:
    """Columns by count and shape, from the commonest form of line."""
    if not rows:
        raise PriceFileError("Die Datei enthält keine Zeilen mit Preisen.")
    shape = Counter((len(cells), len(cells) > 2 and _same_number_twice(cells)) for _place, cells in rows)
    (columns, twice), count = shape.most_common(1)[0]
    if columns < 3:
        raise PriceFileError("Die Spalten sind nicht durch Semikolon getrennt. Erwartet wird die CSV-Datei der KZV.")
    if count * 10 < len(rows) * 8:
        place = next(place for place, cells in rows if len(cells) != columns)
        raise PriceFileError(
            f"Die Zeilen haben verschieden viele Spalten (zuerst Zeile {place}). Bitte die Datei neu herunterladen."
        )
    text = 2 if twice else 1
    return _columns_after(text, columns, name)


def _refuse_torn_end(text: str, rows: list[tuple[int, list[str]]], layout: _Layout) -> None:
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


def _same_number_twice(cells: list[str]) -> bool:
    return _number(cells[0]) is not None and _number(cells[0]) == _number(cells[1])


def _columns_after(text: int, columns: int, name: str) -> _Layout:
    rest = columns - text - 1
    if rest == 1:  # one price only: the name says for whom
        kind = PRACTICE if "praxis" in name.lower() else COMMERCIAL
        return _Layout(columns, text, text + 1, (kind,), (ALL_AREAS,))
    if rest in (2, 3):
        return _Layout(columns, text, columns - 2, (PRACTICE, COMMERCIAL), (ALL_AREAS, ALL_AREAS))
    pairs = min((rest - 1) // 2, len(AREAS))
    if pairs < 2 or rest - 1 - 2 * pairs > 1:
        raise PriceFileError(
            f"{columns} Spalten kommen in keiner bekannten Preisliste vor. Bekannt sind 3 bis 6, 12, 14 und 15."
        )
    areas = tuple(area for area in AREAS[:pairs] for _kind in range(2))
    return _Layout(columns, text, text + 2, (PRACTICE, COMMERCIAL) * pairs, areas)


def _gather(rows: list[tuple[int, list[str]]], layout: _Layout) -> _Gathered:
    gathered = _Gathered()
    known = services()
    for place, cells in rows:
        number = _number(cells[0])
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


def _blanks_allowed(layout: _Layout) -> int:
    """Trailing empty columns may be left away in single lines of the wide forms."""
    return len(layout.kinds) - 2 if len(layout.kinds) > 2 else 0


def _prices_of_line(place: int, number: str, cells: list[str], layout: _Layout) -> dict[str, dict[str, int]]:
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


def _merge(place: int, number: str, kind: str, by_area: dict[str, int], gathered: _Gathered) -> None:
    """A number may stand twice, once for each group of areas; two different prices are a broken file."""
    held = gathered.prices[kind].setdefault(number, {}) if by_area else gathered.prices[kind].get(number, {})
    for area, cents in by_area.items():
        if held.get(area, cents) != cents:
            raise PriceFileError(
                f"Zeile {place}: BEL {printed_number(number)} steht zweimal mit verschiedenen Preisen in der Datei. "
                "Es wurde nichts übernommen."
            )
        held[area] = cents


def _note_other_text(number: str, text: str, gathered: _Gathered) -> None:
    official = services()[number].short_text
    if fold(text)[:12] != fold(official)[:12]:
        gathered.remarks.append(f"{printed_number(number)}: Text „{text[:60]}“ statt „{official}“")


def _missing(kind: str, gathered: _Gathered) -> Iterator[Missing]:
    for number in services():
        if number in gathered.prices[kind]:
            continue
        if number in gathered.seen:
            yield Missing(number, "steht in der Datei, aber ohne Preis für diese Art von Labor")
        else:
            yield Missing(number, "steht nicht in der Datei" + _perhaps_meant(number, gathered))


def _perhaps_meant(number: str, gathered: _Gathered) -> str:
    """A line whose number lost its last digit; it is named, never guessed."""
    for place, written, text in gathered.unknown:
        if len(written) == 3 and number.startswith(written):
            return f"; vielleicht meint Zeile {place} „{written} {text[:60]}“ diese Nummer"
    return ""


def _region(name: str) -> str | None:
    if match := _NAME.search(name):
        return REGION_OF_KZV.get(match.group(1))
    words: Iterable[str] = re.split(r"[^A-Za-z]+", name.upper())
    return next((word for word in words if word in REGION_OF_KZV.values()), None)


def _valid_from(name: str) -> date | None:
    if match := _DAY_IN_NAME.search(name):
        return _day(int(match.group(1)), int(match.group(2)), int(match.group(3)))
    if match := _NAME.search(name):
        return _day(2000 + int(match.group(3)), int(match.group(2)), 1)
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
