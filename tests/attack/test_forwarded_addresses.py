"""Claim another address by a header, to the served program, with a proxy of our own in front and without."""

from collections import Counter
from typing import Any

import pytest

from harness.entering import events
from harness.live import Line, LiveServer, Wire, answers_in, running_server

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CLAIMS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")


@pytest.fixture(autouse=True)
def nobody_has_tried(superuser: Any) -> None:
    superuser.execute("delete from protection_attempt")


@pytest.fixture(scope="module")
def alone(database: dict) -> Any:
    with running_server("alone", threads=2) as server:
        yield server


@pytest.fixture(scope="module")
def behind_proxy(database: dict) -> Any:
    """The tests are the proxy: they connect from 127.0.0.1."""
    with running_server("proxied", threads=2, DENTATOOL_TRUSTED_PROXIES="127.0.0.1,10.0.0.5") as server:
        yield server


def guess(server: LiveServer, name: str, headers: dict[str, str], password: str = "geraten") -> int:
    line = Line(server)
    try:
        return line.ask("POST", "/anmelden/", form={"name": name, "password": password}, headers=headers).status
    finally:
        line.close()


def test_without_a_proxy_no_claim_makes_a_network_of_ones_own(alone):
    answers = Counter(
        guess(alone, f"wer{place}@labor.example", {CLAIMS[place % 6]: f"192.0.2.{place}"}) for place in range(16)
    )

    assert answers == {422: 10, 429: 6}


def test_behind_our_proxy_each_network_has_its_own_tries(behind_proxy):
    """As nginx writes it: what the client claimed on the left, where it was connected from on the right."""
    mine = [
        guess(behind_proxy, f"wer{place}@labor.example", {"X-Forwarded-For": f"203.0.113.{place}, 192.0.2.1"})
        for place in range(12)
    ]
    others = guess(behind_proxy, "wer@labor.example", {"X-Forwarded-For": "192.0.2.2"})

    assert mine == [422] * 10 + [429] * 2
    assert others == 422


@pytest.mark.parametrize("header", CLAIMS[1:])
def test_behind_our_proxy_no_other_header_counts(behind_proxy, header):
    answers = [
        guess(behind_proxy, f"wer{place}@labor.example", {header: f"203.0.113.{place}", "X-Forwarded-For": "192.0.2.1"})
        for place in range(12)
    ]

    assert answers == [422] * 10 + [429] * 2


def test_behind_our_proxy_a_second_header_of_the_same_name_buys_nothing(behind_proxy):
    """A proxy that adds a line of its own instead of appending: the last line is the proxy's."""
    answers = []
    for place in range(12):
        form = f"name=wer{place}%40labor.example&password=geraten&csrfmiddlewaretoken={'c' * 32}".encode()
        head = (
            "POST /anmelden/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Cookie: __Host-csrf={'c' * 32}\r\nReferer: https://localhost/\r\n"
            f"X-Forwarded-For: 203.0.113.{place}\r\nX-Forwarded-For: 192.0.2.1\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        with Wire(behind_proxy) as wire:
            wire.send(head.encode(), form)
            (answer,) = answers_in(wire.hear()[0], to="POST")
            answers.append(answer.status)

    assert answers == [422] * 10 + [429] * 2


def test_a_malformed_claim_is_counted_for_the_proxy(behind_proxy):
    answers = [
        guess(behind_proxy, f"wer{place}@labor.example", {"X-Forwarded-For": f"203.0.113.{place}, unbekannt"})
        for place in range(12)
    ]

    assert answers == [422] * 10 + [429] * 2


def test_sessions_and_trail_name_the_person_and_not_the_proxy(behind_proxy, anna, superuser):
    said = {"X-Forwarded-For": "127.0.0.2, 198.51.100.44"}
    guess(behind_proxy, anna.technician.sign_in_name, said)

    assert guess(behind_proxy, anna.technician.sign_in_name, said, anna.technician.password) == 302

    assert events(anna, "authn_login_fail")
    origins = superuser.execute(
        "select origin from protection_entry where lab_id = %s and what in ('authn_login_fail', 'authn_login_success')"
        " union select origin from protection_session where lab_id = %s and origin <> ''",
        [anna.lab_id, anna.lab_id],
    ).fetchall()
    assert origins == [("198.51.100.44",)]
