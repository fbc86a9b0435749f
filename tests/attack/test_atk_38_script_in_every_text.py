"""ATK-38: markup in every text that a laboratory stores or types into an address. No browser runs any of it."""

from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import DatabaseError, models, transaction

from dentatool.protection.access.internal.sessions import COOKIE
from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedText
from pages.test_matrix import INNER, records_of

PLANTS = [
    "\"'><img src=x onerror=owned=1><script>owned=1</script>{{7*7}}",
    "\"'><img src=x onerror=owned=1>",
    "<img src=x onerror=owned=1>",
    "<svg onload=owned=1>",
    "\"'><i>",
    "<i>",
]
LEFT_ALONE = {"protection", "kit"}  # the shield's own rows and the jobs: no page lets anybody type them
# Codes that are chosen, never typed: forms refuse any other (tests/pages/test_bad_input.py).
CODES = {"state", "came_from", "number_state", "lab_type", "region", "price_region", "kind", "art", "area", "care"}
CODES |= {"insurance", "part", "snapshot_sha256", "previous_sha256", "role", "source_sha256"}

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


def plant(lab) -> int:
    """The longest plant that fits into each text of each row; returns how many took root."""
    planted = 0
    kinds = [m for m in apps.get_models() if issubclass(m, Record) and m._meta.app_label not in LEFT_ALONE]
    with lab.at_work():
        for model in kinds:
            fields = [
                field
                for field in model._meta.local_fields
                if isinstance(field, (models.CharField, models.TextField, SealedText))
                and not field.choices
                and field.name not in CODES
            ]
            for row in model._default_manager.all()[:5]:
                for field in fields:
                    room = field.max_length or 10_000
                    text = next((each for each in PLANTS if len(each) <= room), None)
                    if text is None:
                        continue
                    before = getattr(row, field.name)
                    setattr(row, field.name, text)
                    try:
                        with transaction.atomic():
                            row.save()
                        planted += 1
                    except DatabaseError:  # a rule of the table refuses it: so it can stand nowhere
                        setattr(row, field.name, before)
    return planted


@pytest.mark.slow
def test_no_planted_script_runs_on_any_page(browser_page, anna, live_server_url):
    records = records_of(anna)
    assert plant(anna) > 60
    value = anna.client().cookies[COOKIE].value
    browser_page.context.add_cookies([{"name": COOKIE, "value": value, "url": live_server_url, "secure": True}])
    browser_page.add_init_script(_WATCH)
    dialogs = []
    browser_page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    seen, shown, wrong = 0, 0, []

    for address in INNER:
        page = address.filled(records)
        answer = anna.client().get(page)
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        for asked in (page, f"{page}?suche={quote(PLANTS[0])}&seite={quote(PLANTS[2])}&sort={quote(PLANTS[1])}"):
            browser_page.goto(asked)
            seen += 1
            found = browser_page.evaluate(
                "() => ({owned: window.owned, violations: window.violations,"
                " drawn: document.querySelectorAll('img[src=x], svg[onload], i').length,"
                " told: document.documentElement.textContent.includes('onerror=owned')"
                " || [...document.querySelectorAll('input, textarea')].some((e) => e.value.includes('onerror=owned'))})"
            )
            shown += found.pop("told")
            if any(found.values()):
                wrong.append((asked, found))

    assert wrong == []
    assert dialogs == []
    assert seen > 50
    assert shown > 20, "the plants were to be seen on hardly any page, so this proves little"


def test_the_browser_would_notice_a_script_that_runs(browser_page, live_server_url):
    """Sabotage: the same watch on a page that lets markup through."""
    browser_page.add_init_script(_WATCH)
    browser_page.goto(f"{live_server_url}/anmelden/")
    browser_page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", PLANTS[1])
    browser_page.wait_for_timeout(200)
    assert browser_page.evaluate("() => window.owned || window.violations.length > 0")
