"""Lists page by where the last one ended; a cursor names no laboratory."""

import base64

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.conftest import make_order
from dentatool.catalogue import demo as catalogue_demo
from dentatool.practices.models import Practice


def fill(lab, count):
    with lab.at_work():
        for number in range(count):
            Practice.objects.create(customer_number=f"{number:04}", name=f"Praxis {number}")


def walk(program, address):
    """All items, page by page, by the Link of each page."""
    found = []
    while address:
        answer = program.get(address)
        found += answer.json()["items"]
        link = answer.headers.get("Link", "")
        assert bool(link) == (answer.json()["next"] is not None)
        address = link.partition(">")[0].removeprefix("</api/v1/")
    return found


def test_every_record_comes_once(anna, program):
    fill(anna, 57)

    found = walk(program, "practices?limit=10&active=true")

    assert sorted(each["customer_number"] for each in found) == [f"{number:04}" for number in range(57)]


def test_what_is_added_while_one_reads_moves_nothing(anna, program):
    fill(anna, 20)
    first = program.get("practices?limit=10").json()
    program.post("practices", {"customer_number": "neu", "name": "Neue Praxis"})

    second = program.get(f"practices?limit=100&cursor={first['next']}").json()

    numbers = [each["customer_number"] for each in (*first["items"], *second["items"])]
    assert numbers[-1] == "neu"
    assert sorted(numbers[:-1]) == [f"{number:04}" for number in range(20)]


def test_annas_cursor_shows_bert_only_his_own(anna, bert, program):
    fill(anna, 30)
    fill(bert, 5)
    cursor = program.get("practices?limit=10").json()["next"]

    seen = walk(bert.program(), f"practices?cursor={cursor}")

    assert {each["id"] for each in seen} <= {each["id"] for each in walk(bert.program(), "practices")}
    assert anna.lab_id.bytes not in base64.urlsafe_b64decode(cursor + "==")


@pytest.mark.parametrize("address", ["practices", "price-lists", "chains", "orders"])
def test_a_page_costs_the_same_whatever_its_length(anna, program, address):
    """The door, the transaction, the list: no question for each row."""
    with anna.at_work():
        catalogue_demo.fill("anna")
        for _ in range(3):
            make_order()
    counts = []

    for limit in (1, 3, 3):
        with CaptureQueriesContext(connection) as asked:
            assert program.get(f"{address}?limit={limit}").status_code == 200
        counts.append(len(asked))

    assert counts[1] == counts[2] and counts[0] >= counts[1] - 1


def test_a_day_that_no_order_can_have_is_refused(program):
    answer = program.get("orders?due_from=0075-12-05")

    assert (answer.status_code, answer.json()["detail"].split(":")[0]) == (400, "due_from")
