"""The frame, the keys and the tooth chart in a real browser, under the real content security policy."""

from uuid import uuid4

import pytest

from dentatool.kit.context import PLACES
from dentatool.practices.models import Practice


@pytest.fixture
def signed_in(browser_page, anna, live_server_url):
    """Anna's owner at the browser; `complaints` holds whatever the console says."""
    from dentatool.protection.access.internal.sessions import COOKIE

    value = anna.client().cookies[COOKIE].value
    browser_page.context.add_cookies(
        [{"name": COOKIE, "value": value, "url": live_server_url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
    )
    browser_page.complaints = []
    browser_page.on("console", lambda line: note(browser_page, line))
    browser_page.on("pageerror", lambda error: browser_page.complaints.append(str(error)))
    return browser_page


def note(page, line):
    """Warnings and errors, but not the line Chromium writes for every answer of 4xx."""
    if line.type in ("error", "warning") and "the server responded with a status of 4" not in line.text:
        page.complaints.append(line.text)


@pytest.fixture
def practices(anna):
    with anna.at_work():
        for name in ("Dr. Aicher", "Dr. Berger", "Dr. Czerny"):
            Practice.objects.create(customer_number=uuid4().hex[:6], name=name, city="Rosenheim")


def focused(page) -> str:
    return page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name")


def test_rows_are_walked_with_j_and_k_and_opened_with_enter(signed_in, practices):
    signed_in.goto("/praxen/")
    rows = [link.inner_text() for link in signed_in.locator(".row-link").all()]

    signed_in.keyboard.press("j")
    signed_in.keyboard.press("j")
    assert focused(signed_in) == rows[1]
    signed_in.keyboard.press("k")
    assert focused(signed_in) == rows[0]
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/praxen/*-*/")
    assert signed_in.complaints == []


def test_slash_searches_n_begins_an_order_and_question_mark_lists_the_keys(signed_in):
    signed_in.goto("/praxen/")

    signed_in.keyboard.press("?")
    assert signed_in.get_by_role("dialog", name="Tastenkürzel").is_visible()
    signed_in.keyboard.press("Escape")
    signed_in.keyboard.press("/")
    signed_in.keyboard.type("n?")
    assert focused(signed_in) == "suche"
    assert signed_in.locator("dialog[open]").count() == 0
    signed_in.evaluate("document.activeElement.blur()")
    signed_in.keyboard.press("n")
    signed_in.wait_for_url("**/auftraege/neu/")
    assert signed_in.complaints == []


def test_g_goes_places_and_e_edits(signed_in, practices):
    signed_in.goto("/praxen/")
    signed_in.keyboard.press("j")
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/praxen/*-*/")

    signed_in.keyboard.press("e")
    signed_in.wait_for_url("**/bearbeiten/")
    signed_in.keyboard.press("g")
    signed_in.keyboard.press("a")
    signed_in.wait_for_url("**/auftraege/")
    signed_in.keyboard.press("g")
    signed_in.keyboard.press("r")
    signed_in.wait_for_url("**/rechnungen/")
    assert signed_in.complaints == []


def test_w_leads_to_the_next_step_and_a_new_record_begins_in_its_first_field(signed_in):
    signed_in.goto("/praxen/")

    signed_in.keyboard.press("w")
    assert focused(signed_in) == "Praxis anlegen"
    signed_in.keyboard.press("Enter")
    signed_in.wait_for_url("**/praxen/neu/")

    assert focused(signed_in) == "customer_number"
    assert signed_in.complaints == []


def test_single_keys_can_be_switched_off(signed_in):
    signed_in.goto("/praxen/")
    signed_in.locator(".menu summary").click()
    signed_in.get_by_label("Einzelne Tasten als Kürzel").uncheck()
    signed_in.reload()

    signed_in.keyboard.press("?")
    signed_in.keyboard.press("n")

    assert signed_in.locator("dialog[open]").count() == 0
    assert signed_in.url.endswith("/praxen/")


def test_control_enter_sends_and_the_focus_goes_to_the_errors(signed_in):
    signed_in.goto("/praxen/neu/")
    signed_in.locator("main input:visible").first.focus()

    signed_in.keyboard.press("Control+Enter")

    summary = signed_in.get_by_role("alert")
    summary.wait_for()
    assert signed_in.evaluate("document.activeElement.hasAttribute('data-error-summary')")
    assert signed_in.title().startswith("Fehler: ")
    summary.get_by_role("link").first.click()
    assert signed_in.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    assert signed_in.complaints == []


def test_the_tooth_chart_and_its_line_say_the_same(signed_in):
    signed_in.goto("/auftraege/neu/")
    line = signed_in.locator("[data-teeth-text]")

    signed_in.locator('[data-tooth="14"]').click()
    signed_in.locator(".chip", has_text="Brückenglied").click()
    signed_in.locator('[data-tooth="15"]').click()
    assert line.input_value() == "15:glied 14:krone"
    signed_in.keyboard.press("ArrowLeft")
    signed_in.keyboard.press("Space")
    assert line.input_value() == "16:glied 15:glied 14:krone"
    signed_in.keyboard.press("Space")
    assert line.input_value() == "15:glied 14:krone"

    line.fill("34-36:klammer, 55")
    marked = signed_in.locator(".tooth.is-marked")
    assert [tooth.get_attribute("data-tooth") for tooth in marked.all()] == ["34", "35", "36", "55"]
    assert signed_in.locator('[data-tooth="35"]').get_attribute("aria-label") == "35, 2. Prämolar unten links: Klammer"
    assert signed_in.locator('[data-tooth="55"]').is_visible()
    assert signed_in.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1366])
def test_no_page_of_the_navigation_is_wider_than_the_window_or_breaks_the_policy(signed_in, practices, width, scheme):
    signed_in.set_viewport_size({"width": width, "height": 768})
    signed_in.emulate_media(color_scheme=scheme)
    found = {}
    for place in PLACES:
        answer = signed_in.goto(place.address)
        found[place.address] = (
            answer.status,
            signed_in.locator("h1").count(),
            signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth"),
        )

    assert found == {place.address: (200, 1, True) for place in PLACES}
    assert signed_in.complaints == []


@pytest.mark.parametrize("address", ["/praxen/", "/praxen/neu/", "/auftraege/neu/"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1366), ("dark", 1366), ("light", 390)])
def test_axe_finds_nothing(signed_in, practices, address, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    signed_in.set_viewport_size({"width": width, "height": 768})
    signed_in.emulate_media(color_scheme=scheme)
    signed_in.goto(address)

    results = Axe().run(signed_in).response["violations"]
    assert [(found["id"], [node["target"] for node in found["nodes"]][:5]) for found in results] == []


def test_on_a_phone_what_one_taps_is_44_pixels_high(signed_in):
    signed_in.set_viewport_size({"width": 390, "height": 844})
    signed_in.goto("/praxen/neu/")

    small = signed_in.evaluate(
        """[...document.querySelectorAll("button, .button, main input, select, .bottom-bar a")]
           .filter((item) => !["hidden", "checkbox", "radio"].includes(item.type))
           .filter((item) => item.checkVisibility() && item.getBoundingClientRect().height < 43.5)
           .map((item) => item.outerHTML.slice(0, 80))"""
    )

    assert small == []


def test_without_javascript_the_pages_still_work(signed_in, anna, live_server_url):
    context = signed_in.context.browser.new_context(
        base_url=live_server_url, ignore_https_errors=True, java_script_enabled=False
    )
    context.add_cookies(signed_in.context.cookies())
    page = context.new_page()
    page.goto("/praxen/neu/")

    page.get_by_label("Kundennummer").fill("4711")
    page.get_by_label("Praxis", exact=True).fill("Ohne Skript")
    page.get_by_role("button", name="Speichern").click()

    page.get_by_role("heading", name="Ohne Skript").wait_for()
    context.close()
    with anna.at_work():
        assert Practice.objects.filter(name="Ohne Skript").count() == 1
