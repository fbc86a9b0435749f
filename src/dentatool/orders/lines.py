"""Positions of an order: adding, changing, ordering, pricing. A billed order's positions never change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from dentatool.catalogue import bel
from dentatool.catalogue.models import ServiceChain
from dentatool.catalogue.queries import NoPrice, price_of
from dentatool.kit.errors import NotYet
from dentatool.orders.models import Art, Order, Position
from dentatool.orders.pricing import ListPrice, PriceMissing, plan_prices
from dentatool.team.queries import profile
from dentatool.values.money import REDUCED_PERMILLE, rate_on


@dataclass(frozen=True, slots=True)
class Repriced:
    """What repricing changed and what no list knew, in German, for the person to see."""

    differences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def require_open(order: Order) -> None:
    """:raises NotYet: positions of a billed, closed or cancelled order stay as they are."""
    if order.is_settled:
        raise NotYet(
            f"Der Auftrag {order.number} ist {order.state_label.lower()}: Seine Positionen ändern sich nicht mehr. "
            "Ist er abgerechnet, hilft „Storno und Kopie“ an der Rechnung."
        )


@transaction.atomic
def add_position(order: Order, *, find: Callable[[str], ListPrice] | None = None, **values: Any) -> Position:
    """Append a line. A BEL line without price is priced by the list; tax follows the practice and the day."""
    require_open(order)
    last = order.positions.aggregate(last=Max("rank"))["last"] or 0
    position = Position(order=order, rank=last + 1, **values)
    if "vat_permille" not in values:
        position.vat_permille = usual_vat(order)
    if position.art == Art.BEL and not position.manual:
        _price(position, find or finder(order))
    position.save(force_insert=True)
    return position


@transaction.atomic
def change_position(position: Position, changed: Mapping[str, Any]) -> Position:
    """Store the changed fields. A typed price makes the line a person's own: no list overwrites it."""
    require_open(position.order)
    for name, value in changed.items():
        setattr(position, name, value)
    if position.manual:
        position.price_list, position.price_valid_from = None, None
    elif position.art == Art.BEL and {"manual", "number", "art"} & set(changed):
        _price(position, finder(position.order))
    position.save()
    return position


@transaction.atomic
def remove_position(position: Position) -> None:
    """Take a line off the order."""
    require_open(position.order)
    position.delete()


@transaction.atomic
def reorder_positions(order: Order, ids: Sequence[UUID]) -> None:
    """Put the lines in this order; lines that are not named keep their place behind."""
    require_open(order)
    place = {key: rank for rank, key in enumerate(ids, start=1)}
    for rank, position in enumerate(sorted(order.positions.all(), key=lambda each: place.get(each.pk, 10_000)), start=1):
        if position.rank != rank:
            position.rank = rank
            position.save(update_fields=["rank"])


def move_position(position: Position, *, up: bool) -> None:
    """Swap a line with its neighbour."""
    ids = list(position.order.positions.values_list("pk", flat=True))
    place = ids.index(position.pk)
    other = place - 1 if up else place + 1
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]
        reorder_positions(position.order, ids)


@transaction.atomic
def apply_chain(order: Order, chain: ServiceChain, variables: Mapping[str, int]) -> list[Position]:
    """Add the chain's lines with the quantities of its formulas; lines that count to nought are left out."""
    require_open(order)
    find = finder(order)
    return [add_position(order, find=find, **line) for line in chain_lines(chain, variables)]


@transaction.atomic
def reprice(order: Order) -> Repriced:
    """Give every line that no person priced the price of its list on the order's day; say what changed."""
    require_open(order)
    plan = plan_prices(order.positions.all(), finder(order), order.priced_on)
    for each in plan.priced:
        position, price = each.line, each.price
        if each.is_different or position.price_list_id != price.list_id:
            position.price_cents, position.vat_permille = price.cents, each.vat_permille
            position.price_list_id, position.price_valid_from = price.list_id, price.valid_from
            position.save()
    return Repriced(plan.differences, plan.missing)


def finder(order: Order) -> Callable[[str], ListPrice]:
    """number → price in the laboratory's list for this order's area and day."""
    laboratory, area, day = profile(), order.area, order.priced_on

    def find(number: str) -> ListPrice:
        try:
            found = price_of(number, area=area, region=laboratory.region, lab_type=laboratory.lab_type, on=day)
        except NoPrice as reason:
            raise PriceMissing(str(reason)) from reason
        return ListPrice(found.cents, found.list_id, found.list_name, found.valid_from)

    return find


def usual_vat(order: Order) -> int:
    """The tax rate of dental work for this practice on the order's day, in per mille (§ 12 (2) No. 6 UStG)."""
    override = order.practice.vat_override_permille
    return rate_on(REDUCED_PERMILLE, order.priced_on) if override is None else override


def bel_text(number: str) -> str:
    """The official short text; empty for an unknown number."""
    return bel.short_text(number) or ""


def _price(position: Position, find: Callable[[str], ListPrice]) -> None:
    """Price by the list; what no list knows costs nothing yet and is warned about on the order's page."""
    position.text = position.text or bel_text(position.number)
    try:
        price = find(position.number)
    except PriceMissing:
        price = ListPrice(0)
    position.price_cents, position.price_list_id, position.price_valid_from = price.cents, price.list_id, price.valid_from
