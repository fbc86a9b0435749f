"""BEL prices are regional maximum prices (§ 57 (2), § 88 (2) SGB V): a price of one's own may be lower, not higher.

Warns, changes nothing. Looks only at lines that can be higher: typed by a person, or from another region's list.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from dentatool.catalogue.bel import printed_number
from dentatool.catalogue.queries import prices_of
from dentatool.orders.models import Art, Care, Order
from dentatool.orders.rules import Finding, Severity
from dentatool.team.models import LaboratoryProfile, Region
from dentatool.values.money import format_money

_FREE = frozenset({Care.DIFFERENT, Care.PRIVATE})  # agreed freely with the patient


class OwnPrice(Protocol):
    """What a line of an order or of a draft tells about its price."""

    @property
    def art(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def price_cents(self) -> int: ...


def above_maximum(order: Order, lines: Iterable[OwnPrice], laboratory: LaboratoryProfile) -> Iterator[Finding]:
    """A warning for each BEL number that costs more than the laboratory's own list allows on the order's day."""
    other_list = order.practice.price_region not in ("", laboratory.region)
    dear = {}
    for line in lines:
        if line.art == Art.BEL and line.price_cents and (other_list or getattr(line, "manual", True)):
            dear[line.number] = max(line.price_cents, dear.get(line.number, 0))
    if not dear or order.care in _FREE:
        return
    own = prices_of(dear, area=order.area, region=laboratory.region, lab_type=laboratory.lab_type, on=order.priced_on)
    for number, cents in dear.items():
        if number in own and cents > own[number].cents:
            yield Finding(
                Severity.WARNING,
                "maximum_price",
                f"BEL {printed_number(number)}: {format_money(cents)} liegt über dem Höchstpreis "
                f"{format_money(own[number].cents)} im Abrechnungsbereich {Region(laboratory.region).label}. "
                "Bitte prüfen, ob dieser Preis vereinbart ist.",
                (number,),
            )
