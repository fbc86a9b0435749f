"""Moving orders through the laboratory, and what billing may do to them."""

from datetime import date, timedelta

import pytest
from django.utils.timezone import localdate


def held(*names: str) -> frozenset:
    from dentatool.protection.access import Permission

    return frozenset(Permission[name] for name in names)


def test_an_order_goes_from_receipt_to_delivery(house):
    from dentatool.orders.actions import add_position, transition
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(received_on=date(2026, 3, 2), due_on=date(2026, 3, 12))
        add_position(order, art="BEL", number="0010")
        for state in (State.WORKING, State.AWAY, State.WORKING, State.CHECKING, State.FINISHED, State.DELIVERED):
            transition(order, state, by=held("ORDERS_MOVE"))
        order.refresh_from_db()

        assert order.state == "geliefert"
        assert order.delivered_on is not None


def test_a_question_stops_the_clock_and_returns_to_where_it_was_asked(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import transition
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.WORKING)
        with pytest.raises(NotYet, match="Grund"):
            transition(order, State.QUESTION, by=held("ORDERS_MOVE"))
        transition(order, State.QUESTION, by=held("ORDERS_MOVE"), reason="Farbe fehlt")
        assert (order.came_from, order.reason) == ("in_arbeit", "Farbe fehlt")
        with pytest.raises(NotYet):
            transition(order, State.RECEIVED, by=held("ORDERS_MOVE"))
        transition(order, State.WORKING, by=held("ORDERS_MOVE"))
        order.refresh_from_db()

        assert (order.state, order.came_from, order.reason) == ("in_arbeit", "", "")


def test_errors_in_the_positions_block_finishing(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import add_position, transition
    from dentatool.orders.models import Order
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.WORKING)
        add_position(order, art="BEL", number="5010")
        add_position(order, art="BEL", number="0010")
        with pytest.raises(NotYet, match="nur UKPS-Nummern"):
            transition(order, State.FINISHED, by=held("ORDERS_MOVE"))

        assert Order.objects.get(pk=order.pk).state == "in_arbeit"


def test_a_courier_does_not_cancel(house):
    from dentatool.kit.errors import NotAllowed
    from dentatool.orders.actions import transition
    from dentatool.orders.models import Order
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order()
        with pytest.raises(NotAllowed):
            transition(order, State.CANCELLED, by=held("ORDERS_MOVE"), reason="weil")

        assert Order.objects.get(pk=order.pk).state == "eingegangen"


def test_billing_and_cancelling_lead_there_and_back(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import add_position, mark_billed, mark_unbilled
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.DELIVERED)
        with pytest.raises(NotYet, match="Positionen"):
            mark_billed(order)
        add_position(order, art="BEL", number="0010")
        mark_billed(order)
        assert order.state == "abgerechnet"
        with pytest.raises(NotYet):
            mark_billed(order)
        mark_unbilled(order)
        order.refresh_from_db()
        assert order.state == "geliefert"


def test_an_order_still_in_work_is_not_billed(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import add_position, mark_billed
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.WORKING)
        add_position(order, art="BEL", number="0010")
        with pytest.raises(NotYet):
            mark_billed(order)


def test_a_closed_order_can_still_be_unbilled(house):
    from dentatool.orders.actions import add_position, mark_billed, mark_unbilled, transition
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.FINISHED)
        add_position(order, art="BEL", number="0010")
        mark_billed(order)
        transition(order, State.CLOSED, by=held("BILLING_CHANGE"))
        transition(order, State.BILLED, by=held("BILLING_CHANGE"))
        transition(order, State.CLOSED, by=held("BILLING_CHANGE"))
        mark_unbilled(order)

        assert order.state == "fertig"


def test_delivery_prices_by_its_own_day(house):
    from dentatool.catalogue.models import Price, PriceList
    from dentatool.orders.actions import add_position, transition
    from dentatool.orders.workflow import State

    today = localdate()
    with house.at_work():
        coming = PriceList.objects.create(
            name="BY bald", region="BY", lab_type="gewerbe", valid_from=today + timedelta(days=20), state="active"
        )
        Price.objects.create(price_list=coming, number="0010", cents=1234)
        order = house.order(received_on=today, due_on=today + timedelta(days=25), state=State.FINISHED)
        add_position(order, art="BEL", number="0010")
        assert order.positions.get().price_cents == 1234
        repriced = transition(order, State.DELIVERED, by=held("ORDERS_MOVE"))

        assert len(repriced.differences) == 1
        assert order.delivered_on == today
        assert order.positions.get().price_cents == 845


def test_work_written_down_afterwards_was_delivered_on_the_day_it_was_due(house):
    from dentatool.orders.actions import add_position, transition
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(received_on=date(2025, 12, 1), due_on=date(2025, 12, 30), state=State.FINISHED)
        add_position(order, art="BEL", number="0010")
        repriced = transition(order, State.DELIVERED, by=held("ORDERS_MOVE"))

        assert repriced.differences == ()
        assert order.delivered_on == date(2025, 12, 30)


def test_overdue_work_is_delivered_today_unless_another_day_is_typed(house):
    from dentatool.orders.actions import add_position, transition
    from dentatool.orders.workflow import State

    today = localdate()
    week = today - timedelta(days=7)
    with house.at_work():
        days = []
        for on in (None, week):
            order = house.order(received_on=week, due_on=today - timedelta(days=3), state=State.FINISHED)
            add_position(order, art="BEL", number="0010")
            transition(order, State.DELIVERED, by=held("ORDERS_MOVE"), on=on)
            days.append(order.delivered_on)

        assert days == [today, week]


@pytest.mark.parametrize(("days", "reason"), [(1, "liegt in der Zukunft"), (-9, "liegt vor dem Eingang")])
def test_a_day_of_delivery_that_cannot_be_is_refused(house, days, reason):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import transition
    from dentatool.orders.models import Order
    from dentatool.orders.workflow import State

    today = localdate()
    with house.at_work():
        order = house.order(received_on=today - timedelta(days=7), due_on=today, state=State.FINISHED)
    with pytest.raises(NotYet, match=reason), house.at_work():
        transition(order, State.DELIVERED, by=held("ORDERS_MOVE"), on=today + timedelta(days=days))

    with house.at_work():
        assert (Order.objects.get().state, Order.objects.get().delivered_on) == ("fertig", None)


def test_the_history_says_the_earlier_state_in_words(house):
    from dentatool.orders.actions import transition
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.WORKING)
        transition(order, State.QUESTION, by=held("ORDERS_MOVE"), reason="Farbe?")

    html = house.client().get(f"/auftraege/{order.pk}/verlauf/").content.decode()

    assert "Status davor" in html
    assert "in_arbeit" not in html
