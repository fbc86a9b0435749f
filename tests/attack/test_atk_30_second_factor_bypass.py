"""ATK-30: come in with the password alone, or with a factor that is not the person's. Every way in is in one table."""

import re
from pathlib import Path

import pytest
from lxml import html

import dentatool
from dentatool.protection.access import PUBLIC
from dentatool.protection.access.internal.entering import WAYS_IN
from dentatool.protection.access.internal.gate import all_pages
from harness.authenticator import PRESENT, Authenticator
from harness.entering import (
    STEP,
    add_app,
    add_codes,
    add_passkey,
    code_of,
    enter_by_passkey,
    events,
    is_inside,
    offer_on,
    with_password,
)
from harness.laboratories import nobody_client

SOURCE = Path(dentatool.__file__).parent


@pytest.fixture
def with_app(anna):
    """Anna's owner with an authenticator app and recovery codes: its key and the codes."""
    client = anna.client()
    return add_app(client), add_codes(client)


@pytest.fixture
def with_passkey(anna):
    passkey = Authenticator()
    assert add_passkey(anna.client(), passkey).status_code == 302
    return passkey


def test_sessions_are_made_in_one_place_and_every_way_to_it_is_in_the_table():
    makers = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if re.search(r"\bSession(\.objects\.(create|bulk_create|get_or_create)|\()", file.read_text())
        and "class Session(" not in file.read_text()
    }
    callers = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if re.search(r"\b(begin_session|raise_session|_open_session)\(", file.read_text())
    }
    methods = {
        method
        for file in callers
        for method in re.findall(r'(?:method="|finish_step\([^"]*")(\w+)"', (SOURCE / file).read_text())
    }

    assert makers == {"protection/access/internal/sessions.py"}
    assert {caller for caller in callers if not caller.startswith("protection/access/internal/")} <= {
        "project/bench/scene.py"
    }
    assert methods <= set(WAYS_IN)


def test_after_the_password_alone_no_inner_page_opens(anna, with_app):
    client, answer = with_password(anna.owner)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(STEP)
    for address, view in all_pages():
        if "<" in address or view.page_permission == PUBLIC or address == "/abmelden/":
            continue
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
            served = client.generic(method, address)
            if address.startswith("/api/"):  # a session opens nothing there, half or full
                assert served.status_code == 401, address
            elif view.page_level == "full":
                assert (served.status_code, served.headers["Location"].split("?")[0]) == (302, "/anmelden/"), address
    assert not is_inside(client)


def test_what_a_half_session_may_open_is_this_and_no_more():
    half = sorted(address for address, view in all_pages() if view.page_level == "half")

    assert half == [
        "/abmelden/",
        "/anmelden/zweiter-schritt/",
        "/anmelden/zweiter-schritt/passkey/",
        "/anmelden/zweiter-schritt/wiederherstellung/",
        "/konto/anmeldung/",
        "/konto/anmeldung/app/neu/",
        "/konto/anmeldung/passkey/neu/",
    ]


def test_the_token_changes_with_each_step_and_the_old_ones_are_worthless(anna, with_app):
    key, _codes = with_app
    client, _answer = with_password(anna.owner)
    half = client.cookies["__Host-dentatool"].value

    answer = client.post(STEP, {"code": code_of(key)})

    assert answer.status_code == 302
    assert client.cookies["__Host-dentatool"].value != half
    assert is_inside(client)
    thief = nobody_client()
    thief.cookies["__Host-dentatool"] = half
    assert not is_inside(thief)


def test_whoever_has_a_factor_adds_none_after_the_password_alone(anna, with_app):
    client, _answer = with_password(anna.owner)
    mine = Authenticator()

    page = client.get("/konto/anmeldung/passkey/neu/")
    app = client.get("/konto/anmeldung/app/neu/")

    assert (page.status_code, app.status_code) == (403, 403)
    offer = nobody_client().get("/anmelden/passkey/").json()
    sent = {"label": "x", "note": offer["note"], "answer": mine.create({**offer["options"], "user": {"id": ""}})}
    assert client.post("/konto/anmeldung/passkey/neu/", sent).status_code == 403
    assert not is_inside(client)


def test_a_recovery_code_opens_once(anna, with_app):
    _key, codes = with_app
    first, _ = with_password(anna.owner)
    second, _ = with_password(anna.owner)

    once = first.post(f"{STEP}wiederherstellung/", {"code": codes[3].upper().replace("-", " ")})
    twice = second.post(f"{STEP}wiederherstellung/", {"code": codes[3]})

    assert (once.status_code, twice.status_code) == (302, 422)
    assert is_inside(first)
    assert not is_inside(second)
    assert events(anna, "authn_2fa_fail")[-1]["kind"] == "codes"


def test_berts_factors_are_none_of_annas(anna, bert, with_app):
    theirs, passkey = add_app(bert.client()), Authenticator()
    add_passkey(bert.client(), passkey)
    client, _answer = with_password(anna.owner)

    assert client.post(STEP, {"code": code_of(theirs)}).status_code == 422
    offer = nobody_client().get("/anmelden/passkey/").json()
    sent = {"note": offer["note"], "answer": passkey.prove(offer["options"])}
    assert client.post(f"{STEP}passkey/", sent).status_code == 422
    assert not is_inside(client)


def test_a_passkey_alone_opens_and_is_noted(anna, with_passkey):
    client = nobody_client()

    answer = enter_by_passkey(client, with_passkey)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_inside(client)
    assert events(anna, "authn_login_success")[-1]["method"] == "passkey"


FORGED = {
    "another site's origin": {"origin": "https://dentatool.example"},
    "plain http": {"origin": "http://localhost"},
    "another name": {"site": "dentatool.example"},
    "nobody verified": {"flags": PRESENT},
    "nobody present": {"flags": 0},
    "another person's handle": {"handle": b"x" * 16},
    "a copy whose count stands still": {"count": 0},
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_passkey_opens_nothing(anna, with_passkey, how):
    assert enter_by_passkey(nobody_client(), with_passkey).status_code == 302
    for name, claim in FORGED[how].items():
        setattr(with_passkey, name, claim)
    client = nobody_client()

    answer = enter_by_passkey(client, with_passkey)

    assert answer.status_code == 422
    assert "nicht angenommen" in answer.content.decode()
    assert not is_inside(client)
    assert events(anna, "authn_login_fail")[-1]["reason"]


def test_another_key_under_the_same_name_opens_nothing(anna, with_passkey):
    fake = Authenticator(credential_id=with_passkey.credential_id, handle=with_passkey.handle)

    assert enter_by_passkey(nobody_client(), fake).status_code == 422


def test_a_challenge_is_good_for_one_browser_and_once(anna, with_passkey):
    mine, other = nobody_client(), nobody_client()
    offer = mine.get("/anmelden/passkey/").json()
    other.get("/anmelden/passkey/")
    sent = {"note": offer["note"], "answer": with_passkey.prove(offer["options"])}

    assert other.post("/anmelden/passkey/", sent).status_code == 422
    csrf = mine.cookies["__Host-csrf"].value
    assert mine.post("/anmelden/passkey/", sent).status_code == 302
    again = nobody_client()
    again.cookies["__Host-csrf"] = csrf  # even with the first browser's own cookie, and a count that goes on
    sent["answer"] = with_passkey.prove(offer["options"])
    assert again.post("/anmelden/passkey/", sent).status_code == 422


def test_a_challenge_to_sign_in_is_none_to_enrol(anna, bert, with_passkey):
    client = bert.client()
    offer = offer_on(client.get("/konto/anmeldung/passkey/neu/"))
    foreign = offer_on(anna.client().get("/konto/anmeldung/passkey/neu/"))
    mine = Authenticator()

    mixed = {"label": "x", "note": foreign["note"], "answer": mine.create(foreign["options"])}
    assert client.post("/konto/anmeldung/passkey/neu/", mixed).status_code == 422
    assert client.post("/konto/anmeldung/passkey/neu/", {**mixed, "note": "x" * 300}).status_code == 422
    assert client.post("/konto/anmeldung/passkey/neu/", {**mixed, "note": offer["note"]}).status_code == 422


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", '{"rawId": 5}', '{"rawId": "AA"}', "[" * 15_000, "ä", "x" * 30_000]
)
def test_what_is_no_passkey_at_all_is_refused_in_words(anna, with_passkey, answer):
    client = nobody_client()
    note = client.get("/anmelden/passkey/").json()["note"]

    got = client.post("/anmelden/passkey/", {"note": note, "answer": answer})

    assert got.status_code == 422
    assert "nicht angenommen" in got.content.decode()


@pytest.mark.parametrize("address", ["codes/", "app/neu/", "passkey/neu/"])
def test_factors_are_changed_only_shortly_after_signing_in(anna, superuser, address):
    client = anna.client()
    superuser.execute(
        "set session_replication_role = replica; update protection_session set confirmed_at = now() - interval '11 minutes'"
        f" where lab_id = '{anna.lab_id}'"
    )

    answer = client.post(f"/konto/anmeldung/{address}", {"label": "x"})

    assert answer.status_code in (302, 403)
    assert events(anna, "authn_factor_added") == []


def test_the_last_factor_that_is_demanded_stays(anna, superuser, with_app):
    from dentatool.protection.access.internal.models import Factor

    client = anna.client()
    with anna.at_work():
        (app,) = Factor.objects.filter(kind="app")
    assert client.post("/labor/sicherheit/", {"factor_rule": "required"}).status_code == 302
    fresh = with_password(anna.owner)[0]
    assert fresh.post(STEP, {"code": code_of(with_app[0])}).status_code == 302

    answer = fresh.post(f"/konto/anmeldung/{app.pk}/entfernen/")

    assert answer.status_code == 409
    assert "verlangt" in answer.content.decode()
    with anna.at_work():
        assert Factor.objects.filter(kind="app").count() == 1


def test_where_a_passkey_is_demanded_password_and_app_are_not_enough(anna, with_app, with_passkey):
    key, _codes = with_app
    assert anna.client().post("/labor/sicherheit/", {"factor_rule": "passkey"}).status_code == 302
    client, _answer = with_password(anna.owner)

    answer = client.post(STEP, {"code": code_of(key)})
    client.get("/konto/anmeldung/passkey/neu/")

    assert answer.status_code == 302
    assert not is_inside(client)
    mine = Authenticator()  # and the app's code does not open the way to a new passkey beside the one there is
    assert client.get("/konto/anmeldung/passkey/neu/").status_code == 403
    assert mine.handle == b""


def test_who_has_no_factor_where_one_is_demanded_adds_it_before_anything_else(anna, with_app):
    assert anna.client().post("/labor/sicherheit/", {"factor_rule": "required"}).status_code == 302
    client, answer = with_password(anna.technician)
    assert answer.headers["Location"].startswith(STEP)
    assert not is_inside(client)
    assert client.get(STEP).headers["Location"] == "/konto/anmeldung/"

    passkey = Authenticator()
    assert add_passkey(client, passkey).status_code == 302

    assert is_inside(client)
    assert enter_by_passkey(nobody_client(), passkey).status_code == 302


@pytest.mark.parametrize(("role", "is_asked"), [("owner", True), ("office", True), ("technician", False)])
def test_after_two_weeks_owners_and_billing_need_a_factor_even_where_it_is_optional(anna, superuser, role, is_asked):
    superuser.execute(
        "set session_replication_role = replica; update protection_account set created_at = now() - interval '14 days 1 minute'"
        f" where lab_id = '{anna.lab_id}'"
    )

    client, answer = with_password(anna.member(role))

    assert answer.headers["Location"].startswith(STEP) is is_asked
    assert is_inside(client) is not is_asked


def test_a_session_without_factor_ends_when_one_becomes_due(anna, superuser):
    superuser.execute(
        "set session_replication_role = replica; update protection_account set created_at = now() - interval '13 days 23 hours'"
        f" where lab_id = '{anna.lab_id}'"
    )

    with_password(anna.owner)

    (left,) = superuser.execute(
        "select extract(epoch from expires_at - now()) from protection_session where lab_id = %s", [anna.lab_id]
    ).fetchone()
    assert 3500 < left <= 3600


def test_a_stricter_rule_reaches_those_who_are_already_in(anna, with_app):
    technician, owner = anna.client("technician"), anna.client()
    assert is_inside(technician)

    owner.post("/labor/sicherheit/", {"factor_rule": "required"})

    assert not is_inside(technician)
    assert events(anna, "security.rule_changed") == [{"old": "optional", "new": "required"}]


def test_nobody_locks_themselves_out_by_the_rule(anna):
    answer = anna.client().post("/labor/sicherheit/", {"factor_rule": "passkey"})

    assert answer.status_code == 422
    assert events(anna, "security.rule_changed") == []


def test_secrets_are_sealed(anna, superuser, with_app):
    key, codes = with_app

    dumped = str(superuser.execute("select * from protection_factor where lab_id = %s", [anna.lab_id]).fetchall())
    trail = str(superuser.execute("select changes from protection_entry where lab_id = %s", [anna.lab_id]).fetchall())

    for secret in (key, *codes):
        for form in (secret, secret.encode().hex(), secret.replace("-", "")):
            assert form not in dumped and form not in trail


@pytest.fixture
def provider_demands(monkeypatch):
    """What the provider asks for in every laboratory."""
    from django.conf import settings

    return lambda rule: monkeypatch.setattr(settings, "DENTATOOL_LEAST_FACTOR_RULE", rule)


def test_what_the_provider_demands_holds_in_a_laboratory_that_demands_nothing(anna, provider_demands):
    provider_demands("required")

    client, answer = with_password(anna.technician)

    assert answer.headers["Location"].startswith(STEP)
    assert not is_inside(client)
    assert client.get(STEP).headers["Location"] == "/konto/anmeldung/"
    add_app(client)
    assert is_inside(client)


def test_where_the_provider_demands_a_passkey_password_and_app_are_not_enough(anna, with_app, provider_demands):
    key, _codes = with_app
    provider_demands("passkey")
    client, _answer = with_password(anna.owner)

    assert client.post(STEP, {"code": code_of(key)}).status_code == 302

    assert not is_inside(client)
    assert add_passkey(client, Authenticator()).status_code == 302
    assert is_inside(client)


def test_what_the_provider_demands_reaches_those_who_are_already_in(anna, with_passkey, provider_demands):
    by_password, by_passkey = with_password(anna.technician)[0], nobody_client()
    enter_by_passkey(by_passkey, with_passkey)
    assert is_inside(by_password) and is_inside(by_passkey)

    provider_demands("required")

    assert not is_inside(by_password)
    assert is_inside(by_passkey)


@pytest.mark.parametrize(
    ("least", "offered"),
    [
        ("optional", ["optional", "required", "passkey"]),
        ("required", ["required", "passkey"]),
        ("passkey", ["passkey"]),
    ],
)
def test_a_laboratory_may_only_be_stricter_than_the_provider(anna, with_passkey, provider_demands, least, offered):
    client = nobody_client()
    enter_by_passkey(client, with_passkey)
    provider_demands(least)
    page = "/labor/sicherheit/"

    shown = re.findall(r'name="factor_rule" value="(\w+)"', client.get(page).content.decode())
    answers = {
        rule: client.post(page, {"factor_rule": rule}).status_code for rule in ("passkey", "required", "optional")
    }

    assert shown == offered
    assert answers == {rule: 302 if rule in offered else 422 for rule in answers}
    assert ("Der Betreiber verlangt" in client.get(page).content.decode()) == (least != "optional")


def test_no_rule_looser_than_the_providers_is_taken_past_the_form(anna, with_passkey, provider_demands):
    from django.test import RequestFactory

    from dentatool.protection.access.factors import FactorRefused, set_rule

    provider_demands("required")
    request = RequestFactory().post("/labor/sicherheit/")

    with anna.at_work(), pytest.raises(FactorRefused):
        set_rule(request, "optional")


def test_a_rule_chosen_before_the_provider_became_stricter_does_not_hold(anna, with_passkey, provider_demands):
    provider_demands("passkey")  # the column still says optional

    client = nobody_client()
    enter_by_passkey(client, with_passkey)

    page = html.document_fromstring(client.get("/labor/sicherheit/").content)
    assert page.xpath("//input[@name='factor_rule'][@checked]/@value") == ["passkey"]
