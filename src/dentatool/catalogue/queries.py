"""What does it cost: the price in force for a region, kind of laboratory, area and day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf

from dentatool.catalogue.bel import printed_number
from dentatool.catalogue.models import Price, PriceList
from dentatool.protection.engine.prepared import Prepared, any_of
from dentatool.team.models import LaboratoryProfile
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


def _in_force(*conditions: Any, on: Any, **where: Any) -> QuerySet[PriceList]:
    return PriceList.objects.filter(
        *conditions, kind=PriceList.Kind.BEL, state=PriceList.State.ACTIVE, valid_from__lte=on, **where
    ).order_by("-valid_from")


def _ours(region: Any) -> QuerySet[LaboratoryProfile]:
    """For a list: is it of our kind of laboratory, and of this region or, if that is empty, of our own?"""
    wanted = Coalesce(NullIf(region, Value("")), F("region"))
    return LaboratoryProfile.objects.alias(wanted=wanted).filter(
        lab_type=OuterRef("lab_type"), wanted=OuterRef("region")
    )


def _prices_in(numbers: Any, areas: Any, in_force: QuerySet[PriceList]) -> QuerySet[Price, Any]:
    """ "" sorts first, so the price for the area overwrites it."""
    return (
        Price.objects.filter(
            any_of("number", numbers), any_of("area", areas), price_list=Subquery(in_force.values("pk")[:1])
        )
        .order_by("area")
        .values_list("number", "cents", "price_list_id", "price_list__name", "price_list__valid_from")
    )


_prices = Prepared(
    lambda numbers, areas, region, lab_type, on: _prices_in(
        numbers, areas, _in_force(region=region, lab_type=lab_type, on=on)
    )
)
_own_prices = Prepared(
    lambda numbers, areas, region, on: _prices_in(numbers, areas, _in_force(Exists(_ours(region)), on=on))
)


def prices_of(numbers: Iterable[str], *, area: str, region: str, lab_type: str, on: date) -> dict[str, PriceFound]:
    """The prices of many numbers in one query. A price for the area goes before the one for all areas."""
    found = _prices(sorted(set(numbers)), ["", area], region, lab_type, on)
    return {number: PriceFound(*rest) for number, *rest in found}


def own_prices_of(numbers: Iterable[str], *, area: str, region: str, on: date) -> dict[str, PriceFound]:
    """The same for the kind of laboratory that we are and, if no other region was agreed, for its own."""
    found = _own_prices(sorted(set(numbers)), ["", area], region, on)
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
