"""On a phone nothing is wider than the glass: no page, and no table inside a page, scrolls sideways."""

from typing import Any

import pytest

from pages.test_matrix import INNER, records_of

PHONE = {"width": 390, "height": 844}
_WIDER = """() => [
  document.scrollingElement.scrollWidth > innerWidth ? `page ${document.scrollingElement.scrollWidth}` : "",
  ...[...document.querySelectorAll(".table-scroll, .panel > .table, .paper-lines")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => `table ${each.scrollWidth}`),
].filter(Boolean)"""


def demo_records(lab: Any) -> dict[str, Any]:
    """One record of each kind, with texts as long as real ones."""
    from dentatool.orders.models import Order, Position
    from dentatool.practices.models import Practice

    records = records_of(lab)
    with lab.at_work():
        practice = Practice.objects.get(pk=records["practice"])
        practice.name = "Zahnärztliche Gemeinschaftspraxis Stephanskirchen"
        practice.city = "Stephanskirchen am Simssee"
        practice.save()
        order = Order.objects.get(pk=records["order"])
        for rank, (number, text) in enumerate(
            (
                ("2041", "Einarmige Halte- und Stützvorrichtung, gegossen"),
                ("9700", "Verarbeitungsaufwand NEM-Legierung"),
            ),
            9,
        ):
            Position.objects.create(
                order=order, rank=rank, art="BEL", number=number, text=text, price_cents=1_234_56, quantity_milli=12_500
            )
    return records


@pytest.mark.slow
def test_no_page_scrolls_sideways_on_a_phone(browser_page, anna, live_server_url):
    from dentatool.protection.access.internal.sessions import COOKIE

    records = demo_records(anna)
    value = anna.client().cookies[COOKIE].value
    browser_page.context.add_cookies([{"name": COOKIE, "value": value, "url": live_server_url, "secure": True}])
    browser_page.set_viewport_size(PHONE)
    seen, wider = 0, {}

    for address in INNER:
        page = address.filled(records)
        answer = anna.client().get(page)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        if b"<html" not in answer.content:  # a part of a page, which htmx puts into its place
            continue
        browser_page.goto(page)
        seen += 1
        if found := browser_page.evaluate(_WIDER):
            wider[address.pattern] = found

    assert wider == {}
    assert seen > 35
