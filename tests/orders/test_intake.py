"""Taking in orders: numbers, Auftragsnummern, patients, double submits, chains."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import uuid4

import pytest

RIGHT, WRONG = "565901-4711-ZE-20260015-1-6", "565901-4711-ZE-20260015-1-7"


def test_orders_are_numbered_through_the_year(house):
    with house.at_work():
        first, second = house.order(), house.order()
        of_last_year = house.order(received_on=date(2025, 12, 30), due_on=date(2026, 1, 8))

    assert [first.number, second.number, of_last_year.number] == ["26-0001", "26-0002", "25-0001"]


def test_twenty_people_at_once_get_twenty_numbers(house):
    from django.db import connection

    def take_in(_place: int) -> str:
        try:
            with house.at_work():
                return house.order().number
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as people:
        numbers = sorted(people.map(take_in, range(20)))

    assert numbers == [f"26-{place:04d}" for place in range(1, 21)]


def test_one_form_sent_twice_is_one_order(house):
    from dentatool.orders.models import Order

    key = uuid4()
    with house.at_work():
        first = house.order(intake_key=key)
    with house.at_work():
        second = house.order(intake_key=key)
        count = Order.objects.count()

        third = house.order()

    assert (first.pk, count) == (second.pk, 1)
    assert (first.number, third.number) == ("26-0001", "26-0002")


def test_two_orders_for_a_new_patient_at_the_same_moment_are_for_the_same_one(house):
    from django.db import connection

    from dentatool.orders.actions import PatientFacts
    from dentatool.orders.models import Patient

    def send(facts: PatientFacts) -> object:
        try:
            with house.at_work():
                return house.order(patient=facts).patient_id
        finally:
            connection.close()

    both = [PatientFacts(pseudonym="A17"), PatientFacts(name="Rosina Müller", birth_date=date(1970, 2, 1))]
    with ThreadPoolExecutor(6) as people:
        patients = set(people.map(send, both * 3))
    with house.at_work():
        assert Patient.objects.count() == len(patients) <= 2


def test_one_form_sent_at_the_same_moment_with_two_years_is_one_order(house):
    """Two years, two counters: nobody waits, and the second is told what has happened."""
    from django.db import connection

    from dentatool.kit.errors import Gone
    from dentatool.orders.models import Order

    key = uuid4()

    def send(year: int) -> object:
        try:
            with house.at_work():
                return house.order(intake_key=key, received_on=date(year, 3, 2), due_on=date(year, 3, 12)).pk
        except Gone as told:
            return str(told)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as people:
        answers = set(people.map(send, [2025, 2026] * 3))
    with house.at_work():
        assert Order.objects.count() == 1
    assert len([answer for answer in answers if not isinstance(answer, str)]) == 1


def test_one_form_sent_twice_at_the_same_moment_is_one_order(house):
    from django.db import connection

    key = uuid4()

    def send(_place: int) -> object:
        try:
            with house.at_work():
                return house.order(intake_key=key).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as people:
        orders = set(people.map(send, range(6)))

    assert len(orders) == 1


@pytest.mark.parametrize(
    ("typed", "stored", "state"),
    [
        ("565901ß4711ßzeß20260015ß1ß6", RIGHT, "gueltig"),
        (WRONG, WRONG, "falsch"),
        ("", "", "fehlt"),
        ("565901-4711-ZE", "565901-4711-ZE", "falsch"),
    ],
)
def test_an_auftragsnummer_is_normalised_and_never_repaired(house, typed, stored, state):
    with house.at_work():
        order = house.order(order_number=typed)

    assert (order.order_number, order.number_state) == (stored, state)


def test_the_area_comes_from_the_auftragsnummer(house):
    with house.at_work():
        assert house.order(order_number="289201-44-KB-8086-1-0").area == "KB"
        assert house.order().area == "ZE"


def test_a_location_number_is_learnt_once_and_a_stranger_is_named(house):
    from dentatool.orders.actions import Ordered, create_order
    from dentatool.orders.intake import around, practice_at
    from dentatool.practices.models import KnownLocation, Practice
    from dentatool.values.order_number import check_digit

    plan = "565901-1-ZE-1-1-"
    with house.at_work():
        own = house.order(order_number=RIGHT)
        other = Practice.objects.create(customer_number="1002", name="Praxis Dr. Estermann")
        astray = create_order(other, Ordered(order_number=f"{plan}{check_digit(plan)}", kind="Krone"))

        assert practice_at("565901").pk == house.practice_id
        assert around(own).stranger == ""
        assert around(astray).stranger == str(house.practice)
        assert KnownLocation.objects.count() == 1


def test_a_wrong_number_teaches_nothing(house):
    from dentatool.practices.models import KnownLocation

    with house.at_work():
        house.order(order_number=WRONG)

        assert KnownLocation.objects.count() == 0


def test_a_practice_with_one_dentist_needs_no_choice(house):
    with house.at_work():
        assert house.order().dentist_id == house.dentist_id


def test_teeth_are_stored_and_shown_in_the_order_of_the_chart(house):
    from dentatool.orders.actions import teeth_of

    with house.at_work():
        order = house.order(teeth={14: "krone", 16: "krone", 15: "glied"})

        assert teeth_of(order) == {16: "krone", 15: "glied", 14: "krone"}
        assert order.teeth_text == "16-14"


def test_a_chain_becomes_priced_positions(house):
    from dentatool.catalogue.models import ServiceChain
    from dentatool.orders.chain_variables import variables_of

    with house.at_work():
        chain, marked = ServiceChain.objects.get(pk=house.chain_id), {14: "krone", 15: "krone"}
        order = house.order(kind="", chain=chain, teeth=marked, variables=variables_of(marked, shipments=3))
        lines = [(each.number, each.quantity_milli, each.price_cents, each.text) for each in order.positions.all()]

    assert order.kind == "NEM-Krone, vestibulär verblendet"
    assert lines == [
        ("0010", 1000, 845, "Modell"),
        ("1024", 2000, 10368, "Krone für vestibuläre Verblendung"),
        ("9330", 3000, 717, "Versandkosten"),
    ]


def test_the_same_patient_is_not_taken_in_twice(house):
    from dentatool.orders.actions import PatientFacts, patient_for
    from dentatool.orders.models import Patient

    born = date(1961, 5, 4)
    with house.at_work():
        first = patient_for(house.practice, PatientFacts(name="Rosina Müller", birth_date=born))
        by_spelling = patient_for(house.practice, PatientFacts(name="Rosina Mueller", birth_date=born, pseudonym="A17"))
        by_number = patient_for(house.practice, PatientFacts(pseudonym="A17"))
        other = patient_for(house.practice, PatientFacts(name="Rosina Müller", birth_date=date(1990, 1, 1)))

        assert first.pk == by_spelling.pk == by_number.pk != other.pk
        assert Patient.objects.get(pk=first.pk).pseudonym == "A17"
        assert patient_for(house.practice, PatientFacts()) is None


def test_one_number_does_not_name_two_people(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import PatientFacts, patient_for
    from dentatool.orders.models import Patient

    with house.at_work():
        patient_for(house.practice, PatientFacts(name="Rosina Müller", pseudonym="A17"))
        with pytest.raises(NotYet, match="schon zu einem anderen Namen"):
            patient_for(house.practice, PatientFacts(name="Georg Quast", pseudonym="A17"))

        assert Patient.objects.count() == 1


def test_a_practice_without_names_gets_none_stored(house):
    from dentatool.kit.errors import NotYet
    from dentatool.orders.actions import PatientFacts, patient_for
    from dentatool.orders.models import Patient

    with house.at_work():
        practice = house.practice
        practice.no_names = True
        practice.save()
        with pytest.raises(NotYet, match="keine Patientennamen"):
            patient_for(practice, PatientFacts(name="Rosina Müller", pseudonym="A17"))

        assert Patient.objects.count() == 0
        assert patient_for(practice, PatientFacts(pseudonym="A17")).name == ""


def test_a_practices_number_is_found_however_many_others_have_the_same(house):
    from dentatool.orders.models import Patient
    from dentatool.orders.patients import search_patients
    from dentatool.practices.models import Practice

    with house.at_work():
        crowd = Practice.objects.create(customer_number="1900", name="Praxis am Markt")
        Patient.objects.bulk_create(Patient(practice=crowd, pseudonym="7") for _ in range(201))
        own = Practice.objects.create(customer_number="1901", name="Praxis am Tor")
        meant = Patient.objects.create(practice=own, pseudonym="7", name="Rosina Müller")
        assert search_patients("7", own.pk) == [meant]


def test_the_dentists_offered_are_asked_for_anew_by_each_form(house, other_house):
    from dentatool.orders.forms import IntakeForm

    with house.at_work():
        of_anna = [dentist.pk for dentist in IntakeForm().fields["dentist"].queryset]
    with other_house.at_work():
        of_bert = [dentist.pk for dentist in IntakeForm().fields["dentist"].queryset]
        form = IntakeForm({"dentist": str(house.dentist_id)})
        form.is_valid()

    assert (of_anna, of_bert) == ([house.dentist_id], [other_house.dentist_id])
    assert "nicht vorhanden" in str(form.errors["dentist"])
