"""The trail page: what one request did alike is one row, and nothing is lost."""

import re

import pytest
from django.utils.timezone import localdate

from dentatool.catalogue.models import Price, PriceList
from dentatool.practices.models import Practice
from dentatool.protection.audit import Entry


@pytest.fixture
def imported(anna):
    """A price list with thirty prices, taken in at once; the id of that request."""
    with anna.at_work():
        held = PriceList.objects.create(name="BY 2026", region="BY", lab_type="gewerbe", valid_from="2026-01-01")
        for number in range(30):
            Price.objects.create(price_list=held, number=f"{number:04}", cents=100 + number)
        return Entry.objects.filter(what=Price._meta.db_table).first().request_id


def test_an_import_is_one_row_that_opens_and_leads_to_all(anna, imported):
    html = anna.client().get("/protokoll/").content.decode()

    assert html.count("30 × Preis angelegt") == 1
    (link,) = re.findall(rf'href="(\?vorgang={imported}&amp;since=[^"]*)"', html)
    today = f"{localdate():%d.%m.%Y}"
    assert link.endswith(f"&amp;until={today}")  # entries are found by time, not by request
    alone = anna.client().get(f"/protokoll/{link.replace('&amp;', '&')}").content.decode()
    assert len(re.findall(r">Preis</a> angelegt", alone)) == 30
    assert "Alle 30 einzeln zeigen" in html


def test_the_request_alone_shows_every_entry(anna, imported):
    with anna.at_work():
        Practice.objects.create(customer_number="1", name="Andere")

    html = anna.client().get(f"/protokoll/?vorgang={imported}").content.decode()

    assert len(re.findall(r">Preis</a> angelegt", html)) == 30
    assert "Nur die Einträge eines Vorgangs" in html
    assert "Praxis</a> angelegt" not in html


def test_what_different_requests_did_stays_apart(anna):
    for number in ("1", "2"):
        with anna.at_work():
            Practice.objects.create(customer_number=number, name=f"Praxis {number}")

    html = anna.client().get("/protokoll/").content.decode()

    assert len(re.findall(r">Praxis</a> angelegt", html)) == 2


def test_bert_sees_nothing_of_annas_request(anna, bert, imported):
    html = bert.client().get(f"/protokoll/?vorgang={imported}").content.decode()

    assert "Preis" not in re.sub(r"(?s)<select.*?</select>|<nav.*?</nav>", "", html)


def test_a_broken_request_id_is_refused(anna):
    assert anna.client().get("/protokoll/?vorgang=krumm").status_code == 422
