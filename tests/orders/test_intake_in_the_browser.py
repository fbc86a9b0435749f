"""The intake page by keyboard alone, in a real browser, with the scanner's wrong keyboard layout."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

RIGHT = "565901-4711-ZE-20260015-1-6"


@pytest.fixture
def keyboard(browser_page, house):
    """Signed in at the intake page; everything after this is typed."""
    browser_page.goto("/anmelden/?weiter=/auftraege/neu/")
    browser_page.fill("[name=name]", house.owner.sign_in_name)
    browser_page.fill("[name=password]", house.owner.password)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url("**/auftraege/neu/")
    browser_page.wait_for_selector("[name=order_number]:focus")
    return browser_page.keyboard


def take_in_first(house) -> None:
    """What the laboratory knows beforehand: practice, location number, patient."""
    from dentatool.orders.actions import PatientFacts, patient_for

    with house.at_work():
        patient = patient_for(house.practice, PatientFacts(name="Rosina Müller", pseudonym="4711"))
        house.order(order_number="565901-4711-ZE-20260014-1-4", patient=patient)


def at(page) -> str:
    return page.evaluate("document.activeElement.name")


def test_a_scanned_number_fills_in_practice_and_patient(keyboard, browser_page, house):
    page = browser_page
    with house.at_work():
        from dentatool.practices.models import KnownLocation

        KnownLocation.objects.create(practice=house.practice, number="565901")

    keyboard.type("565901ß4711ßzeß20260015ß1ß6")
    keyboard.press("Enter")
    page.wait_for_selector("[name=patient_name]:focus")

    assert page.input_value("[name=order_number]") == RIGHT
    assert page.input_value("[name=practice]") == "1001 · Praxis Dr. Wimmer"
    assert page.input_value("[name=pseudonym]") == "4711"
    assert page.text_content("[data-verdict]") == f"{RIGHT} ist gültig."


def test_a_mistyped_number_is_told_at_once(keyboard, browser_page):
    keyboard.type(RIGHT[:-1] + "7")

    assert browser_page.text_content("[data-verdict]").startswith("Prüfziffer falsch (erwartet 6)")


def test_the_day_of_receipt_follows_a_delivery_of_the_past_but_not_what_a_person_typed(keyboard, browser_page):
    page = browser_page
    page.focus("[name=due_on]")
    keyboard.type("12.03.2026")
    keyboard.press("Tab")
    assert page.input_value("[name=received_on]") == "12.03.2026"
    assert page.text_content("[data-dates-verdict]").startswith("Der Liefertermin ist schon vorbei")

    page.fill("[name=received_on]", "05.03.2026")
    page.fill("[name=due_on]", "01.03.2026")
    keyboard.press("Tab")
    assert page.input_value("[name=received_on]") == "05.03.2026"


def test_an_order_is_taken_in_by_keyboard_alone(keyboard, browser_page, house):
    from django.utils.timezone import localdate

    from dentatool.orders.models import Order

    page, typed = browser_page, {
        "order_number": RIGHT,
        "practice": "1001",
        "patient_name": "Rosina Müller",
        "due_on": "+7",
        "work": "NEM-Krone, vestibulär verblendet",
        "teeth": "14:krone",
        "shade": "A3",
    }  # fmt: skip
    for _ in range(60):
        if (name := at(page)) in typed:
            keyboard.type(typed.pop(name))
        if not typed:
            break
        keyboard.press("Tab")
    # The order number's second part fills in the patient's number; the answer may come after the last key.
    expect(page.locator("[name=pseudonym]")).to_have_value("4711")
    keyboard.press("Control+Enter")
    page.wait_for_url("**/auftraege/*-*/")

    assert typed == {}
    with house.at_work():
        order = Order.objects.select_related("patient").get()
        assert (order.order_number, order.patient.name, order.patient.pseudonym) == (RIGHT, "Rosina Müller", "4711")
        assert (order.due_on, order.shade) == (localdate() + timedelta(days=7), "A3")
        assert [each.number for each in order.positions.all()] == ["0010", "1024", "9330"]


def test_a_known_patient_is_chosen_with_the_arrow_keys(keyboard, browser_page, house):
    take_in_first(house)
    page = browser_page
    page.focus("[name=patient_name]")

    keyboard.type("muell")
    page.wait_for_selector("[data-suggestions] li")
    keyboard.press("ArrowDown")
    keyboard.press("Enter")

    assert page.input_value("[name=patient_name]") == "Rosina Müller"
    assert page.input_value("[name=pseudonym]") == "4711"
    assert page.input_value("[name=practice]") == "1001 · Praxis Dr. Wimmer"


def test_a_line_is_typed_and_the_next_one_follows(keyboard, browser_page, house):
    with house.at_work():
        root = house.order().get_absolute_url()
    page = browser_page
    page.goto(root)
    page.focus("#neue-position [name=number]")
    keyboard.type("10")
    keyboard.press("Tab")
    expect(page.locator("#neue-position [name=text]")).to_have_value("Modell")
    expect(page.locator("#neue-position [name=price_cents]")).to_have_value("8,45")
    keyboard.press("Enter")

    page.wait_for_selector("table.positions >> text=Modell")
    page.wait_for_selector("#neue-position [name=number]:focus")
