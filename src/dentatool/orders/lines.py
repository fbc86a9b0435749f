"""Positions of an order: adding, changing, ordering, pricing. A billed order's positions never change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from dentatool.catalogue import bel
from dentatool.catalogue.formula import FormulaError, evaluate
from dentatool.catalogue.models import ChainLine, ServiceChain
from dentatool.catalogue.queries import NoPrice, own_prices_of, price_of
from dentatool.kit.errors import Gone, NotYet
from dentatool.orders.models import Art, Order, Position
from dentatool.orders.pricing import ListPrice, PriceMissing, plan_prices
from dentatool.protection.engine.prepared import Prepared
from dentatool.team.queries import profile
from dentatool.values.money import MILLI, REDUCED_PERMILLE, format_money, format_quantity, rate_on


@dataclass(frozen=True, slots=True)
class Repriced:
    """What repricing changed and what no list knew, in German, for the person to see."""

    differences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class ChangedMeanwhile(NotYet):
    """Two people at one line: the second is told what the first has stored."""

    def __init__(self, stored: Position) -> None:
        self.stored = stored
        super().__init__(
            "Diese Position wurde inzwischen von jemand anderem geändert und lautet jetzt: "
            f"{format_quantity(stored.quantity_milli)} × {stored.number} {stored.text}, "
            f"{format_money(stored.price_cents)}. Noch einmal speichern ersetzt das durch Ihre Eingaben."
        )


def require_open(order: Order) -> None:
    """:raises NotYet: positions of a billed, closed or cancelled order stay as they are."""
    if order.is_settled:
        raise NotYet(
            f"Der Auftrag {order.number} ist {order.state_label.lower()}: Seine Positionen ändern sich nicht mehr. "
            "Ist er abgerechnet, hilft „Storno und Kopie“ an der Rechnung."
        )


def lock_open(order: Order) -> None:
    """The same for deeds: nobody bills the order until this transaction ends."""
    order.state = Order.objects.select_for_update().values_list("state", flat=True).get(pk=order.pk)
    require_open(order)


def add_position(order: Order, **values: Any) -> Position:
    """Append a line. A BEL line without price is priced by the list; tax follows the practice and the day."""
    lock_open(order)
    return _append(order, [values], last=_last_rank(order))[0]


@transaction.atomic
def change_position(position: Position, changed: Mapping[str, Any], *, version: int | None = None) -> Position:
    """Store the changed fields. A typed price makes the line a person's own: no list overwrites it.

    `version` is the one that was shown to the person.
    :raises Gone: somebody has taken the line off meanwhile.
    :raises ChangedMeanwhile: somebody has changed it meanwhile.
    :raises NotYet: the order is settled.
    """
    lock_open(position.order)
    stored = Position.objects.filter(pk=position.pk).first()
    if stored is None:
        raise Gone("Diese Position ist inzwischen entfernt. Bitte den Auftrag neu öffnen.")
    if stored.version != (position.version if version is None else version):
        raise ChangedMeanwhile(stored)
    for name, value in changed.items():
        setattr(position, name, value)
    if position.manual:
        position.price_list, position.price_valid_from = None, None
    elif position.art == Art.BEL and {"manual", "number", "art"} & set(changed):
        _price(position, finder(position.order))
    position.save()
    return position


def remove_position(position: Position) -> None:
    """Take a line off the order."""
    lock_open(position.order)
    position.delete()


@transaction.atomic
def reorder_positions(order: Order, ids: Sequence[UUID]) -> None:
    """Put the lines in this order; lines that are not named keep their place behind."""
    lock_open(order)
    place = {key: rank for rank, key in enumerate(ids, start=1)}
    for rank, position in enumerate(
        sorted(order.positions.all(), key=lambda each: place.get(each.pk, 10_000)), start=1
    ):
        if position.rank != rank:
            position.rank = rank
            position.save(update_fields=["rank"])


@transaction.atomic
def move_position(position: Position, *, up: bool) -> None:
    """Swap a line with its neighbour.

    :raises Gone: somebody has taken the line off meanwhile.
    """
    lock_open(position.order)
    ids = list(position.order.positions.values_list("pk", flat=True))
    if position.pk not in ids:
        raise Gone("Diese Position ist inzwischen entfernt. Bitte den Auftrag neu öffnen.")
    place = ids.index(position.pk)
    other = place - 1 if up else place + 1
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]
        reorder_positions(position.order, ids)


def apply_chain(order: Order, chain: ServiceChain, variables: Mapping[str, int]) -> list[Position]:
    """Add the chain's lines with the quantities of its formulas; lines that count to nought are left out."""
    lock_open(order)
    return _append(order, chain_lines(chain, variables), last=_last_rank(order))


def first_lines(order: Order, chain: ServiceChain, variables: Mapping[str, int]) -> list[Position]:
    """The same for an order that is only being made; priced and not yet stored."""
    return _priced(order, chain_lines(chain, variables), last=0)


@transaction.atomic
def reprice(order: Order) -> Repriced:
    """Give every line that no person priced the price of its list on the order's day; say what changed."""
    lock_open(order)
    positions = list(order.positions.all())
    numbers = {position.number for position in positions if position.art == Art.BEL and not position.manual}
    plan = plan_prices(positions, finder(order, numbers), order.priced_on)
    told = Repriced(plan.differences, plan.missing)  # before the lines change under the plan
    for each in plan.priced:
        position, price = each.line, each.price
        if each.is_different or position.price_list_id != price.list_id:
            position.price_cents, position.vat_permille = price.cents, each.vat_permille
            position.price_list_id, position.price_valid_from = price.list_id, price.valid_from
            position.save()
    return told


def finder(order: Order, numbers: Iterable[str] = ()) -> Callable[[str], ListPrice]:
    """number → price in the list agreed with the practice, else in the laboratory's own, for the order's area and day.

    `numbers` are looked up at once.
    """
    region, where = order.practice.price_region, {"area": order.area, "on": order.priced_on}
    known = own_prices_of(numbers, region=region, **where) if numbers else {}
    laboratory = cache(profile)

    def find(number: str) -> ListPrice:
        try:
            found = known.get(number) or price_of(
                number, region=region or laboratory().region, lab_type=laboratory().lab_type, **where
            )
        except NoPrice as reason:
            raise PriceMissing(str(reason)) from reason
        return ListPrice(found.cents, found.list_id, found.list_name, found.valid_from)

    return find


class _Line(NamedTuple):
    """What a chain's line says, and its article if it names one."""

    art: str
    number: str
    text: str
    formula: str
    article_art: str | None
    article_number: str
    article_text: str
    price_cents: int
    vat_permille: int


_LINE = (
    *("art", "number", "text", "formula", "article__art", "article__number"),
    *("article__text", "article__price_cents", "article__vat_permille"),
)
_lines_of = Prepared(
    lambda chain_id: ChainLine.objects.filter(chain=chain_id).order_by("rank", "id").values_list(*_LINE)
)
_CHAIN = ("id", "lab_id", "name", "area", "active")
_lines_named = Prepared(
    lambda name: (
        ChainLine.objects.filter(chain__name=name, chain__active=True)
        .order_by("rank", "id")
        .values_list(*(f"chain__{name}" for name in _CHAIN), *_LINE)
    )
)


def chain_with_lines(name: str) -> ServiceChain | None:
    """The active chain of exactly this name and its lines, in one question; None also for one without lines."""
    rows = _lines_named(name)
    if not rows:
        return None
    chain = ServiceChain.from_db(connection.alias, _CHAIN, rows[0][: len(_CHAIN)])
    chain.known_lines = [row[len(_CHAIN) :] for row in rows]
    return chain


def chain_lines(chain: ServiceChain, variables: Mapping[str, int]) -> list[dict[str, Any]]:
    """The chain's lines as values of positions; lines whose formula gives nought are left out.

    Own services and materials come with the laboratory's own price: no list ever changes them.
    """
    try:
        lines = _lines_of(chain.pk) if chain.known_lines is None else chain.known_lines
        counted = [(line, evaluate(line.formula, variables)) for line in map(_Line._make, lines)]
    except FormulaError as reason:
        raise NotYet(f"Leistungskette „{chain}“: {reason} Bitte die Menge in der Kette ändern.") from reason
    return [_chain_line(line) | {"quantity_milli": count * MILLI} for line, count in counted if count]


def _chain_line(line: _Line) -> dict[str, Any]:
    if line.art == Art.BEL:
        return {"art": Art.BEL, "number": line.number, "text": bel_text(line.number)}
    if line.article_art is None:
        return {"art": line.art, "number": line.number, "text": line.text, "manual": line.art != Art.TEXT}
    return {
        "art": line.article_art,
        "number": line.article_number,
        "text": line.text or line.article_text,
        "price_cents": line.price_cents,
        "vat_permille": line.vat_permille,
        "manual": True,
    }


def usual_vat(order: Order) -> int:
    """The tax rate of dental work for this practice on the order's day, in per mille (§ 12 (2) No. 6 UStG)."""
    override = order.practice.vat_override_permille
    return rate_on(REDUCED_PERMILLE, order.priced_on) if override is None else override


def bel_text(number: str) -> str:
    """The official short text; empty for an unknown number."""
    return bel.short_text(number) or ""


def _last_rank(order: Order) -> int:
    return order.positions.aggregate(last=Max("rank"))["last"] or 0


def _append(order: Order, lines: Sequence[Mapping[str, Any]], *, last: int) -> list[Position]:
    """Lines behind the last one, priced at once and stored at once."""
    return Position.objects.bulk_create(_priced(order, lines, last=last))


def _priced(order: Order, lines: Sequence[Mapping[str, Any]], *, last: int) -> list[Position]:
    usual = usual_vat(order)
    positions = [
        Position(order=order, rank=rank, **{"vat_permille": usual, **line})
        for rank, line in enumerate(lines, start=last + 1)
    ]
    listed = [position for position in positions if position.art == Art.BEL and not position.manual]
    if listed:
        find = finder(order, {position.number for position in listed})
        for position in listed:
            _price(position, find)
    return positions


def _price(position: Position, find: Callable[[str], ListPrice]) -> None:
    """Price by the list; what no list knows costs nothing yet and is warned about on the order's page."""
    position.text = position.text or bel_text(position.number)
    try:
        price = find(position.number)
    except PriceMissing:
        price = ListPrice(0)
    position.price_cents, position.price_list_id, position.price_valid_from = (
        price.cents,
        price.list_id,
        price.valid_from,
    )
