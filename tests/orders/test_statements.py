"""How often the four busiest pages ask the database: exact numbers, so that nobody adds a statement unseen.

A statement costs about 0.1 ms of each request, whatever it asks (docs/benchmarks.md). Whoever needs one more raises the
number here and says why.
"""

from uuid import uuid4

import pytest

from orders.test_pages import RIGHT, make_orders, slip

_SESSION = 1  # protection.door_open_session; the pass travels with BEGIN


@pytest.fixture
def asked(house, monkeypatch):
    """`asked(path)`: serve the page twice, since the first request fetches keys; the statements of the second."""
    from django.db import connection

    # On a busy machine a request may take so long that the Gate asks once more whether its access still lasts.
    monkeypatch.setattr("dentatool.protection.access.internal.endings.LONG_S", 60)
    client = house.client()

    def serve(path, make_form=lambda: None):
        for _ in range(2):
            statements = []

            def note(execute, sql, params, many, context, statements=statements):
                statements.append(sql)
                return execute(sql, params, many, context)

            with connection.execute_wrapper(note):
                form = make_form()
                answer = client.post(path, form) if form else client.get(path)
            assert answer.status_code in (200, 302)
        assert "door_open_session" in statements[0]
        return statements

    return serve


def test_the_worklist_asks_for_practices_count_rows_and_patients(house, asked):
    make_orders(house, 3)

    assert len(asked("/auftraege/")) == _SESSION + 4


def test_an_orders_page_asks_for_order_lines_surroundings_profile_history_its_people_and_invoices(house, asked):
    with house.at_work():
        order = house.order(order_number=RIGHT, teeth={14: "krone"}, chain=_chain(house))

    assert len(asked(f"/auftraege/{order.pk}/")) == _SESSION + 7


def test_another_practices_location_number_costs_an_orders_page_nothing(house, asked):
    from dentatool.orders.actions import Ordered, create_order
    from dentatool.practices.models import Practice

    with house.at_work():
        house.order(order_number=RIGHT)
        other = Practice.objects.create(customer_number="1002", name="Praxis Dr. Estermann")
        astray = create_order(other, Ordered(order_number=RIGHT, kind="Krone"))

    assert len(asked(f"/auftraege/{astray.pk}/")) == _SESSION + 7


def test_taking_in_an_order_asks_seven_times(house, asked):
    number = iter(range(2))

    def typed():
        place = next(number)
        return slip(
            pseudonym=f"A{place}", order_number="", patient_name=f"Rosina Müller{place}", intake_key=str(uuid4())
        )

    assert len(asked("/auftraege/neu/", typed)) == _SESSION + 7


def test_the_search_asks_for_news_with_numbers_for_versions_and_for_the_found(house, asked):
    make_orders(house, 3)

    assert len(asked("/patienten/?suche=kaethe")) == _SESSION + 3


def _chain(house):
    from dentatool.catalogue.models import ServiceChain

    return ServiceChain.objects.get(pk=house.chain_id)
