"""ATK-31: a code of an authenticator app used twice, at once, in the next window, on two workers; and guessed."""

import threading
import time

import pytest
import time_machine

from dentatool.protection.access.internal.codes import matching_step
from harness.entering import STEP, add_app, add_codes, code_of, events, is_inside, letter, with_password

# RFC 6238, appendix B (SHA-1), the last six of its eight digits.
RFC_KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.fixture
def key(anna):
    return add_app(anna.client())


@pytest.mark.parametrize("now", RFC)
def test_codes_are_those_of_the_standard(now):
    assert matching_step(RFC_KEY, RFC[now], now) == now // 30
    assert matching_step(RFC_KEY, f"{RFC[now][:3]} {RFC[now][3:]}", now) == now // 30
    assert matching_step(RFC_KEY, RFC[now], now + 30) == now // 30  # one step late, as clocks go
    assert now < 60 or matching_step(RFC_KEY, RFC[now], now - 30) == now // 30
    assert matching_step(RFC_KEY, RFC[now], now + 60) is None
    assert now < 60 or matching_step(RFC_KEY, RFC[now], now - 60) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "٣٤٥٦٧٨", "abcdef", "12 34 5"])
def test_what_is_no_code_matches_nothing(typed):
    assert matching_step(RFC_KEY, typed, 59) is None


@pytest.mark.parametrize("later_s", [0, 1, 31, 59])
def test_a_used_code_is_worthless_at_once_and_in_the_next_window(anna, key, later_s):
    code = code_of(key, 1)
    first, second = with_password(anna.owner)[0], with_password(anna.owner)[0]
    assert first.post(STEP, {"code": code}).status_code == 302

    with time_machine.travel(time.time() + later_s, tick=False):
        again = second.post(STEP, {"code": code})

    assert again.status_code == 422
    assert not is_inside(second)
    assert len(events(anna, "authn_2fa_replay")) == 1


def test_the_code_that_set_the_app_up_is_used_up_as_well(anna):
    with time_machine.travel(time.time(), tick=False):
        key = add_app(anna.client())
        answer = with_password(anna.owner)[0].post(STEP, {"code": code_of(key)})

    assert answer.status_code == 422
    assert len(events(anna, "authn_2fa_replay")) == 1


def test_an_older_code_is_worthless_once_a_newer_one_was_used(anna, key):
    now = time.time()
    with time_machine.travel(now + 120, tick=False):
        older, newer = code_of(key), code_of(key, 1)
        assert with_password(anna.owner)[0].post(STEP, {"code": newer}).status_code == 302
        assert with_password(anna.owner)[0].post(STEP, {"code": older}).status_code == 422


@pytest.mark.slow
def test_of_many_who_send_the_same_code_at_once_one_comes_in(anna, key):
    """Each in a thread with a database connection of its own, as on several workers."""
    from django.db import connection

    clients = [with_password(anna.owner)[0] for _ in range(4)]
    code, start, found = code_of(key, 1), threading.Barrier(4), []

    def send(client):
        start.wait(10)
        found.append(client.post(STEP, {"code": code}).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(found) == [302, 422, 422, 422]
    assert [is_inside(client) for client in clients].count(True) == 1


@pytest.mark.slow
def test_a_recovery_code_that_many_send_at_once_is_taken_once(anna, key):
    from django.db import connection

    code = add_codes(anna.client())[0]
    clients = [with_password(anna.owner)[0] for _ in range(4)]
    start, found = threading.Barrier(4), []

    def send(client):
        start.wait(10)
        found.append(client.post(f"{STEP}wiederherstellung/", {"code": code}).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(found) == [302, 422, 422, 422]


def test_five_wrong_codes_lock_the_app_even_for_the_right_one_and_tell_its_person(anna, key, post_office):
    client = with_password(anna.owner)[0]
    for _ in range(4):
        assert "stimmt nicht" in client.post(STEP, {"code": "000000"}).content.decode()
    assert "gesperrt" in client.post(STEP, {"code": "000000"}).content.decode()

    answer = with_password(anna.owner)[0].post(STEP, {"code": code_of(key, 1)})

    assert answer.status_code == 422
    assert len(events(anna, "authn_2fa_lock")) == 1
    assert (
        "kennt jemand Ihr Passwort" in letter(post_office, anna.owner, "Zweiter Schritt Ihrer Anmeldung gesperrt").text
    )


def test_the_lock_ends_and_grows(anna, key):
    def guess_until_locked():
        client = with_password(anna.owner)[0]
        return [client.post(STEP, {"code": "000000"}).status_code for _ in range(5)]

    now = time.time()
    with time_machine.travel(now, tick=False) as clock:
        guess_until_locked()
        clock.shift(15 * 60 + 1)
        guess_until_locked()
        clock.shift(15 * 60 + 1)
        still_locked = with_password(anna.owner)[0].post(STEP, {"code": code_of(key)})
        clock.shift(15 * 60)
        open_again = with_password(anna.owner)[0].post(STEP, {"code": code_of(key)})

    assert (still_locked.status_code, open_again.status_code) == (422, 302)


def test_a_lock_of_the_app_leaves_the_recovery_codes_alone(anna, key):
    codes = add_codes(anna.client())
    client = with_password(anna.owner)[0]
    for _ in range(6):
        client.post(STEP, {"code": "000000"})

    assert client.post(f"{STEP}wiederherstellung/", {"code": codes[0]}).status_code == 302


def test_recovery_codes_lock_as_well(anna, key):
    codes = add_codes(anna.client())
    client = with_password(anna.owner)[0]
    for _ in range(5):
        client.post(f"{STEP}wiederherstellung/", {"code": "abcd-efgh"})

    assert client.post(f"{STEP}wiederherstellung/", {"code": codes[0]}).status_code == 422
    assert not is_inside(client)
