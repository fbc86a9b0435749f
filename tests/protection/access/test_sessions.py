"""How long a session lasts, what renews it, and what ends it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import include, path
from django.utils import timezone

from dentatool.protection.access import Account, Permission, page
from dentatool.protection.access.internal import gate
from dentatool.protection.access.internal.drafts import Draft, keep_draft
from dentatool.protection.access.internal.models import AccessLink, ApiToken, Session
from dentatool.protection.access.people import LaboratoryRole
from dentatool.protection.access.sessions import Ending, end_everything_of
from dentatool.protection.audit import Entry
from harness.laboratories import nobody_client

FOUNDING = ("authn_login_success", "crypt_key_event")
COOKIE = "__Host-dentatool"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


@page(Permission.OWN_ACCOUNT, is_action=False)
def asks_by_itself(request, pk):
    return HttpResponse("")


@page(Permission.OWN_ACCOUNT)
def long_work(request):
    """While it is at work, somebody else ends the access of its person."""
    keep_draft(request.person.id, page="/", action="/", label="", fields=[("name", "x")])
    if meanwhile:
        with ThreadPoolExecutor(1) as colleague:
            colleague.submit(meanwhile[0]).result()
    return HttpResponse("fertig")


meanwhile: list = []
urlpatterns = [
    path("", include("dentatool.project.urls")),
    path("lange/", long_work),
    path("lange/auftraege/", page(Permission.ORDERS_CHANGE)(long_work.__wrapped__)),
]


def events_of(lab):
    with lab.at_work():
        return [
            (entry.what, entry.changes)
            for entry in Entry.objects.filter(kind="event").exclude(what__in=FOUNDING).order_by("at")
        ]


def age(superuser, lab, minutes, seconds=0):
    """As if nobody had done anything for so long."""
    superuser.execute(
        "set session_replication_role = replica;"
        f"update protection_session set last_action_at = now() - interval '{minutes} minutes {seconds} seconds'"
        f" where lab_id = '{lab.lab_id}'"
    )


def browser(lab, role="owner", device=FIREFOX, address="192.0.2.10"):
    """A signed-in browser of a certain kind in a certain place."""
    client = nobody_client()
    client.defaults |= {"HTTP_USER_AGENT": device, "REMOTE_ADDR": address}
    member = lab.member(role)
    client.post("/anmelden/", {"name": member.sign_in_name, "password": member.password})
    return client


def test_at_14_59_the_session_lives_and_at_15_01_it_is_over(anna, superuser):
    client = anna.client()
    age(superuser, anna, 14, 59)
    assert client.get("/").status_code == 200

    age(superuser, anna, 15, 1)
    answer = client.get("/praxen/?suche=Aicher")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/anmelden/?weiter=%2Fpraxen%2F%3Fsuche%3DAicher")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert answer.cookies[COOKIE]["max-age"] == 0
    assert "weil eine Weile niemand gearbeitet hat" in client.get(answer.headers["Location"]).content.decode()
    assert events_of(anna) == [("session_use_after_expire", {"reason": "idle"})]


@pytest.mark.parametrize("address", ["/sitzung/", "/konto/entwuerfe/hier/?seite=/"])
def test_what_the_page_asks_by_itself_does_not_renew_the_session(anna, superuser, address):
    client = anna.client()
    age(superuser, anna, 14)

    for _ in range(3):
        assert client.get(address).status_code == 200

    age_now = superuser.execute(
        "select extract(epoch from now() - last_action_at) from protection_session where lab_id = %s", [anna.lab_id]
    ).fetchone()[0]
    assert age_now >= 14 * 60
    age(superuser, anna, 15, 1)
    assert client.get(address, headers={"sec-fetch-mode": "cors"}).status_code == 401


def test_the_page_can_ask_how_long_it_may_stay_and_say_that_somebody_works(anna, superuser):
    client = anna.client()
    age(superuser, anna, 13)

    left = client.get("/sitzung/").json()
    assert 115 <= left["idle_s"] <= 120
    assert 43_000 < left["absolute_s"] <= 43_200

    assert client.post("/sitzung/weiter/").status_code == 204
    assert 895 <= client.get("/sitzung/").json()["idle_s"] <= 900


def test_an_address_with_an_id_cannot_be_declared_as_asked_by_itself(monkeypatch):
    monkeypatch.setattr(gate, "all_pages", lambda: [("/<uuid:pk>/fragen/", asks_by_itself)])

    with pytest.raises(ImproperlyConfigured, match=r"is_action=False.*fragen"):
        gate.check_pages()


def test_after_twelve_hours_only_a_new_sign_in_helps(anna, superuser):
    client = anna.client()
    superuser.execute(
        "set session_replication_role = replica;"
        f"update protection_session set expires_at = now() where lab_id = '{anna.lab_id}'"
    )

    answer = client.get("/")

    assert answer.status_code == 302
    assert "Höchstdauer" in client.get(answer.headers["Location"]).content.decode()
    assert events_of(anna) == [("session_use_after_expire", {"reason": "absolute"})]


def test_the_end_that_the_page_itself_announces(anna):
    client = anna.client()

    answer = client.post("/sitzung/ende/", {"grund": "idle"}, headers={"sec-fetch-mode": "cors"})

    assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (204, '"cache"')
    assert events_of(anna) == [("session_expired", {"reason": "idle"})]
    assert "weil eine Weile niemand gearbeitet hat" in client.get("/anmelden/").content.decode()
    assert client.get("/").status_code == 302


def test_scripts_are_told_with_401_and_where_to_go_back_to(anna, superuser):
    client = anna.client()
    age(superuser, anna, 15, 1)

    answers = [
        client.get(
            "/praxen/", headers={"hx-request": "true", "hx-current-url": "https://localhost/auftraege/?seite=2"}
        ),
        client.get("/praxen/", headers={"sec-fetch-mode": "cors", "referer": "https://localhost/auftraege/?seite=2"}),
    ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["HX-Redirect"] == "/anmelden/?weiter=%2Fauftraege%2F%3Fseite%3D2"
        assert COOKIE not in answer.cookies  # so that the page can still leave its drafts
    assert client.get("/anmelden/").content.decode().count("weil eine Weile niemand gearbeitet hat") == 1


def test_an_invented_cookie_is_nobody(anna, nobody):
    nobody.cookies[COOKIE] = "erfunden"

    assert nobody.get("/").status_code == 302
    assert events_of(anna) == []


def test_a_cookie_is_worthless_in_another_kind_of_browser(anna):
    client = browser(anna)
    thief = nobody_client()
    thief.cookies[COOKIE] = client.cookies[COOKIE].value
    thief.defaults |= {"HTTP_USER_AGENT": CHROME, "REMOTE_ADDR": "198.51.100.7"}

    assert thief.get("/").status_code == 302

    assert client.get("/").status_code == 302  # the person signs in anew as well
    assert [what for what, _ in events_of(anna)] == ["session_moved", "session_use_after_expire"]


def test_a_phone_that_changes_its_network_stays_signed_in(anna):
    client = browser(anna)

    assert client.get("/", REMOTE_ADDR="198.51.100.7").status_code == 200
    assert client.get("/", HTTP_USER_AGENT=FIREFOX.replace("133", "134")).status_code == 200
    assert events_of(anna) == []


def test_one_account_in_two_networks_at_once_is_noticed_once(anna, superuser):
    here, there = browser(anna), browser(anna, address="198.51.100.7")
    age(superuser, anna, 0, 5)

    for _ in range(2):
        assert here.get("/").status_code == 200
        age(superuser, anna, 0, 5)
    assert events_of(anna) == [("session_parallel", {"account": str(anna.owner.id)})]

    assert there.get("/").status_code == 200


def test_two_devices_in_one_network_are_no_news(anna, superuser):
    here, _there = browser(anna), browser(anna, address="192.0.2.99")
    age(superuser, anna, 0, 5)

    assert here.get("/").status_code == 200
    assert events_of(anna) == []


def test_everything_of_an_account_ends_at_once_and_nothing_of_others(anna):
    gone, stays = anna.client("technician"), anna.client("owner")
    for member in (anna.technician, anna.owner):
        with anna.at_work(member.role):
            later = timezone.now() + timedelta(hours=1)
            ApiToken.objects.create(
                account_id=member.id, label="x", prefix="x", token_hash=member.id.bytes, expires_at=later
            )
            AccessLink.objects.create(
                account_id=member.id, purpose="reset", token_hash=member.id.bytes, expires_at=later
            )
            keep_draft(member.id, page="/", action="/", label="", fields=[("city", "Rosenheim")])
    with anna.at_work():
        end_everything_of(anna.technician.id, Ending.DEACTIVATED)

        own = {"account_id": anna.technician.id}
        assert not Session.objects.filter(ended_at=None, **own).exists()
        assert not ApiToken.objects.filter(ended_at=None, **own).exists()
        assert not AccessLink.objects.filter(used_at=None, **own).exists()
        assert not Draft.objects.filter(**own).exists()
        others = {"account_id": anna.owner.id}
        assert Session.objects.filter(ended_at=None, **others).count() == 1
        assert ApiToken.objects.filter(ended_at=None, **others).count() == 1
        assert AccessLink.objects.filter(used_at=None, **others).count() == 1
        assert Draft.objects.filter(**others).count() == 1

    assert (gone.get("/").status_code, stays.get("/").status_code) == (302, 200)
    ended = ("access_ended", {"account": str(anna.technician.id), "reason": "deactivated"})
    assert ended in events_of(anna)


@pytest.fixture
def long_requests(monkeypatch):
    """Every request counts as one that took long."""
    monkeypatch.setattr("dentatool.protection.access.internal.endings.LONG_S", 0)
    meanwhile.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield meanwhile


@pytest.mark.parametrize("role", ["technician", "practice"])
def test_a_request_that_takes_long_is_answered_as_any_other(anna, long_requests, role):
    assert anna.client(role).get("/lange/").content == b"fertig"
    assert anna.client(role).post("/abmelden/").headers["Location"] == "/anmelden/"


def test_a_request_during_which_the_access_ends_stores_and_answers_nothing(anna, long_requests):
    client = anna.client("technician")

    def end():
        with anna.at_work():
            end_everything_of(anna.technician.id, Ending.DEACTIVATED)
        connection.close()

    long_requests.append(end)

    answer = client.get("/lange/")

    assert (answer.status_code, answer.content) == (302, b"")
    with anna.at_work():
        assert not Draft.objects.exists()


def test_a_request_during_which_the_right_to_it_goes_stores_and_answers_nothing(anna, long_requests):
    """A role of the laboratory's own is narrowed: its people stay signed in, and what they no longer may is not done."""
    with anna.at_work():
        LaboratoryRole.objects.create(key="eigene-annahme", name="Annahme", permissions=["orders:change"])
        Account.objects.filter(pk=anna.technician.id).update(role="eigene-annahme")
    client = anna.client("technician")

    def narrow():
        with anna.at_work():
            LaboratoryRole.objects.filter(key="eigene-annahme").update(permissions=[])
        connection.close()

    long_requests.append(narrow)
    answer = client.get("/lange/auftraege/")

    assert (answer.status_code, answer.content) == (302, b"")
    with anna.at_work():
        assert not Draft.objects.exists()
    assert client.get("/lange/").status_code == 200  # signed in all the same


def test_the_session_in_which_a_person_changed_the_password_is_spared(anna):
    here, elsewhere = anna.client(), anna.client()
    with anna.at_work():
        spared = Session.objects.order_by("created_at").first()

        end_everything_of(anna.owner.id, Ending.PASSWORD, but=spared.pk)

    assert (here.get("/").status_code, elsewhere.get("/").status_code) == (200, 302)


def test_a_session_from_before_the_end_of_access_stays_dead_even_if_its_row_is_forgotten(anna, superuser):
    client = anna.client()
    with anna.at_work():
        Account.objects.filter(pk=anna.owner.id).update(access_ended_at=timezone.now())

    assert client.get("/").status_code == 302
    assert anna.client().get("/").status_code == 200  # a new sign-in is a new matter


def test_a_dead_session_fills_the_trail_once(anna):
    client = anna.client()
    stolen = client.cookies[COOKIE].value
    client.post("/abmelden/")

    for _ in range(3):
        thief = nobody_client()
        thief.cookies[COOKIE] = stolen
        assert thief.get("/").status_code == 302

    assert events_of(anna) == [("authn_logout", {}), ("session_use_after_expire", {"reason": "signed_out"})]
