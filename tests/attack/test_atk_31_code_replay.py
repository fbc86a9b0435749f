"""ATK-31: a code of an authenticator app used twice, at once, in the next window, on two workers; and guessed."""

import re
import threading
import time
from contextlib import contextmanager

import pytest
import time_machine
from lxml import html

from dentatool.protection.access.internal.codes import recognised
from harness.entering import STEP, add_app, add_codes, code_of, events, is_inside, letter, with_password

NEW_APP = "/konto/anmeldung/app/neu/"
# RFC 6238, appendix B (SHA-1), the last six of its eight digits.
RFC_KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.fixture
def key(anna):
    return add_app(anna.client())


def good_step(typed, now_s):
    shown = recognised(RFC_KEY, typed, now_s, future=1)
    return shown.step if shown and shown.is_good else None


@contextmanager
def at(second):
    """So many seconds into a time step that has not been yet."""
    with time_machine.travel(time.time() // 30 * 30 + 60 + second, tick=False):
        yield


@pytest.mark.parametrize("now", RFC)
def test_codes_are_those_of_the_standard(now):
    assert good_step(RFC[now], now) == now // 30
    assert good_step(f"{RFC[now][:3]} {RFC[now][3:]}", now) == now // 30


@pytest.mark.parametrize("now", RFC)
def test_a_code_is_good_for_its_30_seconds_and_five_on_each_side(now):
    begins = now // 30 * 30

    good = [second for second in range(-90, 121) if good_step(RFC[now], begins + second) is not None]

    assert good == list(range(-5, 35))
    assert good_step(RFC[now], begins - 5.001) is good_step(RFC[now], begins + 35.0) is None
    assert good_step(RFC[now], begins + 34.999) == now // 30


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "٣٤٥٦٧٨", "abcdef", "12 34 5"])
def test_what_is_no_code_matches_nothing(typed):
    assert recognised(RFC_KEY, typed, 59, future=1) is None


@pytest.mark.parametrize("later_s", [0, 1, 31, 59])
def test_a_used_code_is_worthless_at_once_and_in_the_next_window(anna, key, later_s):
    code = code_of(key)
    first, second = with_password(anna.owner)[0], with_password(anna.owner)[0]
    assert first.post(STEP, {"code": code}).status_code == 302

    with time_machine.travel(time.time() + later_s, tick=False):
        again = second.post(STEP, {"code": code})

    assert again.status_code == 422
    assert not is_inside(second)
    assert len(events(anna, "authn_2fa_replay")) == 1


def test_the_code_that_set_the_app_up_is_used_up_as_well(anna):
    with time_machine.travel(time.time(), tick=False):
        key = add_app(anna.client(), ago_s=0)
        answer = with_password(anna.owner)[0].post(STEP, {"code": code_of(key)})

    assert answer.status_code == 422
    assert len(events(anna, "authn_2fa_replay")) == 1


def test_an_older_code_is_worthless_once_a_newer_one_was_used(anna, key):
    now = time.time()
    with time_machine.travel(now // 30 * 30 + 121, tick=False):  # a second into a step, when both are good
        newer, older = code_of(key), code_of(key, -1)
        assert with_password(anna.owner)[0].post(STEP, {"code": newer}).status_code == 302
        assert with_password(anna.owner)[0].post(STEP, {"code": older}).status_code == 422


@pytest.mark.parametrize(("second", "step", "status"), [(5, -1, 422), (4.9, -1, 302), (24.9, 1, 422), (25, 1, 302)])
def test_the_code_before_and_the_one_after_come_in_within_five_seconds_and_not_later(anna, key, second, step, status):
    with at(second):
        client = with_password(anna.owner)[0]
        assert client.post(STEP, {"code": code_of(key, step)}).status_code == status
        assert is_inside(client) == (status == 302)


def said(anna, key, steps):
    page = with_password(anna.owner)[0].post(STEP, {"code": code_of(key, steps)}).content.decode()
    return html.document_fromstring(page).xpath("string(//*[@class='field-error'])").strip()


def test_who_types_a_code_too_late_or_too_early_is_told_why(anna, key):
    with at(10):
        just_over = said(anna, key, -1)
        long_over = said(anna, key, -2)
        too_early = said(anna, key, 1)

    assert just_over == "Dieser Code ist gerade abgelaufen. Geben Sie den ein, den die App jetzt zeigt."
    assert long_over.endswith("geht die Uhr des Handys etwa eine Minute nach: Stellen Sie sie auf automatische Zeit.")
    assert "Die Uhr des Handys geht etwa eine halbe Minute vor." in too_early


def test_a_kind_answer_counts_as_a_try_like_every_other(anna, key):
    with at(10):
        for _ in range(4):
            said(anna, key, -1)
        assert "gesperrt" in said(anna, key, -1)
        assert with_password(anna.owner)[0].post(STEP, {"code": code_of(key)}).status_code == 422

    assert len(events(anna, "authn_2fa_fail")) == 6


def test_a_code_that_was_told_to_be_early_is_worthless_when_its_time_comes(anna, key):
    """Else whoever guesses would test two codes with each try: the answer would say which to type in a moment."""
    with at(10):
        early = code_of(key, 1)
        said(anna, key, 1)
    with at(40):
        again = with_password(anna.owner)[0].post(STEP, {"code": early})

    assert again.status_code == 422
    assert len(events(anna, "authn_2fa_replay")) == 1
    with at(70):
        assert with_password(anna.owner)[0].post(STEP, {"code": code_of(key)}).status_code == 302


def test_of_a_code_further_ahead_nothing_is_told(anna, key):
    with at(10):
        assert "stimmt nicht oder wurde schon benutzt" in said(anna, key, 2)


def test_a_used_code_that_is_over_is_told_like_a_wrong_one(anna, key):
    with at(10):
        used = code_of(key)
        assert with_password(anna.owner)[0].post(STEP, {"code": used}).status_code == 302
    with at(50):
        assert code_of(key, -1) == used
        over = said(anna, key, -1)
        wrong = with_password(anna.owner)[0].post(STEP, {"code": "000000"}).content.decode()

    assert over in wrong and "schon benutzt" in over


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (-1, "gerade abgelaufen"),
        (-6, "etwa 3 Minuten nach"),
        (3, "etwa 2 Minuten vor"),
        (8, "etwa 4 Minuten vor"),
        (None, "gehört nicht zu diesem QR-Code"),
    ],
)
def test_when_an_app_is_set_up_its_clock_is_told(anna, steps, words):
    client = anna.client()
    with at(10):
        page = client.get(NEW_APP).content.decode()
        key = re.search(r'class="app-key">([^<]+)<', page).group(1).replace(" ", "")
        note = re.search(r'name="note" value="([^"]+)"', page).group(1)
        typed = "000000" if steps is None else code_of(key, steps)
        answer = client.post(NEW_APP, {"label": "Handy", "code": typed, "note": note})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert events(anna, "authn_factor_added") == []


@pytest.mark.slow
def test_of_many_who_send_the_same_code_at_once_one_comes_in(anna, key):
    """Each in a thread with a database connection of its own, as on several workers."""
    from django.db import connection

    clients = [with_password(anna.owner)[0] for _ in range(4)]
    code, start, found = code_of(key), threading.Barrier(4), []

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

    answer = with_password(anna.owner)[0].post(STEP, {"code": code_of(key)})

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
