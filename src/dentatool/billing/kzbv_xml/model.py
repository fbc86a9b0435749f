"""An invoice in the words of the trade: what a Laborabrechnungsdaten file can say. Cents, thousandths, per mille."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from dentatool.values.money import DISCOUNT, line_amount

VERSIONS: Final = ("4.0", "4.1", "4.2", "4.3", "4.4", "4.5")
CURRENT: Final = "4.5"
ARTS: Final = {
    "BEL": "BEL-Leistung",
    "NBL": "andere Leistung",
    "EDM": "Edelmetall",
    "MAT": "anderes Material",
    "RBT": "Nachlass",
}
REGIONS: Final = {
    "BE": "Berlin",
    "BBG": "Brandenburg",
    "BW": "Baden-Württemberg",
    "BY": "Bayern",
    "HB": "Bremen",
    "HH": "Hamburg",
    "HS": "Hessen",
    "MVO": "Mecklenburg-Vorpommern",
    "NR": "Nordrhein",
    "NS": "Niedersachsen",
    "RP": "Rheinland-Pfalz",
    "SAA": "Saarland",
    "SA": "Sachsen",
    "SAN": "Sachsen-Anhalt",
    "SH": "Schleswig-Holstein",
    "TH": "Thüringen",
    "WL": "Westfalen-Lippe",
}
# File names under which the official schemas are published; named in the file so that importers find their own copy.
SCHEMA_FILES: Final = {
    "4.0": "Laborabrechnungsdaten_(KZBV-VDZI-VDDS).xsd",
    "4.1": "Laborabrechnungsdaten_(KZBV-VDZI-VDDS)_(V4-1).xsd",
    "4.2": "Laborabrechnungsdaten_(KZBV-VDZI-VDDS)_(V4-2).xsd",
    "4.3": "Laborabrechnungsdaten_(KZBV-VDDS)_(V4-3).xsd",
    "4.4": "Laborabrechnungsdaten_(KZBV-VDZI-VDDS)_(V4-4).xsd",
    "4.5": "Laborabrechnungsdaten_(KZBV-VDZI-VDDS)_(V4-5).xsd",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One position. A discount (RBT) has positive numbers and is subtracted; ``number`` only for BEL."""

    art: str
    text: str
    price_cents: int
    quantity_milli: int
    number: str | None = None

    @property
    def amount_cents(self) -> int:
        """What the line adds to the net sum, rounded half-up; negative for a discount."""
        amount = line_amount(self.price_cents, self.quantity_milli)
        return -amount if self.art == DISCOUNT else amount


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one tax rate with their net sum and tax."""

    vat_permille: int
    net_cents: int
    vat_cents: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the lines."""

    laboratory: str
    place: str  # "D-München", or the name of the foreign country
    region: str  # Abrechnungsbereich of the laboratory
    delivered_on: date
    number: str  # as on the printed invoice
    order_number: str
    is_number_overridden: bool = False  # billing lets a wrong order number pass: the file carries it as it is
    software_maker: str | None = "DentaTool"
    software: str | None = "DentaTool"
    software_version: str | None = None
    laboratory_id: str | None = None  # stays empty until there is a nationwide id


@dataclass(frozen=True, slots=True)
class Invoice:
    """A whole file: header, groups and the sums as on the printed invoice."""

    header: Header
    groups: tuple[Group, ...]
    net_cents: int
    vat_cents: int
    gross_cents: int

    @classmethod
    def of(cls, header: Header, groups: Iterable[Group]) -> Invoice:
        """Sum the groups."""
        grouped = tuple(groups)
        net = sum(group.net_cents for group in grouped)
        vat = sum(group.vat_cents for group in grouped)
        return cls(header, grouped, net, vat, net + vat)

    @property
    def file_name(self) -> str:
        """The order number is the name of the file."""
        return f"{self.header.order_number}.xml"
