"""ATK-37: steps left out, old forms sent again, buttons pressed twice. Each is refused in German, and nothing happens twice."""

from itertools import product
from typing import Any
from uuid import uuid4

import pytest

from attack.test_atk_36_races import add_line, slip
from billing.conftest import make_order
from dentatool.orders.workflow import STEPS, State
from orders.conftest import House, furnish
from pages.test_matrix import fingerprint

PERMITTED = {(step.before, step.after) for step in STEPS if not step.by_billing}


@pytest.fixture
def house(anna: Any) -> House:
    return furnish(anna)


@pytest.fixture
def billed(house: House) -> tuple[Any, Any, Any]:
    """An order with its issued invoice, and the owner's browser."""
    from dentatool.billing.actions import draft_invoice, issue_invoice

    with house.at_work():
        order = make_order(practice=house.practice, state="geliefert")
        invoice = issue_invoice(draft_invoice(order))
    return house.client(), order, invoice


@pytest.mark.parametrize("before", State)
def test_no_state_is_reached_but_by_the_table(house, before):
    from dentatool.orders.models import Order

    client = house.client()
    with house.at_work():
        order = make_order(practice=house.practice, state=before.value, due_on=None)
    for after in State:
        if (before, after) in PERMITTED:
            continue
        answer = client.post(f"/auftraege/{order.pk}/status/", {"to": after.value, "reason": "Ich will es so"})
        assert answer.status_code == 409, f"{before} → {after}: {answer.status_code}"
        assert "kann nicht auf" in answer.content.decode() or "nur durch eine ausgestellte" in answer.content.decode()
    with house.at_work():
        assert Order.objects.get(pk=order.pk).state == before.value


def test_the_table_forbids_more_than_it_permits():
    assert len(PERMITTED) < len(list(product(State, State))) / 3


def test_billed_is_no_state_to_be_chosen(house):
    from dentatool.orders.models import Order

    client = house.client()
    with house.at_work():
        orders = [make_order(practice=house.practice, state=state) for state in ("fertig", "geliefert")]
    for order in orders:
        client.post(f"/auftraege/{order.pk}/status/", {"to": "abgerechnet"})
    client.post("/auftraege/schritt/", {"auftrag": [str(order.pk) for order in orders], "to": "abgerechnet"})
    client.post(f"/auftraege/{orders[0].pk}/bearbeiten/", {"state": "abgerechnet", "kind": "Krone"})
    with house.at_work():
        assert set(Order.objects.values_list("state", flat=True)) == {"fertig", "geliefert"}


def test_forms_of_a_draft_sent_again_after_issuing_change_nothing(house, billed, superuser):
    client, order, invoice = billed
    before = fingerprint(superuser, house.lab_id)
    line = {"zeilen": "1", "version": "1", "0-art": "NBL", "0-text": "Nachtrag", "0-quantity_milli": "1"}
    forms = {
        f"/rechnungen/{invoice.pk}/ausstellung/": {},
        f"/rechnungen/{invoice.pk}/zeilen/": line,
        f"/rechnungen/{invoice.pk}/nachlass/": {"permille": "10"},
        f"/rechnungen/{invoice.pk}/verworfen/": {},
        f"/rechnungen/{invoice.pk}/neu-aus-auftrag/": {},
        f"/auftraege/{order.pk}/rechnung/": {},
        f"/auftraege/{order.pk}/positionen/": {"number": "0010"},
        f"/auftraege/{order.pk}/preise/": {},
        f"/auftraege/{order.pk}/kette/": {"kette-chain": str(house.chain_id)},
    }
    for address, form in forms.items():
        answer = client.post(address, form)
        assert answer.status_code == 409, f"{address}: {answer.status_code}"
        assert 'lang="de"' in answer.content.decode()
    assert fingerprint(superuser, house.lab_id) == before


def test_the_billed_order_keeps_what_is_on_the_invoice_whatever_form_comes_back(house, billed):
    from dentatool.orders.models import Order

    client, order, _ = billed
    page = client.get(f"/auftraege/{order.pk}/bearbeiten/").context["form"]
    late = {
        "version": str(page.instance.version),
        "kind": "Gold",
        "care": "privat",
        "teeth": "11:krone",
        "remarks": "x",
    }
    client.post(f"/auftraege/{order.pk}/bearbeiten/", {**late, "delivered_on": "01.01.2026", "due_on": "01.01.2026"})
    position = f"/auftraege/{order.pk}/positionen/"
    with house.at_work():
        lines = list(order.positions.values_list("pk", flat=True))
    changed = [client.post(f"{position}{pk}/", {"number": "0010", "quantity_milli": "99"}).status_code for pk in lines]
    removed = [client.post(f"{position}{pk}/entfernen/").status_code for pk in lines]

    assert set(changed + removed) == {409}
    with house.at_work():
        stored = Order.objects.get(pk=order.pk)
        assert (stored.kind, stored.care, stored.delivered_on) == ("Krone", "regel", order.delivered_on)
        assert order.positions.count() == 2


def test_cancelled_again_by_the_back_button(house, billed):
    from dentatool.billing.models import Invoice

    client, _, invoice = billed
    form = {"reason": "Menge berichtigt", "art": "nur"}
    first, again = (client.post(f"/rechnungen/{invoice.pk}/storno/", form) for _ in range(2))

    assert (first.status_code, again.status_code) == (302, 409)
    with house.at_work():
        cancellation = Invoice.objects.get(kind="cancellation")
    assert client.post(f"/rechnungen/{cancellation.pk}/storno/", form).status_code == 409
    with house.at_work():
        assert Invoice.objects.filter(kind="cancellation").count() == 1


def test_a_slip_sent_again_by_the_back_button_says_so_and_makes_nothing(house):
    from dentatool.orders.models import Order, Patient

    client, sent = house.client(), slip(patient_name="Rosina Müller")
    first = client.post("/auftraege/neu/", sent)
    again = client.post("/auftraege/neu/", {**sent, "patient_name": "Ganz Anders", "pseudonym": "X9"}, follow=True)

    assert again.redirect_chain[0][0] == first["Location"]
    assert "Dieses Formular war schon gesendet" in again.content.decode()
    with house.at_work():
        assert (Order.objects.count(), Patient.objects.count()) == (1, 1)


def test_a_form_key_of_another_laboratory_is_only_a_new_key(house, bert):
    from dentatool.orders.models import Order

    other, sent = furnish(bert, region="BY"), slip()
    house.client().post("/auftraege/neu/", sent)
    answer = other.client().post("/auftraege/neu/", sent)

    with house.at_work():
        own = Order.objects.get()
    with other.at_work():
        assert answer["Location"] == Order.objects.get().get_absolute_url() != own.get_absolute_url()


def test_forms_of_a_session_that_has_ended_do_nothing(house, superuser):
    client = house.client()
    kept = client.cookies.copy()
    client.post("/abmelden/")
    client.cookies = kept
    before = fingerprint(superuser, house.lab_id)
    for address, form in (
        ("/auftraege/neu/", slip()),
        ("/praxen/neu/", {"customer_number": "9", "name": "Nachzügler"}),
        (f"/praxen/{house.practice_id}/bearbeiten/", {"customer_number": "1001", "name": "Anders", "version": "1"}),
        ("/auftraege/neu/patienten/", {"suche": "Ro"}),
        ("/abmelden/", {}),
    ):
        answer = client.post(address, form)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/anmelden/"), address
    assert fingerprint(superuser, house.lab_id) == before


def test_an_old_page_of_a_line_does_not_overwrite_the_new_one(house):
    with house.at_work():
        order = house.order()
        line = add_line(order)
    client, own = house.client(), f"/auftraege/{order.pk}/positionen/{line.pk}/"
    form = {"number": "P100", "text": "Gerüst", "quantity_milli": "2", "version": str(line.version)}
    first, old, without = (
        client.post(own, form),
        client.post(own, {**form, "quantity_milli": "9"}),
        client.post(own, {key: value for key, value in form.items() if key != "version"}),
    )

    assert (first.status_code, old.status_code, without.status_code) == (302, 409, 422)
    assert 'value="9"' in old.content.decode()
    with house.at_work():
        assert order.positions.get().quantity_milli == 2000


def test_records_of_others_stay_unreachable_by_old_forms(house, bert, superuser):
    """What Bert once saw of his own he sends with Anna's ids."""
    with house.at_work():
        order = house.order()
        line = add_line(order)
    client = bert.client()
    before = fingerprint(superuser, house.lab_id)
    for address, form in (
        (f"/auftraege/{order.pk}/positionen/{line.pk}/", {"number": "0010", "version": str(line.version)}),
        (f"/auftraege/{order.pk}/status/", {"to": "in_arbeit"}),
        (f"/praxen/{house.practice_id}/bearbeiten/", {"customer_number": "1001", "name": "Anders", "version": "1"}),
        (f"/auftraege/{uuid4()}/status/", {"to": "in_arbeit"}),
    ):
        assert client.post(address, form).status_code == 404
    assert fingerprint(superuser, house.lab_id) == before
