"""Looking at an order with the eyes of the trade rules and of the workflow."""

from collections.abc import Iterable

from dentatool.orders.maximum_prices import above_maximum
from dentatool.orders.models import Care, Order, Position
from dentatool.orders.rules import Finding, Line, check
from dentatool.orders.workflow import Facts, State
from dentatool.team.queries import profile


def findings_of(
    order: Order, positions: list[Position] | None = None, teeth: Iterable[int] | None = None
) -> tuple[Finding, ...]:
    """What the trade rules say about the order's positions, errors first. Pass what is already read."""
    lines = list(order.positions.all()) if positions is None else positions
    laboratory = profile()
    found = check(
        (
            Line(each.art, each.number, each.quantity_milli, each.tooth, each.vat_permille, each.price_cents)
            for each in lines
        ),
        lab_type=laboratory.lab_type,
        order_teeth=[tooth.tooth for tooth in order.teeth.all()] if teeth is None else list(teeth),
    )
    return (*found, *above_maximum(order, lines, laboratory))


def facts_of(
    order: Order, findings: tuple[Finding, ...] | None = None, positions: list[Position] | None = None
) -> Facts:
    """What the workflow's guards need to know."""
    lines = list(order.positions.all()) if positions is None else positions
    found = findings_of(order, lines) if findings is None else findings
    return Facts(
        came_from=State(order.came_from) if order.came_from else None,
        has_kind=bool(order.kind),
        has_due_date=order.due_on is not None,
        has_delivery_date=order.delivered_on is not None or order.due_on is not None,
        has_positions=any(line.art != "TEXT" and line.quantity_milli for line in lines),
        trade_errors=tuple(finding.message for finding in found if finding.is_error),
        is_goodwill=order.care == Care.GOODWILL,
    )
