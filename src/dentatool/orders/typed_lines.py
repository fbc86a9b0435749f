"""From what is typed for a line to what is stored: the number alone is enough."""

from typing import Any

from dentatool.orders.choosing import service_typed
from dentatool.orders.lines import bel_text, finder, usual_vat
from dentatool.orders.models import Art, Order
from dentatool.orders.pricing import ListPrice, PriceMissing
from dentatool.values.money import MILLI, format_money, rate_on

_LONGEST_EXPORTED = 60


class NotUnderstood(ValueError):
    """The typed line makes no sense; German message and the field it belongs to."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def line_of(order: Order, typed: dict[str, Any]) -> dict[str, Any]:
    """The values of a position. A typed price that differs from the list's makes it a person's own (`manual`).

    :raises NotUnderstood: unknown number, missing text or price.
    """
    art, number, article = service_typed(typed["number"])
    chosen = typed["art"]
    if chosen == Art.BEL and art != Art.BEL:
        raise NotUnderstood(
            "number", "Diese Nummer gibt es in der BEL II nicht. Bitte vier Ziffern angeben, z. B. 001 0."
        )
    if chosen and chosen != art:
        art, number, article = chosen, typed["number"] if chosen != Art.TEXT else "", None
    if not art:
        if typed["number"]:
            raise NotUnderstood(
                "number",
                "Diese Nummer ist weder in der BEL II noch unter den eigenen Leistungen. "
                "Bitte prüfen oder die Art wählen und Text und Preis selbst eintragen.",
            )
        art = Art.TEXT if typed["price_cents"] is None else Art.NBL
    values = {
        "art": art,
        "number": number,
        "text": typed["text"] or (article.text if article else bel_text(number) if art == Art.BEL else ""),
        "tooth": typed["tooth"],
        "quantity_milli": MILLI if typed["quantity_milli"] is None else typed["quantity_milli"],
        "vat_permille": _vat(order, typed["vat_permille"], article),
        **_price(order, art, number, typed["price_cents"], article),
    }
    _check(values)
    return values


def suggestion(order: Order, typed: str) -> dict[str, Any]:
    """For the page: text, price and kind of a typed number; empty when nothing is known by it."""
    art, number, article = service_typed(typed)
    if not art:
        return {}
    if article:
        return {"art": art, "number": number, "text": article.text, "price": format_money(article.price_cents, sign="")}
    price = _listed(order, number)
    shown = format_money(price.cents, sign="") if price else ""
    return {
        "art": art,
        "number": number,
        "text": bel_text(number),
        "price": shown,
        "source": price.list_name if price else "",
    }


def _price(order: Order, art: str, number: str, typed: int | None, article: Any) -> dict[str, Any]:
    if art == Art.TEXT:
        return {"price_cents": 0, "manual": False}
    if art == Art.BEL:
        listed = _listed(order, number)
        by_hand = typed is not None and (listed is None or typed != listed.cents)
        return {"price_cents": typed, "manual": True} if by_hand else {"manual": False}
    if typed is None and article is None:
        raise NotUnderstood("price_cents", "Bitte einen Einzelpreis angeben (auch 0,00 ist möglich).")
    return {"price_cents": article.price_cents if typed is None else typed, "manual": True}


def _vat(order: Order, typed: str, article: Any) -> int:
    if typed:
        return int(typed)
    if order.practice.vat_override_permille is not None:
        return order.practice.vat_override_permille
    return rate_on(article.vat_permille, order.priced_on) if article else usual_vat(order)


def _listed(order: Order, number: str) -> ListPrice | None:
    try:
        return finder(order)(number)
    except PriceMissing:
        return None


def _check(values: dict[str, Any]) -> None:
    if not values["text"]:
        raise NotUnderstood("text", "Bitte einen Text für die Position angeben.")
    if values["art"] != Art.TEXT and len(values["text"]) > _LONGEST_EXPORTED:
        raise NotUnderstood(
            "text",
            f"Der Text darf höchstens {_LONGEST_EXPORTED} Zeichen haben, sonst nimmt ihn die XML-Datei nicht auf.",
        )
