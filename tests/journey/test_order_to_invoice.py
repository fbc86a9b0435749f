"""The first ten minutes: from signing in to an invoice and an XML that the official schema accepts, in a real browser.

Invoice A of the acceptance fixtures, delivery 12.03.2026, complete relining, as the owner of the demo laboratory Anna
enters it: Anna sits in Bavaria, the practice in Ludwigshafen pays the agreed prices of Rheinland-Pfalz.
"""

import re
from pathlib import Path

import pytest
from lxml import etree
from playwright.sync_api import expect

from dentatool.billing.kzbv_xml import check
from dentatool.catalogue.demo import fill as fill_catalogue
from dentatool.practices.demo import fill as fill_practices
from dentatool.team.demo import PROFILES

SHARED = Path(__file__).parents[3] / "shared" / "data"
ORDER_NUMBER = "565901-4711-ZE-20260015-1-6"
_NAME = "Dentallabor Anna Brandl GmbH"


@pytest.fixture
def lab(new_laboratory):
    """The demo laboratory Anna: its particulars, practices and price lists."""
    found = new_laboratory(_NAME, **PROFILES["anna"])
    with found.at_work():
        fill_practices("anna")
        fill_catalogue("anna")
    return found


def sign_in(page, member):
    page.goto("/anmelden/")
    page.get_by_label("Anmeldename (E-Mail)").fill(member.sign_in_name)
    page.get_by_label("Passwort").fill(member.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "anmelden" not in url)


@pytest.mark.slow
def test_an_owner_takes_invoice_a_from_order_to_xml(browser_page, lab, tmp_path):
    page = browser_page
    trouble = []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    sign_in(page, lab.owner)

    # Order intake, by keyboard only: N opens it, the cursor stands in the order number.
    page.keyboard.press("n")
    page.wait_for_url(re.compile("/auftraege/neu/"))
    page.keyboard.type(ORDER_NUMBER.replace("-", "ß"))  # a scanner with the wrong keyboard layout
    page.keyboard.press("Enter")
    expect(page.locator("[name=practice]")).to_have_value(re.compile("Praxis am Rhein$"))
    assert page.locator("[name=pseudonym]").input_value() == "4711"
    page.locator("[name=work]").fill("Unterfütterung, vollständig")
    page.locator("[name=due_on]").fill("12.03.2026")  # long past; the day of receipt follows by itself
    page.keyboard.press("Tab")
    assert page.locator("[name=received_on]").input_value() == "12.03.2026"
    page.locator("[name=due_on]").press("Control+Enter")
    page.wait_for_url(re.compile(r"/auftraege/[0-9a-f-]{36}/"))
    assert ORDER_NUMBER in page.content()
    assert "Liste Rheinland-Pfalz ab 01.01.2026, mit der Praxis vereinbart" in page.content()
    assert "72,17 € liegt über dem Höchstpreis 72,16 € im Abrechnungsbereich Bayern" in page.content()
    assert "107,24" in page.content()

    # Finish: every permitted main step until the order is done.
    for _ in range(8):
        if page.get_by_role("button", name="Rechnung erstellen").count():
            break
        page.locator("form[action$='/schritt/'] button.button-primary, form button.button-primary").first.click()
        page.wait_for_load_state()
    page.get_by_role("button", name="Rechnung erstellen").click()
    page.get_by_role("button", name="Ausstellen").click()
    page.get_by_role("button", name="Jetzt ausstellen").click()
    page.wait_for_load_state()
    content = page.content()
    for figure in ("107,24", "7,51", "114,75"):
        assert figure in content

    with page.expect_download() as pdf:
        page.evaluate(
            "address => Object.assign(document.createElement('a'), {href: address, download: ''}).click()",
            page.url.rstrip("/") + "/pdf/",
        )
    assert Path(pdf.value.path()).read_bytes().startswith(b"%PDF-")
    with page.expect_download() as xml:
        page.get_by_role("link", name=re.compile("XML")).first.click()
    assert xml.value.suggested_filename == f"{ORDER_NUMBER}.xml"
    data = Path(xml.value.path()).read_bytes()

    assert list(check(f"{ORDER_NUMBER}.xml", data).findings) == []
    invoice = etree.fromstring(data).find("Rechnung")
    totals = [invoice.get(name) for name in ("Gesamtbetrag_netto", "Mehrwertsteuer_gesamt", "Gesamtbetrag_brutto")]
    assert totals == ["10724", "751", "11475"]
    assert (invoice.get("Laborlieferdatum"), invoice.get("Abrechnungsbereich")) == ("2026-03-12", "BY")
    if SHARED.exists():
        (schema,) = (SHARED / "xsd").glob("*V4-5*.xsd")
        etree.XMLSchema(etree.parse(schema)).assertValid(etree.fromstring(data))
    assert trouble == []
