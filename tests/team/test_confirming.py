"""Fresh confirmation before dangerous deeds: nothing that was sent is lost, and nothing is done without it."""

import html
import re

import pytest
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import include, path

from dentatool.protection.access import Permission, page
from dentatool.protection.access.internal.drafts import keep_draft
from dentatool.protection.access.internal.models import Session
from dentatool.protection.audit import Entry
from harness.authenticator import Authenticator
from harness.entering import add_app, add_passkey, code_of, offer_on
from harness.laboratories import PASSWORD

done: list[dict] = []
COOKIE = "__Host-dentatool"


@page(Permission.OWN_ACCOUNT, fresh=True)
def dangerous(request):
    if request.method == "POST":
        done.append(request.POST.dict())
        return HttpResponse(status=302, headers={"Location": "/"})
    return HttpResponse("das Formular")


urlpatterns = [path("", include("dentatool.project.urls")), path("gefaehrlich/", dangerous)]


@pytest.fixture(autouse=True)
def with_a_dangerous_page():
    done.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def stale(anna, superuser):
    """The owner, eleven minutes after signing in."""
    client = anna.client()
    grow_stale(superuser, anna)
    return client


def grow_stale(superuser, lab):
    superuser.execute(
        "set session_replication_role = replica;"
        f"update protection_session set confirmed_at = now() - interval '11 minutes' where lab_id = '{lab.lab_id}'"
    )


def hidden_fields(answer):
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode())
    return [(name, html.unescape(value)) for name, value in found if name != "csrfmiddlewaretoken"]


def test_within_ten_minutes_of_signing_in_nothing_is_asked(anna):
    assert anna.client().get("/gefaehrlich/").content == b"das Formular"


def test_later_the_password_is_asked_and_then_it_goes_on(stale):
    asked = stale.get("/gefaehrlich/?a=1")
    assert (asked.status_code, asked.headers["Location"]) == (
        302,
        "/konto/bestaetigen/?weiter=%2Fgefaehrlich%2F%3Fa%3D1",
    )
    assert "Sind Sie es?" in stale.get(asked.headers["Location"]).content.decode()
    before = stale.cookies[COOKIE].value

    right = stale.post(asked.headers["Location"], {"password": PASSWORD})

    assert (right.status_code, right.headers["Location"]) == (302, "/gefaehrlich/?a=1")
    assert stale.get("/gefaehrlich/").status_code == 200
    assert stale.cookies[COOKIE].value != before  # a new token with each proof


def test_the_old_token_opens_nothing_after_the_confirmation(stale, nobody):
    nobody.cookies[COOKIE] = stale.cookies[COOKIE].value

    stale.post("/konto/bestaetigen/", {"password": PASSWORD})

    assert (stale.get("/").status_code, nobody.get("/").status_code) == (200, 302)


def test_what_was_sent_comes_back_and_is_done_once_it_is_confirmed(stale):
    refused = stale.post("/gefaehrlich/", {"rolle": "büro & <mehr>", "zahn": ["14", "15"]})
    assert (refused.status_code, done) == (302, [])
    target = refused.headers["Location"]
    assert target.startswith("/konto/bestaetigen/?")
    assert "Ihre Eingaben sind aufgehoben" in stale.get(target).content.decode()

    answer = stale.post(target, {"password": PASSWORD}, follow=True)

    assert done == []  # nothing happens by itself
    *fields, draft = hidden_fields(answer)
    assert fields == [("rolle", "büro & <mehr>"), ("zahn", "14"), ("zahn", "15")]
    assert 'action="/gefaehrlich/"' in answer.content.decode()
    stale.post("/gefaehrlich/", dict([*fields, draft]))
    assert done == [{"rolle": "büro & <mehr>", "zahn": "15"}]  # which draft it was, the view need not know
    assert stale.get("/konto/entwuerfe/").context["rows"] == []


def test_a_form_with_a_password_in_it_is_shown_again_without_it(stale):
    refused = stale.post(
        "/gefaehrlich/",
        {"rolle": "office", "new_password": "Neues-Passwort-1"},
        headers={"referer": "https://localhost/labor/"},
    )

    answer = stale.post(refused.headers["Location"], {"password": PASSWORD}, follow=True)

    assert answer.request["PATH_INFO"] == "/labor/"
    (draft,) = stale.get("/konto/entwuerfe/hier/?seite=/labor/").json()["drafts"]
    assert (draft["fields"], draft["is_complete"]) == ([["rolle", "office"]], False)


def test_a_wrong_password_confirms_nothing_and_is_noted(stale, anna):
    answer = stale.post("/konto/bestaetigen/?weiter=/gefaehrlich/", {"password": "falsch"})

    assert answer.status_code == 422
    assert "Dieses Passwort stimmt nicht" in answer.content.decode()
    assert stale.get("/gefaehrlich/").status_code == 302
    with anna.at_work():
        assert Entry.objects.filter(what="authn_confirm_fail", actor_id=anna.owner.id).count() == 1


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(stale):
    for _ in range(5):
        assert stale.post("/konto/bestaetigen/", {"password": "falsch"}).status_code == 422

    answer = stale.post("/konto/bestaetigen/", {"password": PASSWORD})

    assert answer.status_code == 422
    assert "warten Sie bitte einige Minuten" in answer.content.decode()
    assert stale.get("/gefaehrlich/").status_code == 302
    assert stale.get("/").status_code == 200  # nobody is locked out of their work


def test_who_has_an_app_confirms_by_it_and_not_by_the_password(anna, superuser):
    client = anna.client()
    key = add_app(client)
    grow_stale(superuser, anna)

    asked = client.get("/konto/bestaetigen/?weiter=/gefaehrlich/").content.decode()
    assert ("Code aus der App" in asked, "Ihr Passwort" in asked) == (True, False)
    assert client.post("/konto/bestaetigen/", {"password": PASSWORD}).status_code == 422
    assert client.get("/gefaehrlich/").status_code == 302
    assert client.post("/konto/bestaetigen/", {"code": code_of(key, -1)}).status_code == 422  # used when it was set up
    assert client.post("/konto/bestaetigen/?weiter=/gefaehrlich/", {"code": code_of(key)}).status_code == 302
    assert client.get("/gefaehrlich/").status_code == 200


def test_who_has_a_passkey_confirms_by_it(anna, superuser):
    client, authenticator = anna.client(), Authenticator()
    assert add_passkey(client, authenticator).status_code == 302
    grow_stale(superuser, anna)

    offer = offer_on(client.get("/konto/bestaetigen/"))
    stranger = Authenticator()
    stranger.create(offer_on(anna.client("technician").get("/konto/anmeldung/passkey/neu/"))["options"])
    with_another = {"note": offer["note"], "answer": stranger.prove({**offer["options"], "allowCredentials": []})}
    assert client.post("/konto/bestaetigen/", with_another).status_code == 422
    offer = offer_on(client.get("/konto/bestaetigen/"))
    right = client.post(
        "/konto/bestaetigen/?weiter=/gefaehrlich/",
        {"note": offer["note"], "answer": authenticator.prove(offer["options"])},
    )

    assert (right.status_code, right.headers["Location"]) == (302, "/gefaehrlich/")
    assert client.get("/gefaehrlich/").status_code == 200


def test_another_persons_draft_is_not_sent(stale, anna):
    refused = stale.post("/gefaehrlich/", {"rolle": "owner"})
    thief = anna.client("technician")

    answer = thief.get(refused.headers["Location"])

    assert (answer.status_code, answer.headers["Location"]) == (302, "/gefaehrlich/")
    assert done == []


def test_only_a_form_that_had_to_be_confirmed_is_sent_from_there(anna):
    """A draft that somebody else left in this browser, say, for an address that asks for no confirmation."""
    client = anna.client()
    with anna.at_work():
        draft = keep_draft(anna.owner.id, page="/praxen/", action="/sitzung/weiter/", label="", fields=[("a", "b")])

    answer = client.get(f"/konto/bestaetigen/?vorgang={draft.pk}")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/praxen/")


def test_who_has_neither_password_nor_factor_is_told_to_sign_in_anew(stale, anna, superuser):
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update protection_account set password_hash = '!x' where id = %s", [anna.owner.id])

    answer = stale.get("/konto/bestaetigen/")

    assert answer.status_code == 200
    assert "auf Ihrem gewohnten Weg neu an" in answer.content.decode()
    assert stale.post("/konto/bestaetigen/", {"password": ""}).status_code == 422
    assert stale.get("/gefaehrlich/").status_code == 302


def test_a_confirmation_leads_to_no_other_site(stale):
    answer = stale.post("/konto/bestaetigen/?weiter=//boese.example/", {"password": PASSWORD})

    assert answer.headers["Location"] == "/"


def test_scripts_are_told_where_to_confirm(stale):
    answer = stale.post("/gefaehrlich/", {"a": "b"}, headers={"hx-request": "true"})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/konto/bestaetigen/?")
    assert done == []


def test_the_confirmation_belongs_to_this_session_alone(stale, anna, superuser):
    other = anna.client()
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set confirmed_at = now() - interval '11 minutes' where lab_id = %s", [anna.lab_id]
    )

    stale.post("/konto/bestaetigen/", {"password": PASSWORD})

    assert (stale.get("/gefaehrlich/").status_code, other.get("/gefaehrlich/").status_code) == (200, 302)
    with anna.at_work():
        assert Session.objects.count() == 2


def test_what_will_be_sent_is_said_in_the_words_of_its_form(anna, superuser):
    client = anna.client()
    grow_stale(superuser, anna)

    asked = client.post("/team/einladen/", {"name": "Nina Neu", "address": "nina@labor.example", "role": "technician"})
    page = client.post(asked.headers["Location"], {"password": PASSWORD}, follow=True).content.decode()
    said = page.partition("Gesendet wird")[2].partition("</dl>")[0]

    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", said) == [
        ("Name", "Nina Neu"), ("Eigene E-Mail-Adresse", "nina@labor.example"), ("Rolle", "Zahntechnik"),
    ]  # fmt: skip
