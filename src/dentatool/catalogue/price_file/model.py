"""What a price file says, and the refusal of one that says nothing reliable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from dentatool.catalogue.bel import printed_number

COMMERCIAL, PRACTICE = "gewerbe", "praxis"
ALL_AREAS: Final = ""


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
