"""Prepared queries: the rows that the plain queryset gives, in each laboratory its own, written once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.sql.compiler import SQLCompiler

from dentatool.orders.models import Order, Patient, Position
from dentatool.orders.queries import _open_first as opened_first
from dentatool.practices.models import Practice
from dentatool.protection.engine.prepared import EachOf, Prepared, any_of

an_order = Prepared(lambda pk: Order.objects.select_related("practice", "dentist", "patient").filter(pk=pk))
due_in = Prepared(
    lambda first, last, practice: (
        Order.objects.filter(due_on__range=(first, last), practice=practice)
        .order_by("number")
        .values_list("number", "patient__pseudonym")[:5]
    )
)


@pytest.fixture
def order(anna):
    with anna.at_work():
        practice = Practice.objects.create(customer_number="1", name="Praxis am Markt")
        patient = Patient.objects.create(practice=practice, name="Ödön von Horváth", pseudonym="H-1")
        days = {"received_on": date(2026, 3, 2), "due_on": date(2026, 3, 12)}
        return Order.objects.create(number="A-1", practice=practice, patient=patient, **days)


def test_it_gives_what_the_queryset_gives(anna, order):
    with anna.at_work():
        (found,) = an_order(order.pk)
        plain = Order.objects.select_related("practice", "dentist", "patient").get(pk=order.pk)

    assert (found, found.practice, found.patient, found.dentist) == (plain, plain.practice, plain.patient, None)
    assert vars(found).keys() == vars(plain).keys()
    assert found.changed_at == plain.changed_at
    with anna.at_work():
        assert found.patient.name == "Ödön von Horváth"


def test_related_records_come_with_it(anna, order):
    with anna.at_work():
        (found,) = an_order(order.pk)
        asked = []
        with connection.execute_wrapper(lambda run, *rest: (asked.append(1), run(*rest))[1]):
            assert (found.practice.name, found.patient.pseudonym) == ("Praxis am Markt", "H-1")
    assert asked == []


def test_what_was_found_can_be_changed(anna, order):
    with anna.at_work():
        (found,) = an_order(order.pk)
        found.tray = "17"
        found.save()
        (again,) = an_order(order.pk)
        assert (again.tray, again.version) == ("17", order.version + 1)


def test_columns_alone_and_limits(anna, order):
    march, practice = (date(2026, 3, 1), date(2026, 3, 31)), order.practice_id
    with anna.at_work():
        assert due_in(*march, practice) == [("A-1", "H-1")]
        assert due_in(date(2026, 4, 1), date(2026, 4, 2), practice) == []


def test_any_number_of_ids(anna, order):
    with_ids = Prepared(lambda ids: Order.objects.filter(any_of("id", ids)).values_list("number", flat=True))
    with anna.at_work():
        assert [with_ids(ids) for ids in ([], [uuid4()], [order.pk], [uuid4(), order.pk])] == [[], [], ["A-1"], ["A-1"]]


def test_what_no_call_changes_stands_in_the_statement_however_it_is_spelled(anna, order):
    odd = ["100 %s", "%", "O'Brien", "back\\slash", "ß"]
    by_kind = Prepared(
        lambda tray: Order.objects.filter(tray=tray, kind__in=odd).order_by("kind").values_list("kind", Value("%s '"))
    )
    with anna.at_work():
        for place, kind in enumerate(["other", *odd]):
            Order.objects.create(
                number=f"A-{place}2", practice_id=order.practice_id, tray="5", kind=kind, received_on=order.received_on
            )
        assert sorted(by_kind("5")) == sorted((kind, "%s '") for kind in odd)
        assert by_kind("6") == []


def test_the_plan_that_is_kept_reads_the_open_orders_by_their_own_index(anna):
    asked = []
    with anna.at_work(), connection.cursor() as cursor:
        with connection.execute_wrapper(lambda run, *rest: (asked.append(rest), run(*rest))[1]):
            opened_first()
        ((statement, values),) = [rest[:2] for rest in asked]
        assert values == ()
        cursor.execute("set local plan_cache_mode = force_generic_plan")
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("explain " + statement)
        assert "order_open_by_due" in str(cursor.fetchall())


patients = EachOf(lambda pk: Patient.objects.select_related("practice").filter(pk=pk).order_by())


def test_each_of_several_ids_is_found_with_what_belongs_to_it(anna, order):
    with anna.at_work():
        (found,) = patients([uuid4(), order.patient_id])
        assert (found.name, found.practice.name) == ("Ödön von Horváth", "Praxis am Markt")
        assert [patients(ids) for ids in ([], [uuid4()])] == [[], []]
        with pytest.raises(TypeError, match="1 values are wanted, not 2"):
            patients([order.patient_id], [uuid4()])


def test_each_key_is_looked_up_by_itself_however_large_the_laboratory(anna, order):
    """As `= any(…)` it was the whole index of the pseudonyms of a laboratory that is large beside the others."""
    asked = []
    with anna.at_work():
        with connection.execute_wrapper(lambda run, *rest: (asked.append(rest), run(*rest))[1]):
            patients([order.patient_id])
        with connection.cursor() as cursor:
            cursor.execute("explain (format json) " + asked[0][0], asked[0][1])
            plan = cursor.fetchone()[0][0]["Plan"]
    keys, one = plan["Plans"]
    assert (plan["Node Type"], keys["Node Type"], keys["Function Name"]) == ("Nested Loop", "Function Scan", "unnest")
    assert "id = sought.key" in str(one)


def test_bert_finds_nothing_of_anna_by_the_same_question(anna, bert, order):
    with anna.at_work():
        assert len(an_order(order.pk)) == 1
    with bert.at_work():
        assert an_order(order.pk) == patients([order.patient_id]) == []
        assert due_in(date(2026, 3, 1), date(2026, 3, 31), order.practice_id) == []


def test_without_a_pass_there_is_nothing(anna, order):
    with anna.at_work():
        assert len(an_order(order.pk)) == 1
    assert an_order(order.pk) == patients([order.patient_id]) == []


def test_it_is_written_once(anna, order, monkeypatch):
    lines = Prepared(lambda order_id: Position.objects.filter(order=order_id))
    written = []
    plain = SQLCompiler.as_sql
    monkeypatch.setattr(SQLCompiler, "as_sql", lambda *rest, **more: (written.append(1), plain(*rest, **more))[1])
    with anna.at_work():
        assert [lines(order.pk) for _ in range(3)] == [[], [], []]
    assert written == [1]


def test_two_threads_ask_at_once_on_their_own_connections(anna, bert, order):
    def found_by(laboratory):
        try:
            with laboratory.at_work():
                return [len(an_order(order.pk)) for _ in range(50)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(found_by, [anna, bert] * 4))
    assert answers == [[1] * 50, [0] * 50] * 4


def test_another_number_of_values_is_refused(anna):
    with anna.at_work(), pytest.raises(TypeError, match="1 values are wanted, not 2"):
        an_order(uuid4(), uuid4())
