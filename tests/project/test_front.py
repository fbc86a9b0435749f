"""Between the network and the program: who sends slowly holds up nobody, and half a form is no form."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from dentatool.project.front import PER_ADDRESS
from harness.live import Line, LiveServer, Wire, answers_in, running_server

pytestmark = [pytest.mark.slow, pytest.mark.alone]

THREADS, STALL_S = 2, 2


@pytest.fixture(scope="module")
def served(database: dict) -> Iterator[LiveServer]:
    with running_server("front", threads=THREADS, DENTATOOL_STALL_S=str(STALL_S)) as server:
        yield server


def head_of_a_form(server: LiveServer, path: str, length: int, session: str = "", **more: str) -> bytes:
    """Everything before the body, with a token that is accepted."""
    token = "c" * 32
    cookies = f"__Host-csrf={token}" + (f"; __Host-dentatool={session}" if session else "")
    head = {
        "Host": f"localhost:{server.port}",
        "Cookie": cookies,
        "Referer": f"{server.url}/",
        "X-CSRFToken": token,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(length),
        **more,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


def answers_at_once(server: LiveServer) -> bool:
    begun = time.monotonic()
    line = Line(server)
    try:
        return line.ask("GET", "/readyz").status == 200 and time.monotonic() - begun < 3
    except OSError:
        return False
    finally:
        line.close()


WHOLE = b"active=on&first_name=Eva&title=&last_name=Adler-Kunz"


@pytest.fixture
def practice(anna: Any) -> str:
    from dentatool.practices.models import Practice

    with anna.at_work():
        return str(Practice.objects.create(customer_number="1001", name="Praxis Sommer").pk)


def dentists_of(lab: Any) -> list[str]:
    from dentatool.practices.models import Dentist

    with lab.at_work():
        return [dentist.last_name for dentist in Dentist.objects.all()]


@pytest.mark.parametrize("how", ["closed", "half closed"])
def test_a_form_that_was_cut_off_on_its_way_stores_nothing(
    served: LiveServer, anna: Any, practice: str, how: str
) -> None:
    session, page = anna._session_token("owner"), f"/praxen/{practice}/behandler/neu/"
    with Wire(served) as wire:
        wire.send(head_of_a_form(served, page, len(WHOLE), session), WHOLE[:-5])
        time.sleep(0.2)
        if how == "half closed":
            wire.say_goodbye()
            wire.hear(2)
    time.sleep(0.5)

    assert dentists_of(anna) == []

    with Wire(served) as wire:  # so it was the cut, not the form
        wire.send(head_of_a_form(served, page, len(WHOLE), session, Connection="close"), WHOLE)
        (answer,) = answers_in(wire.hear()[0])
    assert answer.status == 302, answer.text
    assert dentists_of(anna) == ["Adler-Kunz"]


def test_who_sends_forms_slowly_holds_up_nobody_and_is_cut_off(served: LiveServer) -> None:
    with ExitStack() as open_lines:
        wires = [open_lines.enter_context(Wire(served)) for _ in range(PER_ADDRESS)]
        for wire in wires:
            wire.send(head_of_a_form(served, "/anmelden/", 500), b"name=")
        time.sleep(0.3)

        assert answers_at_once(served)
        with Wire(served) as one_too_many:
            one_too_many.send(head_of_a_form(served, "/anmelden/", 5, Connection="close"), b"name=")
            (refused,) = answers_in(one_too_many.hear()[0])
        assert refused.status == 503 and "Zu viele Eingaben auf einmal" in refused.text
        begun = time.monotonic()
        assert all(wire.hear(4 * STALL_S)[1] for wire in wires)  # hung up
        assert time.monotonic() - begun < 2 * STALL_S

    with Wire(served) as wire:  # and the places are free again
        wire.send(head_of_a_form(served, "/anmelden/", 5, Connection="close"), b"name=")
        assert [answer.status for answer in answers_in(wire.hear()[0])] == [422]


@pytest.mark.parametrize("length", ["64000001", "99999999999999999999"])
def test_what_is_far_too_large_is_refused_before_it_is_sent(served: LiveServer, length: str) -> None:
    with Wire(served) as wire:
        wire.send(head_of_a_form(served, "/anmelden/", 0, **{"Content-Length": length}), b"name=")
        (answer,) = answers_in(wire.hear(1)[0])

    assert answer.status in (400, 413)
    assert answer.status == 400 or ("Das ist zu groß" in answer.text and answer.headers["cache-control"] == "no-store")


def test_twenty_megabytes_are_heard_out_and_refused_in_words(served: LiveServer, anna: Any) -> None:
    session = anna._session_token("owner")
    boundary = b"x" * 20
    before = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="11la0126.csv"\r\n\r\n' % boundary
    length = len(before) + 20_000_000
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}", "Connection": "close"}
    with Wire(served) as wire:
        wire.send(head_of_a_form(served, "/preise/import/", length, session, **kind), before)
        for _ in range(20):
            wire.send(b"1" * 1_000_000)
        (answer,) = answers_in(wire.hear(10)[0])

    assert answer.status == 422
    assert "Die Datei ist größer als 1000 kB" in answer.text


def test_requests_share_as_many_database_connections_as_there_are_desks(served: LiveServer, superuser: Any) -> None:
    question = "select count(*) from pg_stat_activity where usename = 'dentatool_app' and application_name = %s"
    before = superuser.execute(question, ["dentatool"]).fetchone()[0]

    with ThreadPoolExecutor(12) as people:
        assert all(people.map(lambda _: answers_at_once(served), range(60)))

    assert superuser.execute(question, ["dentatool"]).fetchone()[0] <= before + THREADS


def test_who_never_finishes_the_head_is_hung_up_on(served: LiveServer) -> None:
    with Wire(served) as slow:
        slow.send(b"GET / HTTP/1.1\r\nHost: loc")
        heard, hung_up = slow.hear(2 * STALL_S)

    assert (heard, hung_up) == (b"", True)
