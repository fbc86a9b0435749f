"""What does it cost: the price in force for a region, kind of laboratory, area and day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Subquery

from dentatool.catalogue.bel import printed_number
from dentatool.catalogue.models import Price, PriceList
from dentatool.protection.engine.prepared import Prepared, any_of
from dentatool.values.days import format_day
from dentatool.values.money import format_money


class NoPrice(LookupError):
    """No active list has this price; the message says in German which list is missing."""


@dataclass(frozen=True, slots=True)
class PriceFound:
    """A list price in cents, and the list it stands in."""

    cents: int
    list_id: UUID
    list_name: str
    valid_from: date

    def __str__(self) -> str:
        return format_money(self.cents)


def list_in_force(*, region: str, lab_type: str, on: date) -> PriceList | None:
    """The active BEL list with the latest start not after this day (domain.md 2.1: delivery date)."""
    return _in_force(region=region, lab_type=lab_type, on=on).first()


def _in_force(*, region: Any, lab_type: Any, on: Any) -> QuerySet[PriceList]:
    return PriceList.objects.filter(
        kind=PriceList.Kind.BEL, region=region, lab_type=lab_type, state=PriceList.State.ACTIVE, valid_from__lte=on
    ).order_by("-valid_from")


# "" sorts first, so the price for the area overwrites it.
_prices = Prepared(
    lambda numbers, areas, region, lab_type, on: (
        Price.objects.filter(
            any_of("number", numbers),
            any_of("area", areas),
            price_list=Subquery(_in_force(region=region, lab_type=lab_type, on=on).values("pk")[:1]),
        )
        .order_by("area")
        .values_list("number", "cents", "price_list_id", "price_list__name", "price_list__valid_from")
    )
)


def prices_of(numbers: Iterable[str], *, area: str, region: str, lab_type: str, on: date) -> dict[str, PriceFound]:
    """The prices of many numbers in one query. A price for the area goes before the one for all areas."""
    found = _prices(sorted(set(numbers)), ["", area], region, lab_type, on)
    return {number: PriceFound(*rest) for number, *rest in found}


def price_of(number: str, *, area: str, region: str, lab_type: str, on: date) -> PriceFound:
    """The price of one number. Raises NoPrice with the reason."""
    if found := prices_of([number], area=area, region=region, lab_type=lab_type, on=on).get(number):
        return found
    if (held := list_in_force(region=region, lab_type=lab_type, on=on)) is None:
        raise NoPrice(
            f"Für {region} ({lab_type}) ist am {format_day(on)} keine Preisliste in Kraft. "
            "Lesen Sie unter „Preise“ eine Liste ein und setzen Sie sie in Kraft."
        )
    raise NoPrice(
        f"BEL {printed_number(number)} hat in der Liste vom {format_day(held.valid_from)} für {area} keinen Preis."
    )
