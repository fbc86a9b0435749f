"""Guess passwords from many addresses at once, with headers that claim others. The rule counts every try
before it is computed; the person still comes in, by a device that knows them or by a passkey.

In every run 400 guesses, 10,000 in the soak run; by threads with database connections of their own, as workers have.
"""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from harness.authenticator import Authenticator
from harness.entering import add_passkey, enter_by_passkey, events, is_inside, with_password
from harness.laboratories import nobody_client

GUESSES = 10_000 if os.environ.get("DENTATOOL_SOAK") else 400
THREADS = 8
CLAIMS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Via")


@pytest.fixture(autouse=True)
def nobody_has_tried(superuser):
    """The whole platform is counted, so each test begins with no tries at all."""
    superuser.execute("delete from protection_attempt")


@pytest.fixture
def tried(monkeypatch):
    """How often the password of an account was really compared: the answers alone would not tell."""
    from dentatool.protection.access.internal import entering

    real, seen = entering._after_budget, Counter()

    def compare(spent: Any, *rest: Any) -> Any:
        if spent is None:
            seen["compared"] += 1
        return real(spent, *rest)

    monkeypatch.setattr(entering, "_after_budget", compare)
    return seen


@pytest.fixture
def quick_hash(monkeypatch):
    """The work of a guess is what slows an attacker; the count must hold without it."""
    from dentatool.protection.access.internal import entering

    monkeypatch.setattr(
        entering, "matching", lambda password, stored, key: set(stored) if password == "richtig" else set()
    )


def guess(name: str, address: str, password: str = "geraten", **headers: str) -> int:
    client = nobody_client()
    client.defaults["REMOTE_ADDR"] = address
    return client.post("/anmelden/", {"name": name, "password": password}, headers=headers).status_code


def addresses(count: int) -> list[str]:
    """From all over the world, IPv4 and IPv6."""
    random = Random(count)
    made = [
        f"{random.randrange(1, 224)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}"
        for _ in range(count)
    ]
    return [
        each if place % 2 else f"2001:db8:{random.randrange(65536):x}:{random.randrange(65536):x}::1"
        for place, each in enumerate(made)
    ]


@pytest.mark.slow
@pytest.mark.alone
def test_many_guesses_from_many_addresses_in_parallel_are_five(anna, tried, quick_hash, monkeypatch):
    """The whole platform's limit is lifted here, so that the account's own has to hold alone."""
    from django.db import connection

    from dentatool.protection.access.internal import entering, limits

    monkeypatch.setattr(
        entering, "PLATFORM", limits.Limit("platform", 10**9, limits.PLATFORM.window, limits.PLATFORM.longest)
    )
    random, began = Random(1), time.monotonic()

    def send(address: str) -> int:
        claimed = {header: f"10.{random.randrange(256)}.{random.randrange(256)}.1" for header in CLAIMS}
        try:
            return guess(anna.owner.sign_in_name, address, **claimed)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        answers = Counter(threads.map(send, addresses(GUESSES)))

    minutes = (time.monotonic() - began) / 60
    allowed = 5 + 5 * int(minutes // 5)  # five at first; after five, ten, twenty … minutes five more
    assert tried["compared"] == 5 if minutes < 5 else tried["compared"] <= allowed
    assert answers == {422: GUESSES}
    # And even the right word does not help a stranger now.
    assert guess(anna.owner.sign_in_name, "203.0.113.9", "richtig") == 422
    assert events(anna, "authn_login_lock")


def test_one_network_tries_ten_times_in_a_minute_whatever_it_claims(tried, quick_hash, database):
    answers = [
        guess(f"wer{place}@labor.example", "203.0.113.77", **{CLAIMS[place % 7]: f"10.0.0.{place}"})
        for place in range(14)
    ]
    same_customer = guess("wer@labor.example", "2001:db8:77:77::1")
    more = [guess(f"wer{place}@labor.example", f"2001:db8:77:77:{place + 1:x}::5") for place in range(12)]

    assert answers == [422] * 10 + [429] * 4
    assert [same_customer, *more] == [422] * 10 + [429] * 3
    assert tried["compared"] == 20


def test_the_whole_platform_has_a_limit_of_its_own(monkeypatch, superuser, tried, quick_hash, database):
    from dentatool.protection.access.internal import entering, limits

    superuser.execute("delete from protection_attempt")
    monkeypatch.setattr(
        entering, "PLATFORM", limits.Limit("platform", 30, limits.PLATFORM.window, limits.PLATFORM.longest)
    )

    answers = [guess(f"wer{place}@labor.example", address) for place, address in enumerate(addresses(40))]

    assert answers == [422] * 30 + [429] * 10
    assert superuser.execute(
        "select count(*) from protection_platformevent where event = 'excess_rate_limit_exceeded'"
    ).fetchone()[0]


def test_what_is_refused_keeps_what_was_typed_and_says_when_to_try_again(quick_hash, database):
    for _ in range(10):
        guess("wer@labor.example", "203.0.113.78")
    client = nobody_client()
    client.defaults["REMOTE_ADDR"] = "203.0.113.78"

    answer = client.post("/anmelden/", {"name": "wer@labor.example", "password": "geraten"})

    assert answer.status_code == 429
    assert "wer@labor.example" in answer.content.decode()
    assert "Minute" in answer.content.decode()


def test_a_stranger_cannot_lock_the_owner_out(anna):
    passkey, at_home = Authenticator(), nobody_client()
    assert with_password(anna.owner, at_home)[1].status_code == 302
    assert add_passkey(at_home, passkey).status_code == 302
    at_home.post("/abmelden/")
    for place in range(8):
        guess(anna.owner.sign_in_name, f"198.51.100.{place}")
    assert not is_inside(with_password(anna.owner)[0])  # on a new device the name is locked

    known = with_password(anna.owner, at_home)[1]
    by_passkey = nobody_client()
    enter_by_passkey(by_passkey, passkey)

    assert known.headers["Location"].startswith("/anmelden/zweiter-schritt/")  # the password was taken
    assert is_inside(by_passkey)


def test_a_stolen_device_cookie_is_worth_five_guesses(anna):
    at_home = nobody_client()
    with_password(anna.technician, at_home)
    thief = nobody_client()
    thief.cookies["__Host-dentatool-device"] = at_home.cookies["__Host-dentatool-device"].value
    for _ in range(6):
        with_password(anna.technician, thief, "geraten")

    assert with_password(anna.technician, thief)[1].status_code == 422  # even with the right one
    assert with_password(anna.technician)[1].status_code == 302  # while its owner comes in elsewhere


@pytest.mark.parametrize("cookie", ["", "x", "A" * 80, "ä", "=" * 40])
def test_a_made_up_device_cookie_is_none(anna, cookie):
    from django.test import RequestFactory

    from dentatool.protection.access.internal.devices import known_device
    from dentatool.protection.access.internal.models import sign_in_key

    request = RequestFactory().get("/anmelden/")
    request.COOKIES["__Host-dentatool-device"] = cookie

    assert known_device(request, sign_in_key(anna.owner.sign_in_name)) is None


def test_a_device_knows_its_own_names_only_and_says_none(anna, bert):
    at_home = nobody_client()
    with_password(anna.technician, at_home)
    cookie = at_home.cookies["__Host-dentatool-device"].value
    for _ in range(5):
        with_password(bert.technician, None, "geraten")
    guest = nobody_client()
    guest.cookies["__Host-dentatool-device"] = cookie

    assert with_password(bert.technician, guest)[1].status_code == 422
    assert "technician" not in cookie and len(cookie) < 400


def test_an_account_of_the_same_name_elsewhere_buys_no_further_guesses(anna, bert):
    """Bert gives a person Anna's name and signs in with his own password between the guesses."""
    from dentatool.protection.access import Account
    from dentatool.protection.tenancy import laboratory

    with laboratory(bert.lab_id):
        Account.create(
            display_name="Falle", sign_in_name=anna.owner.sign_in_name, role="reader", password="Ulme-Kante-91-Brot"
        )
    for _ in range(4):
        with_password(anna.owner, None, "geraten")
    assert with_password(anna.owner, None, "Ulme-Kante-91-Brot")[1].status_code == 302
    with_password(anna.owner, None, "geraten")

    assert with_password(anna.owner)[1].status_code == 422


def test_the_lock_ends_and_grows(superuser, database):
    from dentatool.protection.access.internal.limits import ACCOUNT, count

    wanted = ACCOUNT.of(b"wer")

    def tries() -> int:
        return sum(count(wanted) is None for _ in range(8))

    def wait(minutes: float) -> None:
        superuser.execute(
            "update protection_attempt set since = since - %s::interval,"
            " blocked_until = blocked_until - %s::interval where id = %s",
            [f"{minutes} minutes", f"{minutes} minutes", wanted.id],
        )

    found = []
    for minutes in (4.9, 0.2, 5.5, 5, 10.5, 10, 20.5, 20, 30.5, 30):
        found.append(tries())
        wait(minutes)

    assert found == [5, 0, 5, 0, 5, 0, 5, 0, 5, 0]


def test_an_office_behind_one_address_signs_in_at_eight(anna, quick_hash):
    for place in range(15):
        assert guess(anna.member("reader").sign_in_name, "203.0.113.99", "richtig") == 302, place
