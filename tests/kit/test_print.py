"""On paper: tables stay tables, and nothing that can only be pressed is printed."""

import pytest

from dentatool.practices.models import Practice

A4_WIDTH = 680  # px between the margins


@pytest.fixture
def on_paper(browser_page, anna, live_server_url):
    """Anna's owner, looking at what the printer gets."""
    from dentatool.protection.access.internal.sessions import COOKIE

    value = anna.client().cookies[COOKIE].value
    browser_page.context.add_cookies([{"name": COOKIE, "value": value, "url": live_server_url, "secure": True}])
    browser_page.set_viewport_size({"width": A4_WIDTH, "height": 1000})
    browser_page.emulate_media(media="print")
    return browser_page


def test_a_printed_list_is_a_table_without_buttons_and_fits_the_paper(on_paper, anna):
    with anna.at_work():
        for number in ("1001", "1002"):
            Practice.objects.create(
                customer_number=number, name="Gemeinschaftspraxis am Ludwigsplatz", city="Rosenheim"
            )

    on_paper.goto("/praxen/")

    assert on_paper.locator("main table tbody tr").first.evaluate("row => getComputedStyle(row).display") == "table-row"
    assert [each.inner_text() for each in on_paper.locator(".button").all() if each.is_visible()] == []
    assert on_paper.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_a_printed_worklist_shows_every_column(on_paper, house_with_order):
    on_paper.goto("/auftraege/")

    heads = [head.inner_text() for head in on_paper.locator("main thead th").all() if head.is_visible()]
    assert heads == ["Auftrag", "Termin", "Praxis", "Patient", "Arbeit", "Auftragsnummer", "Schale", "Status"]
    assert on_paper.locator(".pick").first.is_visible() is False
    number = on_paper.locator("main tbody .fixed").first
    assert len(number.inner_text()) > 25
    assert number.evaluate("each => each.getClientRects().length") == 1
    assert on_paper.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


@pytest.fixture
def house_with_order(anna):
    from billing.conftest import make_order

    with anna.at_work():
        make_order(kind="NEM-Brücke, vestibulär verblendet", tray="S42")
