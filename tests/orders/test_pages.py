"""The pages of orders and patients through HTTP: who sees what, bad input, other people's ids, query counts."""

import re
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils.timezone import localdate

RIGHT, WRONG = "565901-4711-ZE-20260015-1-6", "565901-4711-ZE-20260015-1-7"


def slip(**changed: str) -> dict[str, str]:
    """An order slip as typed."""
    return {
        "order_number": RIGHT,
        "practice": "1001",
        "patient_name": "Rosina Müller",
        "pseudonym": "4711",
        "birth_date": "04.05.1961",
        "insurance": "gkv",
        "work": "NEM-Krone, vestibulär verblendet",
        "area": "",
        "care": "regel",
        "teeth": "14:krone",
        "shade": "a3",
        "shipments": "2",
        "received_on": "02.03.2026",
        "due_on": "12.03.2026",
        "remarks": "",
        "intake_key": str(uuid4()),
        **changed,
    }


def make_orders(house, count: int) -> None:
    from dentatool.orders.actions import PatientFacts, patient_for

    with house.at_work():
        for place in range(count):
            patient = patient_for(house.practice, PatientFacts(name=f"Käthe Weiß {place}", pseudonym=f"K{place}"))
            house.order(patient=patient, teeth={14: "krone"}, order_number=RIGHT)


def only_order(house):
    from dentatool.orders.models import Order

    with house.at_work():
        return Order.objects.select_related("patient").get()


def test_an_order_is_taken_in_with_patient_positions_and_shade(house):
    answer = house.client().post("/auftraege/neu/", slip())

    order = only_order(house)
    with house.at_work():
        order.refresh_from_db()
        assert (answer.status_code, answer["Location"]) == (302, f"/auftraege/{order.pk}/")
        assert (order.order_number, order.number_state, order.shade, order.area) == (RIGHT, "gueltig", "A3", "ZE")
        assert (order.patient.name, order.patient.pseudonym) == ("Rosina Müller", "4711")
        assert [each.number for each in order.positions.all()] == ["0010", "1024", "9330"]


@pytest.mark.parametrize("received", ["", f"{localdate():%d.%m.%Y}"])
def test_work_of_the_past_needs_no_day_of_receipt(house, received):
    answer = house.client().post("/auftraege/neu/", slip(received_on=received, due_on="12.03.2026"), follow=True)

    assert only_order(house).received_on == date(2026, 3, 12)
    assert "Der Liefertermin 12.03.2026 ist schon vorbei. Als Eingang ist derselbe Tag" in answer.content.decode()


def test_an_empty_patientennummer_comes_from_the_auftragsnummer(house):
    answer = house.client().post("/auftraege/neu/", slip(pseudonym=""), follow=True)

    order = only_order(house)
    with house.at_work():
        assert (order.patient.name, order.patient.pseudonym) == ("Rosina Müller", "4711")
    assert "Aus der Auftragsnummer wurde 4711 übernommen" in answer.content.decode()


@pytest.mark.parametrize(
    ("number", "typed", "stored"), [(WRONG, "", ""), ("", "", ""), (RIGHT, "K9", "K9")], ids=["wrong", "none", "typed"]
)
def test_nothing_is_taken_from_a_wrong_auftragsnummer_or_over_a_typed_one(house, number, typed, stored):
    answer = house.client().post("/auftraege/neu/", slip(order_number=number, pseudonym=typed), follow=True)

    order = only_order(house)
    with house.at_work():
        assert order.patient.pseudonym == stored
    assert "Aus der Auftragsnummer wurde" not in answer.content.decode()


def test_the_same_slip_sent_twice_is_one_order(house):
    sent = slip()

    first, second = (house.client().post("/auftraege/neu/", sent) for _ in range(2))

    assert first["Location"] == second["Location"] == only_order(house).get_absolute_url()


def test_a_wrong_auftragsnummer_is_kept_and_shown_with_its_reason(house):
    client = house.client()
    answer = client.post("/auftraege/neu/", slip(order_number=WRONG), follow=True)

    assert answer.status_code == 200
    assert "Prüfziffer falsch (erwartet 6)." in answer.content.decode()
    assert only_order(house).number_state == "falsch"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"practice": "Zauberwald"}, "Diese Praxis gibt es nicht"),
        ({"practice": ""}, "Bitte „Praxis“ ausfüllen."),
        ({"teeth": "99:krone"}, "Den Zahn 99 gibt es nicht"),
        ({"due_on": "irgendwann"}, "ist kein Datum"),
        ({"due_on": "01.01.2026"}, "Der Liefertermin liegt vor dem Eingang"),
        ({"work": ""}, "Bitte „Art der Arbeit“ ausfüllen."),
        ({"care": "geschenkt"}, "Diese Auswahl ist nicht vorhanden"),
        ({"dentist": str(uuid4())}, "Dieser Eintrag ist nicht vorhanden"),
        ({"order_number": "1-" * 40}, "zu lang"),
        ({"birth_date": "31.12.2199"}, "liegt in der Zukunft"),
        ({"shipments": "-4"}, "Der Wert muss mindestens 0 sein"),
    ],
)
def test_bad_input_is_answered_in_german_and_keeps_what_was_typed(house, changed, words):
    from dentatool.orders.models import Order, Patient

    answer = house.client().post("/auftraege/neu/", slip(remarks="Bitte eilig", **changed))
    page = answer.content.decode()

    assert answer.status_code == 422
    assert words in page
    assert "Bitte eilig" in page
    with house.at_work():
        assert (Order.objects.count(), Patient.objects.count()) == (0, 0)


def test_the_scan_field_learns_what_is_known_about_a_number(house):
    client = house.client()
    client.post("/auftraege/neu/", slip())

    known = client.get("/auftraege/neu/nummer/", {"nummer": "565901ß4711ßZEß20260015ß1ß6"}).json()
    wrong = client.get("/auftraege/neu/nummer/", {"nummer": WRONG}).json()

    assert known["number"] == RIGHT
    assert known["practice"] == {"id": str(house.practice_id), "label": "1001 · Praxis Dr. Wimmer"}
    assert (known["patient"]["name"], known["twin"]["number"]) == ("Rosina Müller", only_order(house).number)
    assert wrong["problems"] == ["Prüfziffer falsch (erwartet 6). Bitte die Nummer noch einmal vergleichen."]


def test_patients_are_suggested_in_any_spelling(house):
    client = house.client()
    client.post("/auftraege/neu/", slip())

    found = client.post("/auftraege/neu/patienten/", {"suche": "muell", "praxis": str(house.practice_id)}).json()

    assert [each["name"] for each in found["patients"]] == ["Rosina Müller"]
    assert client.post("/auftraege/neu/patienten/", {"suche": "muell", "praxis": str(uuid4())}).json() == {
        "patients": []
    }


@pytest.mark.parametrize(
    ("search", "count"),
    [("Käthe", 2), ("weiss 1", 1), ("K0", 1), ("26-0002", 1), ("565901-47", 2), ("Wimmer", 2), ("xyz", 0)],
)
def test_the_worklist_finds_by_everything_a_person_knows(house, search, count):
    make_orders(house, 2)

    page = house.client().get("/auftraege/", {"suche": search}).content.decode()

    assert page.count('class="row-link"') == count


def test_the_worklist_hides_names_until_they_are_asked_for(house):
    make_orders(house, 1)

    assert "Käthe Weiß" not in house.client().get("/auftraege/").content.decode()
    assert "Käthe Weiß" in house.client().get("/auftraege/", {"namen": "1"}).content.decode()
    assert "Käthe Weiß" not in house.client("courier").get("/auftraege/", {"namen": "1"}).content.decode()
    assert 'class="row-link"' not in house.client("courier").get("/auftraege/", {"suche": "Käthe"}).content.decode()


@pytest.mark.parametrize(
    "query", ["sortierung=patient__name", "seite=abc", "seite=99", "seite=-1", "sortierung=-lab_id"]
)
def test_an_address_that_asks_for_nonsense_is_refused(house, query):
    assert house.client().get(f"/auftraege/?{query}").status_code == 400


@pytest.mark.parametrize("query", ["status=kaputt", "von=gestern+oder+so", "praxis=42", f"praxis={UUID(int=7)}"])
def test_a_wrong_filter_is_answered_in_german(house, query):
    make_orders(house, 1)

    answer = house.client().get(f"/auftraege/?{query}")

    assert answer.status_code == 422
    assert "Bitte prüfen" in answer.content.decode()


def test_the_worklist_asks_as_often_for_three_orders_as_for_one(house, new_laboratory, furnished):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = {}
    for count in (1, 3):
        lab = furnished(new_laboratory(f"Labor {count}", region="BY", place="D-München"))
        make_orders(lab, count)
        client = lab.client()
        client.get("/auftraege/")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = client.get("/auftraege/", {"namen": "1"}).content.decode()
        assert page.count('class="row-link"') == count
        counts[count] = len([query for query in asked if "orders_order" in query["sql"]])

    assert counts == {1: 2, 3: 2}


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("office", 200), ("technician", 200), ("courier", 200), ("reader", 200)]
)
def test_who_sees_an_order(house, who, status):
    make_orders(house, 1)
    page = house.client(who).get(only_order(house).get_absolute_url())

    assert page.status_code == status
    assert ("Käthe Weiß" in page.content.decode()) is (who != "courier")


def plain(answer) -> str:
    """The page without what differs from one request to the next."""
    return re.sub(r'(nonce|value)="[^"]*"', "", answer.content.decode())


def test_other_peoples_orders_look_like_absent_ones(house, other_house):
    make_orders(house, 1)
    order = only_order(house)
    client, root = other_house.client(), order.get_absolute_url()
    with house.at_work():
        from dentatool.orders.actions import add_position

        line = add_position(order, art="BEL", number="0010")
        patient = order.patient_id
    absent = f"/auftraege/{uuid4()}/"

    assert client.get(root).status_code == 404
    assert plain(client.get(root)) == plain(client.get(absent))
    for address in ("bearbeiten/", "verlauf/", "leistung/", f"positionen/{line.pk}/"):
        assert client.get(root + address).status_code == 404
    for address in ("bearbeiten/", "status/", "kette/", "preise/", "positionen/", f"positionen/{line.pk}/entfernen/"):
        assert client.post(root + address, {"to": "storniert", "reason": "fremd"}).status_code == 404
    assert client.get(f"/patienten/{patient}/").status_code == 404
    refused = client.post("/auftraege/neu/", slip(patient=str(patient), dentist=str(house.dentist_id)))
    assert refused.status_code == 422
    with house.at_work():
        assert [(each.pk, each.number) for each in order.positions.all()] == [(line.pk, "0010")]


def test_a_foreign_patient_id_gives_nothing_of_the_patient(house, other_house):
    make_orders(house, 1)
    foreign = only_order(house).patient_id

    other_house.client().post("/auftraege/neu/", slip(patient=str(foreign), patient_name="Georg Quast", pseudonym="Q1"))

    order = only_order(other_house)
    assert order.patient_id != foreign
    with other_house.at_work():
        order.refresh_from_db()
        assert order.patient.name == "Georg Quast"


def test_a_line_is_added_by_its_number_alone(house):
    make_orders(house, 1)
    root, client = only_order(house).get_absolute_url(), house.client()

    assert client.post(root + "positionen/", {"number": "10", "quantity_milli": "2"}).status_code == 302
    assert client.post(root + "positionen/", {"number": "P100"}).status_code == 302
    assert client.post(root + "positionen/", {"number": "001 0", "price_cents": "7,00"}).status_code == 302
    assert client.post(root + "positionen/", {"text": "Zahn 14, Farbe A3"}).status_code == 302

    with house.at_work():
        lines = [
            (each.art, each.number, each.quantity_milli, each.price_cents, each.manual)
            for each in only_order_now().positions.all()
        ]
    assert lines == [
        ("BEL", "0010", 2000, 845, False),
        ("NBL", "P100", 1000, 9800, True),
        ("BEL", "0010", 1000, 700, True),
        ("TEXT", "", 1000, 0, False),
    ]


def only_order_now():
    from dentatool.orders.models import Order

    return Order.objects.get()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"number": "9999"}, "weder in der BEL II noch unter den eigenen Leistungen"),
        ({"number": "0010", "quantity_milli": "viel"}, "ist keine Menge"),
        ({"number": "0010", "price_cents": "12.50"}, "ist nicht eindeutig"),
        ({"art": "NBL", "text": "Gerüst"}, "Bitte einen Einzelpreis angeben"),
        ({"art": "BEL", "number": "P100"}, "gibt es in der BEL II nicht"),
        ({"number": "0010", "tooth": "99"}, "Den Zahn 99 gibt es nicht"),
        ({}, "Bitte einen Text"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_a_reason(house, typed, words):
    make_orders(house, 1)
    answer = house.client().post(only_order(house).get_absolute_url() + "positionen/", typed)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    with house.at_work():
        assert only_order_now().positions.count() == 0


def test_a_step_is_taken_and_an_impossible_one_refused(house):
    make_orders(house, 1)
    root, client = only_order(house).get_absolute_url(), house.client("technician")

    assert client.post(root + "status/", {"to": "in_arbeit"}).status_code == 302
    assert client.post(root + "status/", {"to": "abgerechnet"}).status_code == 409
    assert client.post(root + "status/", {"to": "gestohlen"}).status_code == 409
    assert only_order(house).state == "in_arbeit"


def test_the_day_of_delivery_is_proposed_and_can_be_typed(house):
    from dentatool.orders.workflow import State

    with house.at_work():
        house.order(state=State.FINISHED)
    root, client = only_order(house).get_absolute_url(), house.client("courier")

    page = client.get(root).content.decode()
    unreadable = client.post(root + "status/", {"to": "geliefert", "on": "gestern irgendwann"})
    answer = client.post(root + "status/", {"to": "geliefert", "on": "13.03.2026"}, follow=True)

    assert 'name="on" value="12.03.2026"' in page
    assert (unreadable.status_code, "Geliefert am:" in unreadable.content.decode()) == (409, True)
    assert "Geliefert am 13.03.2026." in answer.content.decode()
    assert only_order(house).delivered_on == date(2026, 3, 13)


def test_two_people_at_one_order_see_both_values(house):
    make_orders(house, 1)
    order, client = only_order(house), house.client()
    form = {"order_number": RIGHT, "kind": "Krone", "area": "ZE", "care": "regel", "teeth": "14:krone",
            "received_on": "02.03.2026", "due_on": "12.03.2026"}  # fmt: skip
    shown = {"version": str(order.version)}

    first = client.post(order.get_absolute_url() + "bearbeiten/", form | shown | {"tray": "S1"})
    second = client.post(order.get_absolute_url() + "bearbeiten/", form | shown | {"tray": "S2"})

    assert (first.status_code, second.status_code) == (302, 409)
    assert "S1" in second.content.decode()
    assert only_order(house).tray == "S1"


def test_a_patient_may_be_named_later(house):
    client = house.client()
    client.post("/auftraege/neu/", slip(order_number="", patient_name="", pseudonym=""))
    order = only_order(house)
    form = {"version": str(order.version), "order_number": RIGHT, "kind": "Krone", "area": "ZE", "care": "regel",
            "teeth": "14:krone", "received_on": "02.03.2026", "due_on": "12.03.2026", "pseudonym": "4711"}  # fmt: skip

    assert order.patient is None
    assert client.post(order.get_absolute_url() + "bearbeiten/", form).status_code == 302
    assert only_order(house).patient.pseudonym == "4711"


def test_a_day_of_delivery_in_the_past_takes_the_proposed_receipt_along_a_typed_one_stays(house):
    client, today = house.client(), f"{localdate():%d.%m.%Y}"
    client.post("/auftraege/neu/", slip(received_on="", due_on=""))
    order = only_order(house)
    form = {"version": str(order.version), "order_number": RIGHT, "kind": "Krone", "area": "ZE", "care": "regel",
            "teeth": "14:krone", "received_on": today, "due_on": "12.03.2026"}  # fmt: skip

    followed = client.post(order.get_absolute_url() + "bearbeiten/", form, follow=True).content.decode()
    after = only_order(house)
    form |= {"version": str(after.version), "received_on": "10.03.2026", "due_on": "09.03.2026"}
    refused = client.post(order.get_absolute_url() + "bearbeiten/", form)

    assert "Als Eingang ist derselbe Tag eingetragen" in followed
    assert (after.received_on, after.due_on) == (date(2026, 3, 12), date(2026, 3, 12))
    assert (refused.status_code, only_order(house).due_on) == (422, date(2026, 3, 12))


def test_changing_the_day_tells_the_differences(house):
    client = house.client()
    client.post("/auftraege/neu/", slip(received_on="01.12.2025", due_on="31.12.2025"))
    order = only_order(house)
    form = {"version": str(order.version), "order_number": RIGHT, "kind": "Krone", "area": "ZE", "care": "regel",
            "teeth": "14:krone", "received_on": "01.12.2025", "due_on": "15.01.2026"}  # fmt: skip

    answer = client.post(order.get_absolute_url() + "bearbeiten/", form, follow=True)

    assert "Preise zum neuen Lieferdatum: 001 0: 8,02" in answer.content.decode()


def test_patients_are_listed_found_and_opened(house):
    make_orders(house, 2)
    client = house.client()

    assert client.get("/patienten/", {"suche": "kaethe weiss 1"}).content.decode().count('class="row-link"') == 1
    assert "26-0001" in client.get(f"/patienten/{first_patient(house)}/").content.decode()
    assert house.client("courier").get("/patienten/").status_code == 403


def first_patient(house):
    from dentatool.orders.models import Patient

    with house.at_work():
        return Patient.objects.get(pseudonym="K0").pk


def test_the_start_page_counts_what_is_due(house):
    from django.utils.timezone import localdate

    today = localdate()
    with house.at_work():
        house.order(received_on=today - timedelta(days=9), due_on=today, order_number=RIGHT)
        house.order(received_on=today - timedelta(days=9), due_on=today - timedelta(days=1))

    page = house.client().get("/").content.decode()
    figures = [part.split("<")[0] for part in page.split('class="tile-figure">')[1:]]

    assert figures == ["1", "1", "0", "1", "0"]
    assert len(house.client("courier").get("/").content.decode().split('class="tile-figure">')) == 5


def test_the_day_after_friday_is_monday():
    from dentatool.overview.queries import next_workday

    assert next_workday(date(2026, 11, 20)) == date(2026, 11, 23)
    assert next_workday(date(2026, 11, 21)) == date(2026, 11, 23)
    assert next_workday(date(2026, 11, 23)) == date(2026, 11, 24)
