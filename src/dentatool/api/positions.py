"""The positions of an order."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dentatool.api.body import Body
from dentatool.api.kinds import ids
from dentatool.api.operation import Call, Facts, ListOf, operation
from dentatool.api.orders import RELATED
from dentatool.api.refusals import Unfitting
from dentatool.api.shape import ID, NUMBER, Made, Shape, list_of, object_of
from dentatool.orders.actions import add_position, change_position, remove_position, reorder_positions
from dentatool.orders.forms import PositionForm, StoredPositionForm
from dentatool.orders.lines import require_open
from dentatool.orders.models import Order, Position
from dentatool.orders.typed_lines import NotUnderstood, line_of
from dentatool.protection.access import Permission

LOOK, CHANGE = Permission.ORDERS_VIEW, Permission.ORDERS_CHANGE
MOST = 250
POSITION = Shape(
    "Position", Position,
    (
        *("order", "rank", "art", "number", "text", "quantity_milli", "vat_permille", "tooth", "price_cents"),
        *("price_list", "price_valid_from", "manual"),
    ),
    made={"amount_cents": Made(NUMBER, lambda position: position.amount_cents)},
    kept_from=dict.fromkeys(("price_cents", "amount_cents", "price_list"), Permission.CATALOGUE_VIEW),
)  # fmt: skip
_OF_NUMBER = ("art", "text", "price_cents", "vat_permille")
_NEW = Body("PositionNew", PositionForm)
_CHANGE = Body("PositionChange", StoredPositionForm, is_change=True)


@operation("GET", "orders/{pk}/positions", LOOK, "Positionen eines Auftrags", gives=ListOf(POSITION))
def positions(call: Call, pk: UUID) -> QuerySet[Position]:
    """In der Reihenfolge, in der sie entstanden; auf dem Papier stehen sie nach `rank`."""
    return Position.objects.filter(order=get_object_or_404(Order, pk=pk))


@operation("POST", "orders/{pk}/positions", CHANGE, "Position hinzufügen", takes=_NEW, gives=POSITION, status=201)
def position_create(call: Call, pk: UUID) -> Position:
    """`number` genügt: Text, Preis und Steuersatz kommen dann aus den Listen."""
    order = call.locked(Order.objects.select_related(*RELATED), pk)
    require_open(order)
    return _position(pk, add_position(order, **_line(call, order, PositionForm)).pk)


@operation(
    "PUT", "orders/{pk}/positions/ranks", CHANGE, "Positionen ordnen",
    takes=Body("PositionRanks", more={"positions": ids(most=MOST)}, needs=("positions",)),
    gives=Facts("PositionsRanked", object_of(positions=list_of(ID))), is_conditional=False,
)  # fmt: skip
def position_ranks(call: Call, pk: UUID) -> dict[str, Any]:
    """Die genannten in dieser Reihenfolge; nicht genannte behalten ihren Platz dahinter."""
    order = get_object_or_404(Order, pk=pk)
    own = set(order.positions.values_list("pk", flat=True))
    if not own.issuperset(call.sent["positions"]):
        raise Unfitting({"/positions": ["Eine dieser Positionen ist in diesem Auftrag nicht vorhanden."]})
    reorder_positions(order, call.sent["positions"])
    return {"positions": [str(key) for key in order.positions.values_list("pk", flat=True)]}


@operation("GET", "orders/{pk}/positions/{position_pk}", LOOK, "Position lesen", gives=POSITION)
def position(call: Call, pk: UUID, position_pk: UUID) -> Position:
    return _position(pk, position_pk)


@operation("PATCH", "orders/{pk}/positions/{position_pk}", CHANGE, "Position ändern", takes=_CHANGE, gives=POSITION)
def position_change(call: Call, pk: UUID, position_pk: UUID) -> Position:
    """Ein angegebener Preis gilt als von Hand gesetzt; `price_cents: null` nimmt wieder den der Liste."""
    order, held = _locked(call, pk, position_pk)
    require_open(order)
    change_position(held, _line(call, order, StoredPositionForm, held))
    return _position(pk, position_pk)


@operation("DELETE", "orders/{pk}/positions/{position_pk}", CHANGE, "Position entfernen")
def position_remove(call: Call, pk: UUID, position_pk: UUID) -> None:
    remove_position(_locked(call, pk, position_pk)[1])


def _line(call: Call, order: Order, form: Any, held: Position | None = None) -> dict[str, Any]:
    """The values of the line that was sent; what makes no sense stands at its field."""
    known = form.of(held).initial if held else {}
    if "number" in call.sent:  # another service: what was known about the one before does not speak for it
        known = {name: value for name, value in known.items() if name not in _OF_NUMBER}
    made = call.form(lambda data: form(data, initial=known))
    try:
        return line_of(order, made.cleaned_data)
    except NotUnderstood as reason:
        raise Unfitting({f"/{reason.field}": [str(reason)]}) from reason


def _position(pk: UUID, position_pk: UUID) -> Position:
    return get_object_or_404(Position, pk=position_pk, order_id=pk)


def _locked(call: Call, pk: UUID, position_pk: UUID) -> tuple[Order, Position]:
    """The order first, then the line: in the order in which every deed locks them."""
    order = get_object_or_404(Order.objects.select_related(*RELATED).select_for_update(of=("self",)), pk=pk)
    held = call.locked(Position.objects.filter(order_id=pk).select_related("order__practice"), position_pk)
    return order, held
