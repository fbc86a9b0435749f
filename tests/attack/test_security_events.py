"""What an attacker tries leaves its event, under the laboratory's own trail or among the platform's, and tells nothing.

The events of signing in, sessions, rights and tokens are shown where those are tested; docs/security-events.md lists all.
"""

import json
import time
from uuid import uuid4

import pytest

from billing.conftest import make_order
from dentatool.orders.models import Order
from dentatool.practices.models import Dentist, Practice
from dentatool.protection.access.sessions import Ending, end_everything_of
from dentatool.protection.audit import Entry
from dentatool.protection.audit.refusals import collected_in, note_refusal
from dentatool.protection.tenancy.internal import passes
from harness.laboratories import nobody_client
from harness.live import COOKIE

REPORT = {
    "csp-report": {
        "document-uri": "https://localhost/patienten/?suche=Geheim", "blocked-uri": "https://boese.example/x.js?y=Geheim",
        "violated-directive": "script-src-elem 'nonce-abc'",
    }
}  # fmt: skip


def events(lab, name):
    with lab.at_work():
        return [entry.changes for entry in Entry.objects.filter(what=name).order_by("at")]


def platform_events(superuser, name):
    rows = superuser.execute("select facts from protection_platformevent where event = %s order by at", [name])
    return [facts for (facts,) in rows]


def test_asking_for_berts_order_and_for_none_leaves_the_same_event(anna, bert):
    with bert.at_work():
        foreign = make_order().pk
    absent, client = uuid4(), anna.client()

    for pk in (foreign, absent):
        for method in ("get", "post", "delete"):
            getattr(client, method)(f"/auftraege/{pk}/")

    found = events(anna, "malicious_direct_reference")
    paths = [facts.pop("path") for facts in found]
    assert paths.count(f"/auftraege/{foreign}/") == paths.count(f"/auftraege/{absent}/") >= 1
    assert found == [{}] * len(paths)
    assert events(bert, "malicious_direct_reference") == []


def test_berts_dentist_in_annas_form_leaves_an_event(anna, bert):
    with bert.at_work():
        practice = Practice.objects.create(customer_number="1", name="Praxis von Bert")
        foreign = Dentist.objects.create(practice=practice, last_name="Kamp").pk
    client = anna.client()

    for key in (foreign, uuid4()):
        assert client.post("/auftraege/neu/", {"dentist": str(key)}).status_code == 422

    assert events(anna, "malicious_direct_reference")[0] == {"record": str(foreign)}
    assert len(events(anna, "malicious_direct_reference")) == 2
    with anna.at_work():
        assert not Order.objects.exists()


def test_a_request_with_a_thousand_foreign_ids_is_one_attack():
    noted = []

    with collected_in(noted):
        for _ in range(1000):
            note_refusal("malicious_direct_reference")

    assert len(noted) == 20


def test_an_own_page_that_is_not_there_leaves_none(anna):
    assert anna.client().get("/gibt-es-nicht/").status_code == 404
    assert events(anna, "malicious_direct_reference") == []


@pytest.mark.parametrize("address", [
    "/auftraege/?sortierung=practice__lab_id", "/praxen/?seite=0", "/protokoll/?person=x", "/patienten/?seite=99999999",
    "/praxen/?suche=%00",
])  # fmt: skip
def test_a_sorting_page_or_filter_that_no_page_offers_leaves_an_event(anna, address):
    client = anna.reading_trail()

    assert client.get(address).status_code in (400, 422)

    assert len(events(anna, "input_validation_fail")) == 1


def test_a_form_of_another_site_leaves_an_event(anna):
    client = anna.client()
    client.handler.enforce_csrf_checks = True

    assert client.post("/praxen/neu/", {"name": "x"}, HTTP_ORIGIN="https://boese.example").status_code == 403

    assert events(anna, "malicious_csrf") == [{"path": "/praxen/neu/"}]


def test_signing_in_from_another_site_leaves_one_on_the_platform(superuser):
    before = len(platform_events(superuser, "malicious_csrf"))
    client = nobody_client()
    client.handler.enforce_csrf_checks = True

    assert (
        client.post("/anmelden/", {"name": "a", "password": "b"}, HTTP_ORIGIN="https://boese.example").status_code
        == 403
    )

    (event,) = platform_events(superuser, "malicious_csrf")[before:]
    assert event == {"path": "/anmelden/", "origin": client.defaults["REMOTE_ADDR"]}


def test_a_step_that_no_button_offers_leaves_an_event(anna):
    with anna.at_work():
        order = make_order(state="eingegangen")

    assert anna.client().post(f"/auftraege/{order.pk}/status/", {"to": "abgeschlossen"}).status_code == 409

    assert events(anna, "sequence_fail") == [
        {"record": str(order.pk), "before": "eingegangen", "after": "abgeschlossen"}
    ]  # fmt: skip


def report(client, told, content_type="application/csp-report"):
    return client.generic("POST", "/csp-bericht/", json.dumps(told).encode(), content_type)


def test_a_blocked_script_is_reported_without_what_people_typed(anna):
    assert report(anna.client(), REPORT).status_code == 204

    assert events(anna, "malicious_csp_violation") == [
        {"path": "/patienten/", "blocked": "https://boese.example", "directive": "script-src-elem"}
    ]  # fmt: skip


def test_the_new_form_of_reports_and_reports_of_nobody_are_taken_too(superuser):
    before = len(platform_events(superuser, "malicious_csp_violation"))
    told = [
        {
            "type": "csp-violation",
            "body": {
                "documentURL": "https://localhost/anmelden/",
                "blockedURL": "inline",
                "effectiveDirective": "script-src",
            },
        }
    ]

    assert report(nobody_client(), told, "application/reports+json").status_code == 204

    (event,) = platform_events(superuser, "malicious_csp_violation")[before:]
    assert event == {"path": "/anmelden/", "blocked": "inline", "directive": "script-src"}


def test_a_flood_of_reports_is_cut_off(anna):
    client = anna.client()

    assert {report(client, REPORT).status_code for _ in range(30)} == {204}

    assert len(events(anna, "malicious_csp_violation")) == 20


def test_browser_extensions_are_nobodys_attack(anna):
    told = {"csp-report": {"document-uri": "https://localhost/", "blocked-uri": "moz-extension://x/y.js"}}

    assert report(anna.client(), told).status_code == 204

    assert events(anna, "malicious_csp_violation") == []


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"[1]", b"{}", b'{"csp-report": 1}', b"\xff", b"[" * 5000, b"x" * 9000]
)
def test_what_is_no_report_is_refused(anna, body):
    answer = anna.client().generic("POST", "/csp-bericht/", body, "application/csp-report")

    assert answer.status_code == 400
    assert events(anna, "malicious_csp_violation") == []


@pytest.mark.parametrize(("name", "change", "status"), [
    ("ctx_forged", ("pass_key", lambda: b"another key"), 409), ("ctx_expired", ("LIFETIME_S", -120), 503),
])  # fmt: skip
def test_a_forged_or_expired_pass_leaves_an_event_on_the_platform(anna, superuser, monkeypatch, name, change, status):
    client, before = anna.client(), len(platform_events(superuser, name))
    monkeypatch.setattr(passes, *change)

    answer = client.get("/praxen/")

    assert answer.status_code == status
    assert len(platform_events(superuser, name)) == before + 1


def test_a_flood_of_anonymous_events_is_bounded_and_says_so(superuser, app_connection):
    name = f"flood_{uuid4().hex[:8]}"

    for _ in range(650):
        app_connection.execute("select protection.record_platform_event(%s, '{}')", [name])
    app_connection.commit()

    assert len(platform_events(superuser, name)) == 600
    assert {"limit": name} in platform_events(superuser, "excess_rate_limit_exceeded")
    superuser.execute("delete from protection_platformevent where event = %s", [name])


def test_too_many_requests_at_once_leave_one_on_the_platform(superuser):
    """project/front.py marks such requests before the program sees them; tests/project/test_front.py has the counting."""
    before = len(platform_events(superuser, "excess_rate_limit_exceeded"))

    answer = nobody_client().post("/anmelden/", {"name": "x"}, **{"dentatool.arrival": "too_many"})

    assert answer.status_code == 503
    assert len(platform_events(superuser, "excess_rate_limit_exceeded")) == before + 1


@pytest.mark.browser
def test_a_real_browser_reports_what_it_blocks(browser_page, live_server, anna):
    session = {"name": COOKIE, "value": anna.client().cookies[COOKIE].value, "url": live_server.url}
    browser_page.context.add_cookies([session | {"secure": True, "httpOnly": True}])
    browser_page.goto("/praxen/")

    browser_page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=https://boese.example/y.png?x=1>')")

    ending = time.monotonic() + 60
    while not (found := events(anna, "malicious_csp_violation")) and time.monotonic() < ending:
        time.sleep(0.2)
    assert found == [{"path": "/praxen/", "blocked": "https://boese.example", "directive": "img-src"}]


def test_every_page_tells_browsers_where_to_report(anna):
    answer = anna.client().get("/")

    assert "report-uri /csp-bericht/" in answer.headers["Content-Security-Policy"]
    assert "report-to csp" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Reporting-Endpoints"] == 'csp="/csp-bericht/"'


def test_who_asks_for_thousands_of_ids_is_seen_and_does_not_fill_the_trail(anna, superuser):
    """The first of an hour with their addresses, then one each time the number has grown tenfold."""
    program, asked = anna.program(), [uuid4() for _ in range(120)]

    assert {program.get(f"orders/{pk}").status_code for pk in asked} == {404}

    found = events(anna, "malicious_direct_reference")
    assert [facts["path"] for facts in found[:30]] == [f"/api/v1/orders/{pk}" for pk in asked[:30]]
    assert [facts.get("count") for facts in found] == [None] * 29 + [30, 100]
    # The next hour begins anew, for this person, and nothing else of theirs was kept back meanwhile.
    assert anna.program(may=[]).get("orders").status_code == 403
    assert len(events(anna, "authz_fail")) == 1
    superuser.execute("update protection_attempt set since = since - interval '1 hour'")
    assert program.get(f"orders/{asked[0]}").status_code == 404
    assert len(events(anna, "malicious_direct_reference")) == 32


def test_what_one_person_is_refused_hides_nothing_of_another(anna):
    one, other = anna.client("owner"), anna.client("office")
    for _ in range(40):
        one.get(f"/auftraege/{uuid4()}/")

    other.get(f"/auftraege/{uuid4()}/")

    assert len(events(anna, "malicious_direct_reference")) == 31


def test_a_dead_token_in_a_program_that_nobody_switched_off_does_not_fill_the_trail(anna):
    program = anna.program()
    with anna.at_work():
        end_everything_of(anna.owner.id, Ending.TEAM)

    assert {program.get("orders").status_code for _ in range(50)} == {401}

    assert len(events(anna, "authn_token_reuse")) == 30
