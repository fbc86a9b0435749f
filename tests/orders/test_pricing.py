"""Prices by the day of delivery (acceptance scenario 12)."""

from dataclasses import dataclass
from datetime import date

from dentatool.orders.pricing import ListPrice, PriceMissing, plan_prices
from dentatool.values.money import format_money


@dataclass(frozen=True)
class Line:
    art: str
    number: str
    price_cents: int
    manual: bool = False
    vat_permille: int = 70


def prices_of_2026(number: str) -> ListPrice:
    known = {"0010": 845, "0120": 1242}
    if number not in known:
        raise PriceMissing(f"{number}: kein Preis.")
    return ListPrice(known[number], list_name="Bayern 2026", valid_from=date(2026, 1, 1))


def test_only_lines_that_no_person_priced_follow_the_list():
    lines = [Line("BEL", "0010", 806), Line("BEL", "0120", 999, manual=True), Line("NBL", "P100", 9800)]

    plan = plan_prices(lines, prices_of_2026, date(2026, 2, 1))

    assert [(each.line.number, each.price.cents) for each in plan.priced] == [("0010", 845)]
    assert plan.differences == (f"001 0: {format_money(806)} → {format_money(845)}",)


def test_a_price_that_stays_is_no_difference():
    plan = plan_prices([Line("BEL", "0010", 845)], prices_of_2026, date(2026, 2, 1))

    assert (len(plan.priced), plan.differences) == (1, ())


def test_what_no_list_knows_is_named_and_left():
    plan = plan_prices([Line("BEL", "9999", 500)], prices_of_2026, date(2026, 2, 1))

    assert (plan.priced, plan.missing) == ((), ("9999: kein Preis.",))


def test_the_tax_follows_the_day_of_delivery():
    plan = plan_prices([Line("BEL", "0010", 845)], prices_of_2026, date(2020, 8, 1))

    assert [each.vat_permille for each in plan.priced] == [50]
    assert plan.differences != ()
