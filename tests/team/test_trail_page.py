"""The trail page: what one request did alike is one row, and nothing is lost."""

import json
import re
from html import unescape
from itertools import chain

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate

from dentatool.catalogue.models import Price, PriceList
from dentatool.practices.models import Practice
from dentatool.protection.audit import Entry, record_event
from dentatool.team.trail import pages


@pytest.fixture
def imported(anna):
    """A price list with thirty prices, taken in at once; the id of that request."""
    with anna.at_work():
        held = PriceList.objects.create(name="BY 2026", region="BY", lab_type="gewerbe", valid_from="2026-01-01")
        for number in range(30):
            Price.objects.create(price_list=held, number=f"{number:04}", cents=100 + number)
        return Entry.objects.filter(what=Price._meta.db_table).first().request_id


def test_an_import_is_one_row_that_opens_and_leads_to_all(anna, imported):
    html = anna.reading_trail().get("/protokoll/").content.decode()

    assert html.count("30 × Preis angelegt") == 1
    (link,) = re.findall(rf'href="(\?vorgang={imported}&amp;since=[^"]*)"', html)
    today = f"{localdate():%d.%m.%Y}"
    assert link.endswith(f"&amp;until={today}")  # entries are found by time, not by request
    alone = anna.reading_trail().get(f"/protokoll/{link.replace('&amp;', '&')}").content.decode()
    assert len(re.findall(r">Preis</a> angelegt", alone)) == 30
    assert "Alle 30 einzeln zeigen" in html


def test_the_request_alone_shows_every_entry(anna, imported):
    with anna.at_work():
        Practice.objects.create(customer_number="1", name="Andere")

    html = anna.reading_trail().get(f"/protokoll/?vorgang={imported}").content.decode()

    assert len(re.findall(r">Preis</a> angelegt", html)) == 30
    assert "Nur die Einträge eines Vorgangs" in html
    assert "Praxis</a> angelegt" not in html


def test_what_different_requests_did_stays_apart(anna):
    for number in ("1", "2"):
        with anna.at_work():
            Practice.objects.create(customer_number=number, name=f"Praxis {number}")

    html = anna.reading_trail().get("/protokoll/").content.decode()

    assert len(re.findall(r">Praxis</a> angelegt", html)) == 2


def test_bert_sees_nothing_of_annas_request(anna, bert, imported):
    html = bert.reading_trail().get(f"/protokoll/?vorgang={imported}").content.decode()

    assert "Preis" not in re.sub(r"(?s)<select.*?</select>|<nav.*?</nav>", "", html)


def test_a_broken_request_id_is_refused(anna):
    assert anna.reading_trail().get("/protokoll/?vorgang=krumm").status_code == 422


def test_who_does_not_say_why_reads_nothing(anna):
    client = anna.client()

    answer = client.get("/protokoll/?topic=rechte")

    assert (answer.status_code, answer.headers["Location"]) == (
        302, "/protokoll/zweck/?weiter=%2Fprotokoll%2F%3Ftopic%3Drechte",
    )  # fmt: skip
    with anna.at_work():
        assert not Entry.objects.filter(what="trail.viewed").exists()


def test_the_purpose_is_asked_once_and_leads_on(anna):
    client = anna.client()

    said = client.post(
        "/protokoll/zweck/", {"purpose": "vorfall", "note": "Frau Geheim", "weiter": "/protokoll/?topic=rechte"}
    )

    assert said.headers["Location"] == "/protokoll/?topic=rechte"
    assert client.get("/protokoll/").status_code == client.get("/protokoll/?topic=rechte").status_code == 200
    with anna.at_work():
        viewed = Entry.objects.filter(what="trail.viewed").order_by("at")
        told = [entry.changes for entry in viewed]
        (row,) = Entry.objects.filter(what="team_trailreading", action="insert")
    assert [each["purpose"] for each in told] == ["vorfall", "vorfall"]
    assert told[1]["topic"] == "rechte"
    assert row.changes["purpose"] == [None, "vorfall"]
    assert "Geheim" not in str(row.changes)


def test_a_purpose_is_that_of_one_session(anna):
    anna.reading_trail()

    assert anna.client().get("/protokoll/").status_code == 302


@pytest.mark.parametrize("sent", [{}, {"purpose": "leistungskontrolle"}, {"purpose": "routine", "note": "x" * 201}])
def test_a_purpose_that_is_none_is_refused(anna, sent):
    client = anna.client()

    assert client.post("/protokoll/zweck/", sent).status_code == 422
    assert client.get("/protokoll/").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://bert.example/", "//bert.example/protokoll/", "/auftraege/", "/\\bert.example"]
)
def test_the_question_leads_nowhere_else(anna, target):
    answer = anna.client().post("/protokoll/zweck/", {"purpose": "routine", "weiter": target})

    assert answer.headers["Location"] == "/protokoll/"


def many_entries(lab, number):
    """As many sign-outs of the technician, one apart from the other."""
    with lab.at_work("technician"):
        for _ in range(number):
            record_event("authn_logout")


def keys_on(html):
    """The addresses of the older and the newer page."""
    links = dict(re.findall(r'href="(\?[^"]*)" rel="(next|prev)"', html))
    return {rel: unescape(address) for address, rel in links.items()}


def test_every_entry_is_on_exactly_one_page_there_and_back(anna, monkeypatch):
    monkeypatch.setattr(pages, "PER_PAGE", 10)
    many_entries(anna, 35)
    client = anna.reading_trail()

    there, back, address, newer = [], [], "?what=authn_logout", ""
    while address:
        answer = client.get(f"/protokoll/{address}")
        there.append([row["at"] for row in answer.context["rows"] for row in row.get("shown", [row])])
        links = keys_on(answer.content.decode())
        address, newer = links.get("next", ""), links.get("prev", newer)
    while newer:
        answer = client.get(f"/protokoll/{newer}")
        back.append([row["at"] for row in answer.context["rows"] for row in row.get("shown", [row])])
        newer = keys_on(answer.content.decode()).get("prev", "")

    assert [len(page) for page in there] == [10, 10, 10, 5]
    seen = list(chain(*there))
    assert sorted(seen, reverse=True) == seen
    assert len(set(seen)) == 35
    assert back == there[2::-1]


def test_what_happens_meanwhile_moves_no_page(anna, monkeypatch):
    monkeypatch.setattr(pages, "PER_PAGE", 10)
    many_entries(anna, 25)
    client = anna.reading_trail()
    older = keys_on(client.get("/protokoll/?what=authn_logout").content.decode())["next"]
    before = client.get(f"/protokoll/{older}").context["rows"]

    many_entries(anna, 5)

    assert client.get(f"/protokoll/{older}").context["rows"] == before


@pytest.mark.parametrize(
    "key", ["1", "20261125T000000.000000-x", "x-00000000000000000000000000000000", "20269925T0-0", "'"]
)
def test_a_key_that_no_page_hands_out_is_refused(anna, key):
    client = anna.reading_trail()

    assert client.get("/protokoll/", {"vor": key}).status_code == 400
    assert client.get("/protokoll/", {"nach": key}).status_code == 400


@pytest.mark.parametrize(("topic", "shown", "hidden"), [
    ("anmeldung", "Abgemeldet", "Praxis</a>"), ("stammdaten", "Praxis</a>", "Abgemeldet"),
    ("rechte", "Konto</a>", "Abgemeldet"), ("sicherheit", "Versiegelter Wert", "Konto</a>"),
    ("verwaltung", "Einsicht ins Protokoll</a>", "Abgemeldet"), ("auftraege", "als PDF geöffnet", "Abgemeldet"),
])  # fmt: skip
def test_each_topic_shows_its_own(anna, topic, shown, hidden):
    client = anna.reading_trail()
    with anna.at_work():
        for event in ("authn_logout", "decrypt_fail", "invoice.pdf_opened"):
            record_event(event)
        Practice.objects.create(customer_number="1", name="Praxis am Inn")

    rows = client.get(f"/protokoll/?topic={topic}").content.decode().split("<tbody>")[1]

    assert shown in rows
    assert hidden not in rows


def test_filters_narrow_one_another(anna):
    many_entries(anna, 3)
    with anna.at_work():
        record_event("authn_logout")
    client = anna.reading_trail()

    def found(**query):
        return sum(row["count"] for row in client.get("/protokoll/", query).context["rows"])

    assert found(what="authn_logout") == 4
    assert found(what="authn_logout", person=str(anna.technician.id)) == 3
    assert found(topic="anmeldung", person=str(anna.technician.id), until="01.01.2020") == 0
    assert found(topic="anmeldung", person=str(anna.technician.id), since="01.01.2020") == 3


@pytest.mark.parametrize("query", ["topic=alles", "what=pg_class", "person=bert", "since=morgen-frueh"])
def test_an_unknown_filter_is_refused_with_words(anna, query):
    assert anna.reading_trail().get(f"/protokoll/?{query}").status_code == 422


def test_bert_is_no_person_to_filter_by(anna, bert):
    assert anna.reading_trail().get(f"/protokoll/?person={bert.owner.id}").status_code == 422


def test_pages_count_nothing_and_read_little_however_long_the_trail_is(anna, superuser, monkeypatch):
    """The plans of the page's own statements, with 100,000 entries: by index alone, no count, few rows."""
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, action, changes)"
        " select gen_random_uuid(), %s, now() - n * interval '1 minute', %s, 'work', '', md5(n::text), 'row',"
        " case when n %% 5000 = 0 then 'practices_practice' else 'orders_order' end, 'update', '{}'"
        " from generate_series(1, 100000) n",
        [anna.lab_id, anna.technician.id],
    )
    superuser.execute("analyze protection_entry")  # as autovacuum does
    client = anna.reading_trail()
    queries = (
        "", "topic=stammdaten", "topic=rechte", "what=practices_practice", f"person={anna.technician.id}",
        f"person={anna.owner.id}", f"topic=stammdaten&person={anna.technician.id}", "vor=20261101T000000.000000-" + "f" * 32,
    )  # fmt: skip

    for query in queries:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"/protokoll/?{query}").status_code == 200
        for statement in [
            q["sql"] for q in asked if "protection_entry" in q["sql"] and q["sql"].lstrip("( ").startswith("SELECT")
        ]:
            assert "COUNT(" not in statement
            with anna.at_work(), connection.cursor() as cursor:
                cursor.execute(f"explain (analyze, format json) {statement}")
                (plan,) = cursor.fetchone()
            top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
            assert list(wasteful(top)) == [], query


def wasteful(node):
    """Parts of a plan over the trail that read whole tables or throw rows away."""
    if node.get("Relation Name") == "protection_entry":
        read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        if "Seq Scan" in node["Node Type"] or read > 1_000:
            yield node["Node Type"], node.get("Index Name"), read
    for part in node.get("Plans", []):
        yield from wasteful(part)
