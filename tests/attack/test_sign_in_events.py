"""TOM 6.1: each way of signing in, and each way of being refused, leaves exactly its events, and no password in any."""

import pytest

from dentatool.protection.access import Account
from dentatool.protection.access.factors import forget_all
from dentatool.protection.access.passwords import new_reset_token
from dentatool.protection.audit import Entry
from harness.authenticator import Authenticator
from harness.entering import STEP, add_app, add_codes, add_passkey, code_of, enter_by_passkey, with_password
from harness.laboratories import nobody_client

NEW = "Feldspat-Verblendung-46-distal"


@pytest.fixture
def told(anna):
    """`told()`: names of the events since the last time it was asked, oldest first."""
    seen = set()

    def since() -> list[str]:
        with anna.at_work():
            entries = list(Entry.objects.filter(kind="event").order_by("at", "id"))
        fresh = [entry.what for entry in entries if entry.pk not in seen]
        seen.update(entry.pk for entry in entries)
        for entry in entries:
            assert anna.owner.password not in str(entry.changes)
            assert NEW not in str(entry.changes)
        return fresh

    since()
    return since


def test_the_right_password_and_the_way_out(anna, told):
    client, _ = with_password(anna.owner)
    client.post("/abmelden/")

    assert told() == ["authn_login_success", "authn_logout"]


def test_a_wrong_password(anna, told):
    with_password(anna.owner, password="falsch-und-lang-genug")

    assert told() == ["authn_login_fail"]


def test_an_unknown_name_belongs_to_the_platform(anna, superuser, told):
    asked = "select count(*) from protection_platformevent where event = 'authn_login_fail'"
    before = superuser.execute(asked).fetchone()[0]

    nobody_client().post("/anmelden/", {"name": "niemand@labor.example", "password": "falsch-und-lang"})

    assert superuser.execute(asked).fetchone()[0] == before + 1
    assert told() == []


def test_too_many_wrong_ones(anna, told):
    for _ in range(7):
        with_password(anna.owner, password="falsch-und-lang-genug")

    assert told() == ["authn_login_fail"] * 5 + ["authn_login_lock"] * 2


def test_a_passkey_alone(anna, told):
    passkey = Authenticator()
    add_passkey(anna.client(), passkey)
    told()

    enter_by_passkey(nobody_client(), passkey)

    assert told() == ["authn_login_success"]


def test_the_app_right_wrong_and_used(anna, told):
    key = add_app(anna.client())
    told()

    client, _ = with_password(anna.owner)
    client.post(STEP, {"code": "000000"})
    code = code_of(key)
    client.post(STEP, {"code": code})
    again, _ = with_password(anna.owner)
    again.post(STEP, {"code": code})

    assert told() == [
        "authn_login_half", "authn_2fa_fail", "authn_login_success", "authn_login_half", "authn_2fa_replay",
    ]  # fmt: skip


def test_the_app_after_too_many_wrong_codes(anna, told):
    add_app(anna.client())
    told()

    client, _ = with_password(anna.owner)
    for _ in range(5):
        client.post(STEP, {"code": "000000"})

    assert told() == ["authn_login_half", *["authn_2fa_fail"] * 5, "authn_2fa_lock"]


def test_a_recovery_code(anna, told):
    owner = anna.client()
    add_app(owner)
    codes = add_codes(owner)
    told()

    client, _ = with_password(anna.owner)
    client.post(f"{STEP}wiederherstellung/", {"code": codes[0]})

    assert told() == ["authn_login_half", "authn_login_success"]


def test_a_factor_that_comes_and_goes(anna, told):
    client = anna.client()
    passkey = Authenticator()
    told()
    add_passkey(client, passkey)
    with anna.at_work():
        from dentatool.protection.access.internal.models import Factor

        factor = Factor.objects.get()

    client.post(f"/konto/anmeldung/{factor.pk}/entfernen/", {"old": anna.owner.password})

    assert told() == ["authn_factor_added", "authn_factor_removed"]


def test_all_factors_taken_back_by_the_laboratory(anna, told):
    add_app(anna.client("technician"))
    told()

    with anna.at_work():
        forget_all(Account.objects.get(pk=anna.technician.id))

    assert told() == ["access_ended", "authn_factors_reset"]


def test_a_new_password_of_ones_own(anna, told):
    client = anna.client()
    told()

    client.post("/konto/passwort/", {"old": anna.owner.password, "new": NEW, "again": NEW})

    assert told() == ["authn_password_change"]


def test_a_new_password_by_link(anna, told):
    with anna.at_work():
        token = new_reset_token(Account.objects.get(pk=anna.owner.id))

    nobody_client().post(f"/anmelden/neues-passwort/{token}/", {"new": NEW, "again": NEW})

    assert told() == ["authn_reset_asked", "authn_password_reset"]


def test_an_invitation_that_is_none_belongs_to_the_platform(superuser):
    asked = "select count(*) from protection_platformevent where event = 'authn_token_reuse'"
    before = superuser.execute(asked).fetchone()[0]

    nobody_client().get("/einladung/gibt-es-nicht/")

    assert superuser.execute(asked).fetchone()[0] == before + 1


def test_an_account_that_is_closed_and_opened_again(anna, told):
    client = anna.client()
    told()

    client.post(f"/team/{anna.courier.id}/ende/")
    client.post(f"/team/{anna.courier.id}/rueckkehr/")

    assert told() == ["access_ended", "user_archived", "user_reactivated"]


def test_to_say_once_more_who_one_is(anna, told):
    client = anna.client()
    told()

    client.post("/konto/bestaetigen/", {"password": "falsch-und-lang-genug"})
    client.post("/konto/bestaetigen/", {"password": anna.owner.password})

    assert told()[-1] == "authn_confirmed"
