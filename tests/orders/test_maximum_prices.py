"""Prices agreed with a practice, and the warning where they lie above the laboratory's own maximum prices."""

from datetime import date

import pytest

from dentatool.catalogue.demo import fill as fill_catalogue
from dentatool.orders.actions import Ordered, add_position, create_order, findings_of
from dentatool.orders.models import Care
from dentatool.practices.models import Practice


@pytest.fixture
def lab(anna):
    """Anna in Bavaria, with the lists of Bavaria and Rheinland-Pfalz."""
    with anna.at_work():
        fill_catalogue("anna")
    return anna


def relining(price_region="", *, care=Care.REGULAR, **line):
    """An order of 12.03.2026 with one complete relining; call it at work."""
    count = Practice.objects.count()
    practice = Practice.objects.create(
        customer_number=str(2001 + count), name="Praxis am Rhein", price_region=price_region
    )
    day = date(2026, 3, 12)
    order = create_order(practice, Ordered(kind="Unterfütterung", care=care, received_on=day, due_on=day))
    add_position(order, art="BEL", number="8090", **line)
    return order


def price_and_warnings(order):
    warnings = [finding.message for finding in findings_of(order) if finding.code == "maximum_price"]
    return [position.price_cents for position in order.positions.all()], warnings


def test_anna_bills_by_her_own_list(lab):
    with lab.at_work():
        assert price_and_warnings(relining()) == ([7216], [])


def test_a_practice_with_agreed_prices_is_billed_by_that_list_and_a_higher_price_is_named(lab):
    with lab.at_work():
        prices, warnings = price_and_warnings(relining("RP"))

    assert prices == [7217]
    assert warnings == [
        "BEL 809 0: 72,17 € liegt über dem Höchstpreis 72,16 € im Abrechnungsbereich Bayern. "
        "Bitte prüfen, ob dieser Preis vereinbart ist."
    ]


def test_a_price_typed_above_the_list_is_named_a_lower_one_is_not(lab):
    with lab.at_work():
        higher = price_and_warnings(relining(price_cents=7300, manual=True))
        lower = price_and_warnings(relining(price_cents=7000, manual=True))

    assert (higher[0], len(higher[1])) == ([7300], 1)
    assert lower == ([7000], [])


def test_what_is_agreed_freely_with_the_patient_has_no_maximum(lab):
    with lab.at_work():
        assert price_and_warnings(relining(care=Care.PRIVATE, price_cents=9900, manual=True)) == ([9900], [])
