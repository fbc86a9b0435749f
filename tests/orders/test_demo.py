"""The demo's weeks of work are believable."""

from collections import Counter

import pytest


@pytest.mark.slow
def test_a_few_weeks_of_work_fill_every_page(anna):
    from django.utils.timezone import localdate

    from dentatool.catalogue import demo as catalogue_demo
    from dentatool.orders.demo import HOW_MANY, fill_orders
    from dentatool.orders.models import NumberState, Order, Patient
    from dentatool.orders.queries import due_between
    from dentatool.practices import demo as practices_demo

    with anna.at_work():
        practices_demo.fill("anna")
        catalogue_demo.fill("anna")
        fill_orders("anna")
        orders = list(Order.objects.prefetch_related("positions"))
        numbers = Counter(order.number_state for order in orders)
        today = localdate()

        assert len(orders) == HOW_MANY["anna"]
        assert numbers[NumberState.VALID] > 90
        assert {NumberState.MISSING, NumberState.WRONG} < set(numbers)
        assert len({order.state for order in orders}) >= 7
        assert all(order.due_on >= order.received_on for order in orders)
        assert all(line.price_cents > 0 for order in orders for line in order.positions.all() if line.art == "BEL")
        assert due_between(today, today).exists() or today.weekday() > 4
        assert Patient.objects.count() > 40
