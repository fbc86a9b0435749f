"""A real Chromium with a virtual authenticator: enrol a passkey, sign in with it alone, enrol an app, use a recovery code."""

import re
from typing import Any

import pytest
from django.db.models import F

from dentatool.protection.access.internal.models import Factor
from harness.entering import code_of

pytestmark = pytest.mark.slow


@pytest.fixture
def authenticator(browser_page: Any) -> Any:
    """A device with a fingerprint reader, as CDP offers it."""
    link = browser_page.context.new_cdp_session(browser_page)
    link.send("WebAuthn.enable")
    made = link.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return lambda presence: link.send(
        "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": made["authenticatorId"], "enabled": presence}
    )


def sign_in(page: Any, member: Any) -> None:
    page.goto("/anmelden/")
    page.get_by_label("Anmeldename (E-Mail)").fill(member.sign_in_name)
    page.get_by_label("Passwort").fill(member.password)
    page.get_by_role("button", name="Anmelden", exact=True).click()


def sign_out(page: Any) -> None:
    page.locator(".top-right summary").click()
    page.get_by_role("button", name="Abmelden").click()
    page.wait_for_url("**/anmelden/")


def test_passkey_app_and_recovery_codes(browser_page, anna, authenticator):
    page, problems = browser_page, []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    # The button is tried here; what the name field offers, in the next test.
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")

    sign_in(page, anna.owner)
    page.goto("/konto/anmeldung/")
    page.get_by_role("link", name="Passkey einrichten").click()
    page.get_by_label("Bezeichnung").fill("Mein Rechner")
    page.get_by_role("button", name="Passkey einrichten").click()
    page.wait_for_url("**/konto/anmeldung/codes/")
    page.get_by_role("button", name="Codes erzeugen").click()
    codes = [each.strip() for each in page.locator(".recovery-codes code").all_text_contents()]
    assert len(codes) == 10
    page.get_by_role("link", name="Ich habe sie aufgehoben").click()
    assert page.get_by_text("Mein Rechner").count() >= 1

    # With the passkey alone.
    sign_out(page)
    page.get_by_role("button", name="Mit Passkey anmelden").click()
    page.wait_for_url("**/")
    page.locator(".top-right summary").wait_for()

    # An app, its code read off the page as a person types it.
    page.goto("/konto/anmeldung/app/neu/")
    assert page.locator(".qr-frame svg path").count() >= 1
    key = re.sub(r"\s", "", page.locator(".app-key").text_content())
    page.get_by_label("Code aus der App").fill(code_of(key))
    page.get_by_role("button", name="App einrichten").click()
    page.wait_for_url("**/konto/anmeldung/")
    sign_out(page)
    sign_in(page, anna.owner)
    page.wait_for_url("**/anmelden/zweiter-schritt/**")
    with anna.at_work():  # as if it had been set up a while ago: the code of now is unused
        Factor.objects.filter(kind="app").update(counter=F("counter") - 1)
    page.get_by_label("Code aus der App").fill(code_of(key))
    page.get_by_role("button", name="Weiter").click()
    page.locator(".top-right summary").wait_for()

    # A recovery code, once and not twice.
    sign_out(page)
    for is_first in (True, False):
        sign_in(page, anna.owner)
        page.get_by_role("link", name="Wiederherstellungscode").click()
        page.get_by_label("Wiederherstellungscode").fill(codes[0])
        page.get_by_role("button", name="Weiter").click()
        if is_first:
            page.locator(".top-right summary").wait_for()
            sign_out(page)
    assert page.get_by_text("Dieser Code stimmt nicht").count() >= 1
    page.goto("/auftraege/")
    assert "/anmelden/zweiter-schritt/" in page.url

    # The passkey as the second step.
    page.get_by_role("button", name="Passkey benutzen").click()
    page.wait_for_url("**/auftraege/")
    assert [each for each in problems if "422" not in each] == []


def test_the_browser_offers_the_passkey_in_the_name_field(browser_page, anna, authenticator):
    page = browser_page
    authenticator(False)
    sign_in(page, anna.owner)
    page.goto("/konto/anmeldung/passkey/neu/")
    page.get_by_label("Bezeichnung").fill("Mein Rechner")
    authenticator(True)
    page.get_by_role("button", name="Passkey einrichten").click()
    page.wait_for_url("**/konto/anmeldung/codes/")
    sign_out_with = page.locator(".top-right summary")

    # The virtual device answers the offer of the name field by itself: nothing is typed and nothing pressed.
    sign_out_with.click()
    page.get_by_role("button", name="Abmelden").click()

    page.wait_for_url("**/")
    page.locator(".top-right summary").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_password_can_be_pasted_seen_and_is_judged_while_typing(browser_page, anna, width):
    page = browser_page
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, anna.owner)
    page.goto("/konto/passwort/")
    page.get_by_label("Neues Passwort").press_sequentially("Labor Anna Huber 2026")

    page.get_by_text("besteht vor allem aus Namen und Wörtern").wait_for()
    page.get_by_role("button", name="Zeigen").click()
    assert page.get_by_label("Neues Passwort").get_attribute("type") == "text"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
