"""Records written together: in one statement, and in every other respect as if each had been saved."""

from datetime import date
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from dentatool.kit.models import Job
from dentatool.orders.models import Order, OrderTooth, Patient, Position
from dentatool.practices.models import Dentist, Practice
from dentatool.protection.audit import history_of
from dentatool.protection.engine.together import write_together
from dentatool.protection.tenancy import NoPass

DAY = date(2026, 11, 23)


@pytest.fixture
def hers(anna):
    """A practice of Anna's."""
    with anna.at_work():
        return Practice.objects.create(customer_number="1", name="Praxis am Markt")


@pytest.fixture
def his(bert):
    """A practice of Bert's."""
    with bert.at_work():
        return Practice.objects.create(customer_number="1", name="Praxis am Markt")


def new_order(practice, **facts):
    """An order with a patient, a tooth and three positions, none of them stored."""
    patient = Patient(
        practice=practice, name="Ödön von Horváth", birth_date=date(1970, 2, 1), allergies="Nickel; “\\x27”"
    )
    order = Order(number="26-0001", practice=practice, patient=patient, received_on=DAY, due_on=DAY, **facts)
    tooth = OrderTooth(order=order, tooth=14, part="krone")
    lines = [Position(order=order, rank=n, number="0010", text=f'Modell "{n}"', price_cents=n) for n in (1, 2, 3)]
    return [patient, order, tooth, *lines]


def test_one_statement_stores_them_all(anna, hers):
    with anna.at_work():
        made = new_order(hers)
        with CaptureQueriesContext(connection) as asked:
            write_together(made)
    assert [query["sql"].count("insert into") for query in asked if "protection_labkey" not in query["sql"]] == [4]

    with anna.at_work():
        order = Order.objects.select_related("patient").get()
        assert [order.patient, order, *order.teeth.all(), *order.positions.all()] == made
        assert (order.due_on, order.delivered_on, order.state) == (DAY, None, "eingegangen")
        assert [(line.text, line.price_cents) for line in order.positions.all()] == [
            (f'Modell "{n}"', n) for n in (1, 2, 3)
        ]
        assert (order.patient.name, order.patient.birth_date) == ("Ödön von Horváth", date(1970, 2, 1))
        assert order.patient.allergies == "Nickel; “\\x27”"


def test_the_order_in_which_they_are_named_does_not_matter(anna, hers):
    with anna.at_work():
        write_together(reversed(new_order(hers)))
    with anna.at_work():
        assert Position.objects.count() == 3


def test_they_can_be_used_and_changed_at_once(anna, hers):
    with anna.at_work():
        patient, order, *_rest = new_order(hers)
        write_together([patient, order])
        assert (order.version, order.created_at) == (1, order.changed_at)
        order.tray = patient.pseudonym = "17"
        order.save()
        patient.save()
    with anna.at_work():
        assert Order.objects.get().tray == Patient.objects.get().pseudonym == "17"


def test_each_is_in_the_trail_as_if_it_had_been_saved(anna, hers):
    with anna.at_work():
        together, apart = new_order(hers), new_order(hers)
        apart[1].number = "26-0002"
        write_together(together)
        for record in apart:
            record.save(force_insert=True)
    with anna.at_work():
        for one, other in zip(together, apart, strict=True):
            first, second = history_of(one).get(), history_of(other).get()
            assert (first.action, first.what, first.actor_id) == (second.action, second.what, second.actor_id)
            assert first.changes.keys() == second.changes.keys()


def test_sealed_fields_are_sealed(anna, hers, superuser):
    with anna.at_work():
        write_together(new_order(hers))
    patient, entry = superuser.execute(
        "select to_jsonb(p)::text, e.changes::text from orders_patient p"
        " join protection_entry e on e.record_id = p.id where p.lab_id = %s",
        [anna.lab_id],
    ).fetchone()
    for stored in (patient, entry):
        assert "Horv" not in stored and "1970-02-01" not in stored and "Nickel" not in stored and r"\\x0" in stored


def test_what_may_not_be_sealed_is_refused_and_nothing_stored(anna, hers):
    with anna.at_work():
        made = new_order(hers)
        made[0].name = "x" * 500
        with pytest.raises(ValidationError):
            write_together(made)
        assert not Order.objects.exists()


def test_all_or_none(anna, hers):
    with anna.at_work():
        write_together(new_order(hers))
    with anna.at_work():
        again = new_order(hers)
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            write_together(again)
        assert refused.value.__cause__.diag.constraint_name == "order_number_once"
        assert (Patient.objects.count(), Position.objects.count()) == (1, 3)


@pytest.mark.parametrize(
    ("place", "reference"),
    [(0, "practice"), (1, "practice"), (1, "patient"), (1, "dentist"), (2, "order"), (3, "order"), (3, "price_list")],
)
def test_a_foreign_id_is_refused_in_every_reference_like_one_that_does_not_exist(
    anna, bert, hers, his, place, reference
):
    with bert.at_work():
        foreign = {"practice": his.pk, "dentist": Dentist.objects.create(practice=his).pk}
        theirs = new_order(his)
        write_together(theirs)
        foreign |= {"patient": theirs[0].pk, "order": theirs[1].pk, "price_list": a_price_list().pk}
    answers = []
    for key in (foreign[reference], uuid4()):
        with anna.at_work():
            made = new_order(hers)
            setattr(made[place], f"{reference}_id", key)
            with pytest.raises(IntegrityError) as refused, transaction.atomic():
                write_together(made)
            answers.append(refused.value.__cause__.diag.constraint_name)
            assert not Order.objects.exists()
    assert answers[0] == answers[1] == f"{made[place]._meta.db_table}_{reference}_id_same_lab"


def a_price_list():
    from dentatool.catalogue.models import PriceList

    return PriceList.objects.create(name="BEL", region="BY", lab_type="gewerbe", valid_from=DAY)


def test_nobody_writes_into_another_laboratory(anna, bert, hers):
    with bert.at_work():
        made = Practice(customer_number="2", name="Eingeschmuggelt", lab_id=anna.lab_id)
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            write_together([made])
    assert refused.value.__cause__.sqlstate == "42501"
    with anna.at_work():
        assert Practice.objects.count() == 1


def test_without_a_pass_nothing_is_written(anna, hers):
    with pytest.raises(NoPass):
        new_order(hers)
    with pytest.raises(DatabaseError):
        write_together([Practice(customer_number="2", name="Ohne Pass", lab_id=anna.lab_id)])
    with anna.at_work():
        assert Practice.objects.count() == 1


def test_a_pass_that_may_only_read_writes_nothing(anna, hers):
    from dentatool.protection.tenancy import laboratory

    with pytest.raises(DatabaseError) as refused, laboratory(anna.lab_id, mode="support"):
        write_together([Practice(customer_number="2", name="Nur gelesen")])
    assert refused.value.__cause__.sqlstate == "DT004"


def test_documents_and_times_arrive_as_they_are(anna):
    facts = {"a": None, "b": [1, "zwei", {"ü": True}]}
    with anna.at_work():
        job = Job(name="prüfen", facts=facts, actor_id=anna.owner.id)
        write_together([job])
    with anna.at_work():
        stored = Job.objects.get(pk=job.pk)
        assert (stored.facts, stored.run_at, stored.finished_at) == (facts, job.run_at, None)


def test_what_the_database_would_have_to_compute_is_refused(anna, hers):
    with anna.at_work(), pytest.raises(TypeError):
        write_together([Practice(customer_number="2", name="Praxis", payment_days=F("skonto_days"))])


def test_nothing_to_write_asks_nothing(anna):
    with anna.at_work(), CaptureQueriesContext(connection) as asked:
        write_together([])
    assert len(asked) == 0
