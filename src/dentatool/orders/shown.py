"""Positions as the order's page prints them."""

from collections.abc import Iterable
from typing import Any

from dentatool.kit.formatting import NOTHING, day
from dentatool.orders.models import Art, Position
from dentatool.values.money import format_money, format_permille, format_quantity


def position_rows(positions: Iterable[Position]) -> list[dict[str, Any]]:
    """One dict a line, formatted."""
    rows = list(positions)
    return [_row(position, is_first=place == 0, is_last=place == len(rows) - 1) for place, position in enumerate(rows)]


def _row(position: Position, *, is_first: bool, is_last: bool) -> dict[str, Any]:
    is_text = position.art == Art.TEXT
    number = position.number
    return {
        "id": position.pk,
        "art": position.art,
        "number": f"{number[:3]} {number[3:]}" if position.art == Art.BEL else number or NOTHING,
        "text": position.text,
        "tooth": position.tooth,
        "quantity": "" if is_text else format_quantity(position.quantity_milli),
        "price": "" if is_text else format_money(position.price_cents, sign=""),
        "amount": "" if is_text else format_money(position.amount_cents, sign=""),
        "vat": "" if is_text else format_permille(position.vat_permille),
        "source": _source(position),
        "is_first": is_first,
        "is_last": is_last,
    }


def _source(position: Position) -> str:
    """Where the price comes from, for the doubtful."""
    if position.art != Art.BEL:
        return ""
    if position.manual:
        return "von Hand"
    return f"Liste ab {day(position.price_valid_from)}" if position.price_valid_from else "kein Listenpreis"
