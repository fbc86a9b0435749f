"""Pricing positions by region and day of delivery. Pure: who knows the prices is passed in.

BEL II prices are regional maximum prices valid by the day of delivery (§ 57 (2), § 88 (2) SGB V). Lines that a person
priced are never touched, and every difference is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from dentatool.values.money import format_money, rate_on

BEL = "BEL"


class PriceMissing(LookupError):
    """No list knows the number on that day; the message is German."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price in cents and the list it stands in."""

    cents: int
    list_id: UUID | None = None
    list_name: str = ""
    valid_from: date | None = None


class PricedLine(Protocol):
    """What a position must tell to be priced."""

    @property
    def art(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def price_cents(self) -> int: ...
    @property
    def vat_permille(self) -> int: ...
    @property
    def manual(self) -> bool: ...


L = TypeVar("L", bound=PricedLine)


@dataclass(frozen=True, slots=True)
class Priced(Generic[L]):
    """A line with the price and the tax rate that are right on the day, and whether the amount changed."""

    line: L
    price: ListPrice
    vat_permille: int

    @property
    def is_different(self) -> bool:
        return self.price.cents != self.line.price_cents or self.vat_permille != self.line.vat_permille

    @property
    def message(self) -> str:
        """``001 0: 8,06 € → 8,45 €``"""
        number = f"{self.line.number[:3]} {self.line.number[3:]}"
        return f"{number}: {format_money(self.line.price_cents)} → {format_money(self.price.cents)}"


@dataclass(frozen=True, slots=True)
class Plan(Generic[L]):
    """What repricing would do. Nothing is changed here."""

    priced: tuple[Priced[L], ...]
    missing: tuple[str, ...]

    @property
    def differences(self) -> tuple[str, ...]:
        return tuple(each.message for each in self.priced if each.is_different)


def plan_prices(lines: Iterable[L], price_of: Callable[[str], ListPrice], on: date) -> Plan[L]:
    """Look up every line of BEL that no person priced. What no list knows keeps its price and is named in `missing`."""
    priced: list[Priced[L]] = []
    missing: list[str] = []
    for line in lines:
        if line.art != BEL or line.manual:
            continue
        try:
            price = price_of(line.number)
        except PriceMissing as reason:
            missing.append(str(reason))
            continue
        priced.append(Priced(line, price, rate_on(line.vat_permille, on)))
    return Plan(tuple(priced), tuple(missing))
