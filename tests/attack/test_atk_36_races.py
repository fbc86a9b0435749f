"""ATK-36: many people do the same thing at the same moment, over the served program. One of them wins; nobody sees a 5xx."""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from billing.conftest import make_order
from harness.live import COOKIE, Answer, Line, LiveServer, running_server
from orders.conftest import House, furnish

pytestmark = [pytest.mark.slow, pytest.mark.alone]
PEOPLE = 40 if os.environ.get("DENTATOOL_SOAK") == "1" else 8
REFUSED = {404, 409, 410, 422}

Deed = tuple[str, dict[str, Any]]


@pytest.fixture(scope="module")
def served(database: dict) -> Iterator[LiveServer]:
    with running_server("races", threads=PEOPLE) as server:
        yield server


@pytest.fixture
def house(anna: Any) -> House:
    return furnish(anna)


@pytest.fixture
def at_once(house: House, served: LiveServer, superuser: psycopg.Connection) -> Iterator[Callable[..., list[Answer]]]:
    """`at_once([(address, form), …])`: each form from its own connection, all let loose together."""
    session = house.client().cookies[COOKIE].value
    deadlocks = _deadlocks(superuser)

    def send(deeds: list[Deed]) -> list[Answer]:
        start = Barrier(len(deeds))

        def one(deed: Deed) -> Answer:
            line = Line(served)
            line.ask("GET", "/livez")  # the connection stands before the race begins
            start.wait(30)
            answer = line.ask("POST", deed[0], session, deed[1])
            line.close()
            return answer

        began = time.monotonic()
        with ThreadPoolExecutor(len(deeds)) as threads:
            answers = list(threads.map(one, deeds))
        assert time.monotonic() - began < 20, "somebody waited for somebody who waited"
        assert all(answer.status in {200, 302, *REFUSED} for answer in answers), served.lines()[-3:]
        assert all(each.status == 302 or 'lang="de"' in each.text for each in answers)
        return answers

    yield send
    assert _deadlocks(superuser) == deadlocks


def _deadlocks(superuser: psycopg.Connection) -> int:
    superuser.execute("select pg_stat_clear_snapshot()")
    row = superuser.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    return row[0] if row else -1


def counts(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def slip(**changed: str) -> dict[str, str]:
    return {
        **{"order_number": "565901-4711-ZE-20260015-1-6", "practice": "1001", "pseudonym": "4711", "insurance": "gkv"},
        **{"work": "NEM-Krone, vestibulär verblendet", "care": "regel", "teeth": "14:krone", "shipments": "2"},
        **{"received_on": "02.03.2026", "due_on": "12.03.2026", "intake_key": str(uuid4()), **changed},
    }


def practice_form(**changed: str) -> dict[str, str]:
    fixed = {"customer_number": "1001", "name": "Praxis am Tor", "city": "Prien", "payment_days": "14", "active": "on"}
    return {**fixed, "skonto_permille": "0", "skonto_days": "0", "xml_version": "4.5", **changed}


def test_one_slip_sent_by_impatient_fingers_is_one_order(house, at_once):
    from dentatool.orders.models import Order, Patient

    answers = at_once([("/auftraege/neu/", slip(patient_name="Rosina Müller"))] * PEOPLE)

    assert counts(answers) == {302: PEOPLE}
    assert len({answer.headers["location"] for answer in answers}) == 1
    with house.at_work():
        assert (Order.objects.count(), Patient.objects.count()) == (1, 1)
        assert Order.objects.get().positions.count() == 3


def test_different_slips_get_numbers_without_gap(house, at_once):
    from dentatool.orders.models import Order

    answers = at_once([("/auftraege/neu/", slip(order_number="", pseudonym=f"K{person}")) for person in range(PEOPLE)])

    assert counts(answers) == {302: PEOPLE}
    with house.at_work():
        numbers = sorted(
            int(re.sub(r"\D", "", number)[-5:]) for number in Order.objects.values_list("number", flat=True)
        )
    assert numbers == list(range(numbers[0], numbers[0] + PEOPLE))


def test_one_customer_number_is_given_once(house, at_once):
    from dentatool.practices.models import Practice

    answers = at_once([("/praxen/neu/", practice_form(customer_number="7777"))] * PEOPLE)

    assert counts(answers)[302] == 1 and set(counts(answers)) <= {302, *REFUSED}
    with house.at_work():
        assert Practice.objects.filter(customer_number="7777").count() == 1


def test_of_those_who_saw_the_same_version_one_is_stored_and_the_others_compare(house, at_once):
    from dentatool.practices.models import Practice

    with house.at_work():
        version = house.practice.version
    address = f"/praxen/{house.practice_id}/bearbeiten/"
    deeds = [(address, practice_form(name=f"Praxis {person}", version=str(version))) for person in range(PEOPLE)]

    answers = at_once(deeds)

    assert counts(answers) == {302: 1, 409: PEOPLE - 1}
    assert all("Ihre Eingabe" in answer.text for answer in answers if answer.status == 409)
    with house.at_work():
        winner = answers.index(next(answer for answer in answers if answer.status == 302))
        stored = Practice.objects.get(pk=house.practice_id)
        assert (stored.name, stored.version) == (f"Praxis {winner}", version + 1)


def test_a_step_is_taken_once(house, at_once):
    from dentatool.orders.models import Order
    from dentatool.protection.audit import history_of

    with house.at_work():
        order = house.order(state="eingegangen")
    answers = at_once([(f"/auftraege/{order.pk}/status/", {"to": "in_arbeit"})] * PEOPLE)

    assert counts(answers) == {302: 1, 409: PEOPLE - 1}
    with house.at_work():
        assert Order.objects.get(pk=order.pk).state == "in_arbeit"
        assert len([entry for entry in history_of(order) if "state" in entry.changes and entry.action == "update"]) == 1


def test_lines_added_by_many_all_stay_and_stand_apart(house, at_once):
    with house.at_work():
        order = house.order()
    lines = [{"number": "P100", "text": f"Gerüst {person}", "quantity_milli": "1"} for person in range(PEOPLE)]
    answers = at_once([(f"/auftraege/{order.pk}/positionen/", line) for line in lines])

    assert counts(answers) == {302: PEOPLE}
    with house.at_work():
        assert sorted(order.positions.values_list("text", flat=True)) == sorted(line["text"] for line in lines)
        assert len(set(order.positions.values_list("rank", flat=True))) == PEOPLE


def test_a_line_that_is_changed_and_taken_off_at_once_is_one_of_both(house, at_once):
    from dentatool.orders.models import Position

    for _ in range(3):
        with house.at_work():
            order = house.order()
            line = add_line(order)
        own = f"/auftraege/{order.pk}/positionen/{line.pk}/"
        change = {"number": "P100", "text": "Anders", "quantity_milli": "2", "version": str(line.version)}
        answers = at_once([(own, change), (f"{own}entfernen/", {}), (f"{own}verschieben/", {"richtung": "ab"})] * 3)
        changed = [answer.status for answer in answers[::3]]
        assert changed.count(302) <= 1
        assert set(changed) <= {302, 404, 409, 410}
        with house.at_work():
            assert not Position.objects.filter(pk=line.pk).exists(), "a line came back to life"


def test_of_two_who_change_one_line_the_second_is_told_what_it_says_now(house, at_once):
    with house.at_work():
        order = house.order()
        line = add_line(order)
    form = {"number": "P100", "quantity_milli": "2", "version": str(line.version)}
    own = f"/auftraege/{order.pk}/positionen/{line.pk}/"
    answers = at_once([(own, {**form, "text": f"Gerüst {person}"}) for person in range(PEOPLE)])

    assert counts(answers) == {302: 1, 409: PEOPLE - 1}
    with house.at_work():
        stored = order.positions.get()
    for person, answer in enumerate(answers):
        if answer.status == 409:
            assert f"lautet jetzt: 2 × P100 {stored.text}, 98,00" in answer.text
            assert f'value="Gerüst {person}"' in answer.text
            assert f'name="version" value="{stored.version}"' in answer.text


def add_line(order: Any) -> Any:
    from dentatool.orders.actions import add_position

    return add_position(order, art="NBL", number="P100", text="Gerüst", price_cents=9800)


def test_one_draft_one_invoice_one_cancellation(house, at_once):
    from dentatool.billing.models import Invoice
    from dentatool.billing.queries import chain_faults

    with house.at_work():
        order = make_order(practice=house.practice)
    drafted = at_once([(f"/auftraege/{order.pk}/rechnung/", {})] * PEOPLE)
    with house.at_work():
        draft = Invoice.objects.get()
    issued = at_once([(f"/rechnungen/{draft.pk}/ausstellung/", {})] * PEOPLE)
    cancelled = at_once([(f"/rechnungen/{draft.pk}/storno/", {"reason": "Versehen", "art": "kopie"})] * PEOPLE)

    assert set(counts(drafted)) <= {302, *REFUSED}
    assert counts(issued) == {302: 1, 409: PEOPLE - 1}
    assert counts(cancelled)[302] == 1 and set(counts(cancelled)) <= {302, *REFUSED}
    with house.at_work():
        kinds = Counter(Invoice.objects.issued().values_list("kind", flat=True))
        assert (kinds, Invoice.objects.drafts().count()) == ({"invoice": 1, "cancellation": 1}, 1)
        assert list(chain_faults()) == []


def test_a_draft_that_is_issued_thrown_away_renewed_and_changed_at_once_is_one_of_these(house, at_once):
    from dentatool.billing.models import Invoice
    from dentatool.billing.queries import chain_faults

    for _ in range(4):
        with house.at_work():
            order = make_order(practice=house.practice)
        at_once([(f"/auftraege/{order.pk}/rechnung/", {})])
        with house.at_work():
            draft = Invoice.objects.drafts().get()
        ways = ["ausstellung", "verworfen", "neu-aus-auftrag", "zeilen", "nachlass"]
        answers = at_once([(f"/rechnungen/{draft.pk}/{way}/", {"permille": "10"}) for way in ways[:2] * 2 + ways[2:3]])
        assert 302 in counts(answers)
        with house.at_work():
            left = Invoice.objects.filter(pk=draft.pk)
            issued = left.filter(sequence__isnull=False)
            assert left.count() == issued.count(), "a draft that neither lives nor is gone"
            assert list(chain_faults()) == []
            assert all(invoice.lines.count() == 2 for invoice in issued)


def test_selections_in_opposite_order_do_not_lock_each_other_out(house, at_once):
    from dentatool.orders.models import Order

    with house.at_work():
        orders = [str(house.order(state="eingegangen").pk) for _ in range(20)]
    answers = at_once(
        [
            ("/auftraege/schritt/", {"auftrag": orders[:: -1 if person % 2 else 1], "to": "in_arbeit"})
            for person in range(PEOPLE)
        ]
    )

    assert counts(answers) == {302: PEOPLE}
    with house.at_work():
        assert set(Order.objects.values_list("state", flat=True)) == {"in_arbeit"}
