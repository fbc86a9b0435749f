"""Positions: prices by the day of delivery (scenario 12), a person's own prices, billed orders."""

from datetime import date

import pytest


def prices(order) -> list[tuple[str, int]]:
    return [(each.number, each.price_cents) for each in order.positions.all()]


def test_a_bel_line_is_priced_by_the_list_of_the_day_of_delivery(house):
    from dentatool.orders.actions import add_position

    with house.at_work():
        last_year = house.order(received_on=date(2025, 12, 1), due_on=date(2025, 12, 31))
        this_year = house.order(received_on=date(2025, 12, 1), due_on=date(2026, 1, 1))
        old, new = (add_position(order, art="BEL", number="0010") for order in (last_year, this_year))

    assert (old.price_cents, old.price_valid_from) == (802, date(2025, 1, 1))
    assert (new.price_cents, new.price_valid_from, new.text) == (845, date(2026, 1, 1), "Modell")


def test_a_new_day_of_delivery_reprices_all_but_a_persons_own_and_says_so(house):
    from dentatool.orders.actions import add_position, change_order
    from dentatool.values.money import format_money

    with house.at_work():
        order = house.order(received_on=date(2025, 12, 1), due_on=date(2025, 12, 31))
        add_position(order, art="BEL", number="0010")
        add_position(order, art="BEL", number="0120", text="Mittelwertartikulator", price_cents=1000, manual=True)
        add_position(order, art="NBL", number="P100", text="Gerüst", price_cents=9800, manual=True)
        repriced = change_order(order, {"due_on": date(2026, 1, 15)})

        assert prices(order) == [("0010", 845), ("0120", 1000), ("P100", 9800)]
        assert repriced.differences == (f"001 0: {format_money(802)} → {format_money(845)}",)


def test_what_no_list_knows_keeps_its_price_and_is_named(house):
    from dentatool.orders.actions import add_position, reprice

    with house.at_work():
        order = house.order()
        add_position(order, art="BEL", number="2010")
        repriced = reprice(order)

        assert prices(order) == [("2010", 0)]
        assert len(repriced.missing) == 1
        assert "201 0" in repriced.missing[0]


def test_a_practice_abroad_pays_no_tax(house):
    from dentatool.orders.actions import add_position

    with house.at_work():
        practice = house.practice
        practice.vat_override_permille = 0
        practice.save()
        order = house.order()
        assert add_position(order, art="BEL", number="0010").vat_permille == 0


def test_lines_keep_their_order_and_can_be_moved(house):
    from dentatool.orders.actions import add_position, move_position, remove_position

    with house.at_work():
        order = house.order()
        first, second, third = (add_position(order, art="BEL", number=number) for number in ("0010", "0120", "9330"))
        move_position(third, up=True)
        move_position(first, up=True)
        assert [each.number for each in order.positions.all()] == ["0010", "9330", "0120"]
        remove_position(second)
        assert [each.number for each in order.positions.all()] == ["0010", "9330"]


def test_the_positions_of_a_billed_order_do_not_change(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders import actions
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.WORKING)
        line = actions.add_position(order, art="BEL", number="0010")
        actions.add_position(order, art="BEL", number="9330")
        order.state = State.FINISHED
        order.save()
        actions.mark_billed(order)
        line.refresh_from_db()
        deeds = [
            lambda: actions.add_position(order, art="BEL", number="0120"),
            lambda: actions.change_position(line, {"quantity_milli": 2000}),
            lambda: actions.remove_position(line),
            lambda: actions.move_position(line, up=False),
            lambda: actions.reorder_positions(order, [line.pk]),
            lambda: actions.reprice(order),
            lambda: actions.change_order(order, {"due_on": date(2026, 4, 1)}),
            lambda: actions.change_order(order, {}, teeth={11: "krone"}),
        ]
        for deed in deeds:
            with pytest.raises(NotYet):
                deed()

        assert prices(order) == [("0010", 845), ("9330", 717)]


def test_the_auftragsnummer_of_a_billed_order_may_come_late(house):
    from dentatool.orders.actions import add_position, change_order, mark_billed
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.FINISHED)
        add_position(order, art="BEL", number="0010")
        mark_billed(order)
        change_order(order, {"order_number": "565901-4711-ZE-20260015-1-6"})
        order.refresh_from_db()

        assert (order.number_state, order.state) == ("gueltig", "abgerechnet")


def test_a_price_typed_by_a_person_leaves_the_list(house):
    from dentatool.orders.actions import add_position, change_position, reprice

    with house.at_work():
        order = house.order()
        line = add_position(order, art="BEL", number="0010")
        change_position(line, {"price_cents": 700, "manual": True})
        reprice(order)
        line.refresh_from_db()
        assert (line.price_cents, line.price_list_id) == (700, None)

        change_position(line, {"manual": False})
        assert (line.price_cents, line.price_valid_from) == (845, date(2026, 1, 1))


def test_a_line_does_not_slip_into_an_order_while_it_is_billed(house):
    """One person issues the invoice, the other adds a line in the same moment: one of them must wait and be refused."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    from django.db import connection

    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import add_position, mark_billed
    from dentatool.orders.models import Order
    from dentatool.orders.workflow import State

    with house.at_work():
        order = house.order(state=State.FINISHED)
        add_position(order, art="BEL", number="0010")
    billed, read = Event(), Event()

    def add() -> str:
        try:
            with house.at_work("office"):
                stale = Order.objects.select_related("practice").get(pk=order.pk)
                read.set()
                billed.wait(10)
                add_position(stale, art="BEL", number="0120")
                return "added"
        except NotYet:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        answer = other.submit(add)
        read.wait(10)
        with house.at_work():
            mark_billed(Order.objects.get(pk=order.pk))
            billed.set()
        assert answer.result(20) == "refused"
    with house.at_work():
        assert prices(order) == [("0010", 845)]
