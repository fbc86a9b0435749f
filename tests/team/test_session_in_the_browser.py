"""The end of a session as a person sees it: warned, asked, blanked, and what was typed is still there.

The browser's clock runs ahead as a test says; the server's is set back in the database, so that both agree.
"""

import json
import re

import pytest

from dentatool.practices.models import Practice
from dentatool.protection.access.internal.drafts import Draft
from dentatool.protection.access.internal.models import Session

COOKIE = "__Host-dentatool"
NEW_PRACTICE = "/praxen/neu/"


@pytest.fixture
def office(browser_page, anna, live_server_url, superuser):
    """The office at the browser, under a clock of the test's own."""
    superuser.execute("delete from protection_attempt")  # of other tests: all share one network
    enter(browser_page, anna, live_server_url)
    browser_page.clock.install()
    return browser_page


def enter(page, lab, url, role="office"):
    value = lab.client(role).cookies[COOKIE].value
    page.context.add_cookies(
        [{"name": COOKIE, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
    )


def pass_time(page, superuser, lab, minutes, seconds=0):
    """So long nobody does anything, here and on the server."""
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set last_action_at = last_action_at - make_interval(mins => %s, secs => %s)"
        " where lab_id = %s",
        [minutes, seconds, lab.lab_id],
    )
    page.clock.run_for(f"{minutes:02d}:{seconds:02d}")


def warning(page):
    return page.get_by_role("alertdialog", name="Arbeiten Sie noch?")


def sign_in_again(page, lab, role="office"):
    page.get_by_label("Anmeldename").fill(lab.member(role).sign_in_name)
    page.get_by_label("Passwort", exact=True).fill(lab.owner.password)
    page.get_by_role("button", name="Anmelden", exact=True).click()


def idle_of(superuser, lab):
    (seconds,) = superuser.execute(
        "select extract(epoch from now() - max(last_action_at)) from protection_session where lab_id = %s", [lab.lab_id]
    ).fetchone()
    return float(seconds)


def test_two_minutes_before_the_end_there_is_a_warning_and_one_click_goes_on(office, anna, superuser):
    office.goto("/praxen/")
    pass_time(office, superuser, anna, 12, 50)
    assert not warning(office).is_visible()

    pass_time(office, superuser, anna, 0, 15)
    warning(office).wait_for()
    assert office.evaluate("document.activeElement.textContent.trim()").startswith("Weiterarbeiten")
    assert re.fullmatch(r"1:\d\d", office.locator("[data-countdown]").inner_text())
    assert idle_of(superuser, anna) > 780  # asking the server how long was no work

    with office.expect_response("**/sitzung/weiter/"):
        warning(office).get_by_role("button", name="Weiterarbeiten").click()
    assert not warning(office).is_visible()
    assert idle_of(superuser, anna) < 60
    pass_time(office, superuser, anna, 12, 0)
    assert not warning(office).is_visible()


def test_escape_goes_on_too(office, anna, superuser):
    office.goto("/praxen/")
    pass_time(office, superuser, anna, 13, 30)
    warning(office).wait_for()

    with office.expect_response("**/sitzung/weiter/"):
        office.keyboard.press("Escape")
    assert not warning(office).is_visible()


def test_typing_keeps_the_session_alive(office, anna, superuser):
    office.goto(NEW_PRACTICE)
    pass_time(office, superuser, anna, 12, 0)

    with office.expect_response("**/sitzung/weiter/"):
        office.get_by_label("Kundennummer").press("4")

    assert idle_of(superuser, anna) < 60
    pass_time(office, superuser, anna, 12, 0)
    assert not warning(office).is_visible()


def test_work_in_one_tab_answers_the_warning_in_the_other(office, anna, superuser):
    office.goto("/praxen/")
    pass_time(office, superuser, anna, 13, 30)
    warning(office).wait_for()

    other = office.context.new_page()
    other.goto("/auftraege/")

    office.clock.run_for(1500)
    warning(office).wait_for(state="hidden")


def test_at_the_end_the_page_is_blank_and_the_form_is_there_again_after_signing_in(office, anna, superuser):
    with anna.at_work():
        Practice.objects.create(customer_number="1", name="Dr. Berta Czerny")
    office.goto("/praxen/")
    office.get_by_text("Dr. Berta Czerny").wait_for()
    office.goto(NEW_PRACTICE)
    office.get_by_label("Kundennummer").fill("4711")
    office.get_by_label("Praxis", exact=True).fill("Dr. Xaver Aicher")
    seen, held = [], []
    # The moment between the empty page and the sign-in.
    office.route("**/sitzung/ende/", lambda route: held.append(route))
    office.on("request", lambda sent: seen.append((sent.method, sent.url.split("/", 3)[3])))

    pass_time(office, superuser, anna, 13, 30)
    warning(office).wait_for()
    pass_time(office, superuser, anna, 1, 26)
    while not held:
        office.wait_for_timeout(50)
    assert office.locator("body > *").count() == 0
    assert "Aicher" not in office.content()
    held[0].continue_()
    office.wait_for_url("**/anmelden/?weiter=%2Fpraxen%2Fneu%2F")

    assert "weil eine Weile niemand gearbeitet hat" in office.content()
    assert list(dict.fromkeys(entry for entry in seen if entry[0] == "POST")) == [
        ("POST", "konto/entwuerfe/sichern/"),
        ("POST", "sitzung/ende/"),
    ]
    assert [cookie for cookie in office.context.cookies() if cookie["name"] == COOKIE] == []
    with anna.at_work():
        assert Session.objects.get(ended_at__isnull=False).ending == "idle"
        assert Practice.objects.count() == 1

    office.go_back()
    office.wait_for_url("**/anmelden/?weiter=%2Fpraxen%2F")
    assert "Czerny" not in office.content()
    office.goto("/anmelden/?weiter=%2Fpraxen%2Fneu%2F")

    sign_in_again(office, anna)
    office.wait_for_url(f"**{NEW_PRACTICE}")
    offer = office.get_by_role("region", name="Aufgehobene Eingaben")
    offer.get_by_text(re.compile(r"Ihre Eingaben von heute \d\d:\d\d")).wait_for()
    assert office.get_by_label("Kundennummer").input_value() == ""
    offer.get_by_role("button", name="Wiederherstellen").click()
    assert office.get_by_label("Kundennummer").input_value() == "4711"
    assert office.get_by_label("Praxis", exact=True).input_value() == "Dr. Xaver Aicher"

    office.get_by_role("button", name="Speichern").click()
    office.get_by_role("heading", name="Dr. Xaver Aicher").wait_for()
    with anna.at_work():
        assert not Draft.objects.exists()


def test_another_person_at_the_same_place_is_offered_nothing(office, anna, superuser):
    office.goto(NEW_PRACTICE)
    office.get_by_label("Praxis", exact=True).fill("Dr. Xaver Aicher")
    pass_time(office, superuser, anna, 14, 56)
    office.wait_for_url("**/anmelden/**")

    sign_in_again(office, anna, "owner")

    office.wait_for_url(f"**{NEW_PRACTICE}")
    office.wait_for_load_state("networkidle")
    assert office.get_by_role("region", name="Aufgehobene Eingaben").count() == 0
    with anna.at_work():
        assert Draft.objects.get().account_id == anna.member("office").id


def test_what_was_typed_in_every_tab_is_kept(office, anna, superuser):
    office.goto(NEW_PRACTICE)
    office.get_by_label("Kundennummer").fill("1")
    other = office.context.new_page()
    other.goto("/leistungen/neu/")
    other.get_by_label("Bezeichnung").fill("Gerüst")
    office.bring_to_front()

    pass_time(office, superuser, anna, 14, 56)
    office.wait_for_url("**/anmelden/**")
    other.wait_for_url("**/anmelden/**")

    with anna.at_work():
        kept = {draft.page: json.loads(draft.fields) for draft in Draft.objects.all()}
    assert set(kept) == {NEW_PRACTICE, "/leistungen/neu/"}
    assert ["text", "Gerüst"] in kept["/leistungen/neu/"]


def test_leaving_by_accident_keeps_what_was_typed_and_cancelling_does_not(office, anna):
    office.goto(NEW_PRACTICE)
    office.get_by_label("Kundennummer").fill("4711")
    with office.expect_request("**/konto/entwuerfe/sichern/"):
        office.goto("/")
    office.goto(NEW_PRACTICE)
    office.get_by_role("button", name="Wiederherstellen").click()
    assert office.get_by_label("Kundennummer").input_value() == "4711"

    with office.expect_request("**/konto/entwuerfe/"):
        office.get_by_role("link", name="Abbrechen").click()
    office.goto(NEW_PRACTICE)
    office.wait_for_load_state("networkidle")

    assert office.get_by_role("region", name="Aufgehobene Eingaben").count() == 0


def test_discarded_is_discarded(office, anna):
    office.goto(NEW_PRACTICE)
    office.get_by_label("Kundennummer").fill("4711")
    with office.expect_request("**/konto/entwuerfe/sichern/"):
        office.goto("/")
    office.goto(NEW_PRACTICE)
    with office.expect_response("**/konto/entwuerfe/"):
        office.get_by_role("button", name="Verwerfen").click()

    with anna.at_work():
        assert not Draft.objects.exists()


def test_a_form_sent_by_a_computer_that_was_asleep_is_not_lost(office, anna, superuser):
    """The session is over and the page does not know yet."""
    office.goto(NEW_PRACTICE)
    office.get_by_label("Kundennummer").fill("4711")
    office.get_by_label("Praxis", exact=True).fill("Dr. Xaver Aicher")
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set last_action_at = now() - interval '2 hours' where lab_id = %s", [anna.lab_id]
    )

    office.get_by_role("button", name="Speichern").click()
    office.wait_for_url("**/anmelden/?weiter=%2Fpraxen%2Fneu%2F")
    office.get_by_text("Ihre Eingaben sind aufgehoben").wait_for()

    sign_in_again(office, anna)
    office.get_by_role("button", name="Wiederherstellen").click()
    assert office.get_by_label("Praxis", exact=True).input_value() == "Dr. Xaver Aicher"


def test_a_script_that_meets_the_end_leads_to_the_sign_in_and_loses_nothing(office, anna, superuser):
    office.goto("/auftraege/neu/")
    office.get_by_label("Bemerkung").fill("Farbe mit Dr. Aicher besprechen")
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set last_action_at = now() - interval '2 hours' where lab_id = %s", [anna.lab_id]
    )

    office.locator("[name=patient_name]").press_sequentially("Muster")
    office.clock.run_for(500)
    office.wait_for_url("**/anmelden/?weiter=%2Fauftraege%2Fneu%2F")

    with anna.at_work():
        fields = dict(Draft.objects.get().typed)
    assert fields["remarks"] == "Farbe mit Dr. Aicher besprechen"


def test_after_twelve_hours_the_page_asks_for_a_new_sign_in(office, anna, superuser):
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set expires_at = now() + interval '100 seconds' where lab_id = %s", [anna.lab_id]
    )
    office.goto("/praxen/")
    office.clock.run_for(2000)
    warning(office).wait_for()
    assert "Nach zwölf Stunden" in warning(office).inner_text()

    warning(office).get_by_role("button", name="Jetzt neu anmelden").click()
    office.clock.run_for(3000)

    office.wait_for_url("**/anmelden/?weiter=%2Fpraxen%2F")
    with anna.at_work():
        assert Session.objects.get().ending == "absolute"
