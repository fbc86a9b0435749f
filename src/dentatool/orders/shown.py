"""Positions as the order's page prints them."""

from collections.abc import Iterable, Mapping
from typing import Any

from dentatool.kit.formatting import NOTHING, day
from dentatool.kit.teeth import PARTS
from dentatool.orders.models import Art, Position
from dentatool.practices.models import Practice
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


def teeth_in_words(marked: Mapping[int, str]) -> str:
    """``16 Krone, 15 Brückenglied``"""
    words = dict(PARTS)
    return ", ".join(f"{tooth} {words.get(part, part)}".strip() for tooth, part in marked.items())


def price_source(positions: Iterable[Position], agreed: str = "") -> str:
    """Which list the prices come from; empty when no price comes from one. `agreed`: the region agreed with the practice."""
    days = sorted({position.price_valid_from for position in positions if position.price_valid_from})
    if not days:
        return ""
    since = " und ".join(map(day, days))
    if agreed:
        return f"BEL-Preise der Liste {agreed} ab {since}, mit der Praxis vereinbart."
    return f"BEL-Preise der Liste ab {since}."


def agreed_list(practice: Practice) -> str:
    """The region whose prices are agreed with the practice, as Germans call it; empty for the laboratory's own."""
    return practice.get_price_region_display() if practice.price_region else ""


def _source(position: Position) -> str:
    """Where a price comes from that does not come from the list."""
    if position.art != Art.BEL:
        return ""
    if position.manual:
        return "Preis von Hand"
    return "" if position.price_valid_from else "kein Listenpreis"
