"""Nothing is served past the Gate."""

import psycopg
import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.urls import path

from dentatool.protection.access import PUBLIC, Permission, page
from dentatool.protection.access.internal.gate import all_pages, check_pages
from dentatool.protection.audit import Entry
from harness.laboratories import nobody_client


def undeclared(request):
    return HttpResponse("geheim")


urlpatterns = [path("geheim/", undeclared)]


def test_every_address_declares_its_permission():
    public = sorted(address for address, view in all_pages() if view.page_permission == PUBLIC)

    assert public == [
        "/.well-known/security.txt",
        "/anmelden/",
        "/anmelden/dienst/<uuid:pk>/",
        "/anmelden/dienst/<uuid:pk>/zurueck/",
        "/anmelden/neues-passwort/<str:token>/",
        "/anmelden/passkey/",
        "/anmelden/passwort-vergessen/",
        "/api/v1/docs",
        "/api/v1/openapi.json",
        "/betrieb/zustand/",  # for near addresses with a fresh link alone
        "/csp-bericht/",
        "/einladung/<str:token>/",
        "/healthz",
        "/konto/entwuerfe/sichern/",  # also from a session that has just ended by itself
        "/metrics",  # for near addresses alone
        "/readyz",
        "/sitzung/ende/",
        "/status",
    ]


def test_an_undeclared_view_stops_the_start(settings_with):
    with settings_with(ROOT_URLCONF=__name__), pytest.raises(Exception, match=r"ohne @page.*/geheim/"):
        check_pages()


@pytest.fixture
def settings_with():
    from django.test.utils import override_settings

    return override_settings


def test_a_permission_that_does_not_exist_is_refused_at_import():
    with pytest.raises(Exception, match="not a Permission"):
        page("orders:everything")


def plain_addresses():
    """Pages that take no ids. What is for programs answers 401: tests/api/test_matrix.py."""
    inner = {address for address, view in all_pages() if "<" not in address and view.page_permission != PUBLIC}
    return sorted(address for address in inner if not address.startswith("/api/"))


@pytest.mark.parametrize("address", plain_addresses())
def test_nobody_is_sent_to_sign_in(address, database):
    answer = nobody_client().get(address)

    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/anmelden/")


def test_a_courier_may_not_read_the_trail_and_the_attempt_is_noted(anna):
    answer = anna.client("courier").get("/protokoll/")

    assert answer.status_code == 403
    assert "Dafür fehlt das Recht" in answer.content.decode()
    with anna.at_work():
        assert Entry.objects.get(what="authz_fail").changes["permission"] == Permission.TRAIL_VIEW


def test_sign_in_with_the_right_password_opens_the_start_page(anna):
    client = nobody_client()

    answer = client.post("/anmelden/", {"name": anna.owner.sign_in_name.upper(), "password": anna.owner.password})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    cookie = answer.cookies["__Host-dentatool"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        True,
        "Lax",
        "/",
        "",
    )
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("name", ["owner", "unknown"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_words(anna, name):
    typed = anna.owner.sign_in_name if name == "owner" else "niemand@example.org"

    answer = nobody_client().post("/anmelden/", {"name": typed, "password": "falsch"})

    assert answer.status_code == 422
    assert "Anmeldename und Passwort passen nicht zusammen" in answer.content.decode()
    assert typed in answer.content.decode()  # what was typed stays
    assert "falsch" not in answer.content.decode()  # but never a password
    assert "__Host-dentatool" not in answer.cookies


def test_signing_out_ends_the_session_on_the_server(anna):
    client = anna.client()
    stolen = client.cookies["__Host-dentatool"].value
    assert client.get("/").status_code == 200

    client.post("/abmelden/")

    thief = nobody_client()
    thief.cookies["__Host-dentatool"] = stolen
    assert thief.get("/").status_code == 302


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "update protection_session set last_action_at = now() - interval '15 minutes 1 second' where lab_id = %s",
            "idle",
        ),
        ("update protection_session set expires_at = now() where lab_id = %s", "absolute end"),
        ("update protection_account set active = false where lab_id = %s", "deactivated"),
        ("update protection_laboratory set active = false where id = %s", "laboratory suspended"),
    ],
)
def test_a_session_ends(anna, superuser, statement, what):
    client = anna.client()
    assert client.get("/").status_code == 200

    superuser.execute(f"set session_replication_role = replica; {statement.replace('%s', repr(str(anna.lab_id)))}")

    assert client.get("/").status_code == 302, what


def test_a_session_lives_while_it_is_used(anna, superuser):
    client = anna.client()
    superuser.execute(
        f"set session_replication_role = replica;"
        f"update protection_session set last_action_at = now() - interval '14 minutes' where lab_id = '{anna.lab_id}'"
    )
    assert client.get("/").status_code == 200
    (seconds,) = superuser.execute(
        "select extract(epoch from now() - max(last_action_at)) from protection_session where lab_id = %s",
        [anna.lab_id],
    ).fetchone()
    assert seconds < 60


def test_the_target_after_sign_in_is_always_this_site(anna):
    for target in ("https://boese.example/", "//boese.example/", "javascript:alert(1)", "/\\boese.example"):
        answer = nobody_client().post(
            "/anmelden/", {"name": anna.owner.sign_in_name, "password": anna.owner.password, "weiter": target}
        )
        assert answer.headers["Location"] == "/"


def test_only_the_hash_of_the_token_is_stored(anna, superuser):
    token = anna.client().cookies["__Host-dentatool"].value

    dumped = str(superuser.execute("select * from protection_session where lab_id = %s", [anna.lab_id]).fetchall())

    assert token not in dumped
    assert token.encode().hex() not in dumped


def test_a_full_disk_is_told_as_such_and_who_must_act(anna, monkeypatch):
    def full(*_, **__):
        raise OperationalError("could not extend file") from psycopg.errors.DiskFull("No space left on device")

    monkeypatch.setattr("dentatool.overview.views.render", full)

    answer = anna.client().get("/")

    told = answer.content.decode()
    assert answer.status_code == 503
    assert "Der Speicherplatz ist erschöpft" in told and "Rufen Sie den Betreiber an" in told
    assert "Verbindung ist abgerissen" not in told
