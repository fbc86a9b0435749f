"""From the KZV's file to a list in force, and a formula counted while it is typed, in a real browser."""

from datetime import date

import pytest
from playwright.sync_api import expect

from catalogue.conftest import make_list, price_file
from dentatool.catalogue.models import ChainLine, PriceList, ServiceChain


@pytest.fixture
def signed_in(browser_page, anna, live_server_url):
    """Anna's owner at the browser; `complaints` holds what the console says beside answers of 4xx."""
    from dentatool.protection.access.internal.sessions import COOKIE

    value = anna.client().cookies[COOKIE].value
    browser_page.context.add_cookies(
        [{"name": COOKIE, "value": value, "url": live_server_url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
    )
    browser_page.complaints = []
    browser_page.on(
        "console",
        lambda line: (
            browser_page.complaints.append(line.text)
            if line.type in ("error", "warning") and "a status of 4" not in line.text
            else None
        ),
    )
    return browser_page


def test_a_price_file_is_looked_at_put_right_kept_and_put_in_force(signed_in, anna):
    page = signed_in
    with anna.at_work():
        make_list(since=date(2025, 1, 1), n0010=500, n0051=300)

    page.goto("/preise/")
    page.get_by_role("link", name="Preise einlesen").first.click()
    page.set_input_files("[type=file]", {"name": "11la0126.csv", "mimeType": "text/csv", "buffer": price_file()})
    page.get_by_role("button", name="Lesen und vergleichen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("11la0126.csv prüfen")
    expect(page.locator("main")).to_contain_text("175 von 175")
    page.fill("[name=valid_from]", "bald")
    page.get_by_role("button", name="Als Entwurf speichern").click()
    expect(page.locator("#id_valid_from-fehler")).to_contain_text("kein Datum")
    page.fill("[name=valid_from]", "1.1.2026")
    page.get_by_role("button", name="Als Entwurf speichern").click()
    page.get_by_role("link", name="In Kraft setzen").click()
    page.get_by_role("button", name="In Kraft setzen").click()
    page.goto("/preise/")

    expect(page.locator("tbody tr").first).to_contain_text("gilt heute")
    with anna.at_work():
        assert list(PriceList.objects.order_by("valid_from").values_list("valid_from", "state")) == [
            (date(2025, 1, 1), "active"),
            (date(2026, 1, 1), "active"),
        ]
    assert page.complaints == []


def test_a_formula_is_counted_while_it_is_typed(signed_in, anna):
    with anna.at_work():
        chain = ServiceChain.objects.create(name="NEM-Krone")
        line = ChainLine.objects.create(chain=chain, rank=1, art="BEL", number="0010", formula="1").pk

    signed_in.goto(f"/ketten/zeile/{line}/")
    signed_in.fill("[name=formula]", "")
    signed_in.locator("[name=formula]").press_sequentially("2*kronen+glieder")
    expect(signed_in.locator("#formel")).to_contain_text("ergibt das 5:")
    signed_in.locator("[name=formula]").press_sequentially("+bruecken")

    expect(signed_in.locator("#formel")).to_contain_text("„bruecken“ an Stelle 18 ist unbekannt.")
    assert signed_in.complaints == []
