"""ATK-11 over the real server: Anna and Bert share every connection while backends are killed and queries cancelled."""

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from django.db import connection

from attack.marked import Marked, fill, marker_of
from harness.live import COOKIE, Line, LiveServer, running_server, trusting

SOAK = os.environ.get("DENTATOOL_SOAK") == "1"
REQUESTS = 100_000 if SOAK else 2_000
LINES = 4  # over two threads of the server, so over two database connections


@pytest.fixture
def storm(superuser: psycopg.Connection) -> Iterator[tuple[LiveServer, set[int]]]:
    """Two threads, two database connections: everybody follows everybody. And the backends that are not theirs."""
    connection.ensure_connection()
    spare = {pid for pid, _ in _backends(superuser)}
    with running_server("storm", threads=2) as server:
        yield server, spare


class Chaos:
    """Cancels and kills what works for the server, and holds locks so that there is something to cancel."""

    def __init__(self, dsn: str, spare: set[int], wanted: Marked) -> None:
        self.dsn, self.spare, self.wanted = dsn, spare, wanted
        self.stop, self.done = Event(), Counter[str]()
        self.threads = [Thread(target=self._strike), Thread(target=self._hold)]

    def __enter__(self) -> "Chaos":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)

    def _strike(self) -> None:
        luck = random.Random(11)
        with psycopg.connect(self.dsn, autocommit=True) as superuser:
            while not self.stop.wait(0.03):
                for pid, waits in _backends(superuser):
                    if pid in self.spare:
                        continue
                    if waits or luck.random() < 0.5:
                        superuser.execute("select pg_cancel_backend(%s)", [pid])
                        self.done["cancelled while waiting" if waits else "cancelled"] += 1
                    elif luck.random() < 0.1:
                        superuser.execute("select pg_terminate_backend(%s)", [pid])
                        self.done["killed"] += 1

    def _hold(self) -> None:
        with psycopg.connect(self.dsn) as superuser:
            while not self.stop.wait(0.2):
                superuser.execute("select from practices_practice where id = %s for update", [self.wanted.practice])
                self.stop.wait(0.1)
                superuser.rollback()


def _backends(superuser: psycopg.Connection) -> list[tuple[int, bool]]:
    return superuser.execute(
        "select pid, wait_event_type = 'Lock' from pg_stat_activity"
        " where usename = 'dentatool_app' and datname = current_database()"
    ).fetchall()


@pytest.mark.alone
def test_anna_and_bert_never_meet_while_everything_breaks(
    anna: Any, bert: Any, storm: tuple[LiveServer, set[int]], superuser: psycopg.Connection, superuser_dsn: str
) -> None:
    both = [fill(anna, marker_of("ANNA"), 28), fill(bert, marker_of("BERT"), 28)]
    sessions = [marked.lab.reading_token("owner") for marked in both]
    server, spare = storm
    seen: Counter[int] = Counter()
    wrong: list[str] = []

    def work(seed: int) -> None:
        luck, line = random.Random(seed), Line(server)
        for turn in range(REQUESTS // LINES):
            side = (turn + seed) % 2
            try:
                status, problem = _one_request(luck, line, both[side], both[1 - side].marker, sessions[side])
            except Exception as error:
                status, problem = 0, repr(error)
            seen[status] += 1
            if problem:
                wrong.append(problem)
            if turn % 40 == seed:
                _leave_in_the_middle(server, sessions[side], both[side], luck)
        line.close()

    with Chaos(superuser_dsn, spare, both[0]) as chaos:
        threads = [Thread(target=work, args=(seed,)) for seed in range(LINES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert wrong == []
    assert set(seen) <= {200, 404, 409, 422, 503}, (
        seen,
        [line[:3000] for line in server.lines() if "Traceback" in line][-3:],
    )
    assert seen[200] > REQUESTS / 2 and seen[503] >= 10, seen
    assert chaos.done["killed"] >= 10 and chaos.done["cancelled while waiting"] >= 1, chaos.done
    _all_is_well_again(server, superuser, both, sessions)
    assert [line for line in server.lines() if "Traceback" in line or '"Internal Server Error' in line] == []
    print(f"\n  ATK-11 storm: {sum(seen.values())} requests, answers {dict(seen)}, {dict(chaos.done)}")  # noqa: T201


def _one_request(luck: random.Random, line: Line, own: Marked, foreign: str, session: str) -> tuple[int, str]:
    """One of the laboratory's pages, a file, a refused form, a change that meets a lock, a page that is not there."""
    kind = luck.random()
    address = luck.choice(own.addresses())
    if kind < 0.75:
        answer = line.ask("GET", address, session)
    elif kind < 0.85:
        answer = line.ask("GET", f"/auftraege/{own.practice}/", session)  # no such order
    elif kind < 0.93:
        answer = line.ask("POST", "/auftraege/neu/patienten/", session, {"suche": own.marker})
    else:
        answer = line.ask("POST", f"/praxen/{own.practice}/bearbeiten/", session, {"name": ""})
    told = answer.text + str(answer.headers)
    if foreign in told:
        return answer.status, f"{address}: a word of the other laboratory"
    if "Traceback" in told or (answer.status == 503 and "noch einmal" not in told and "Sehen Sie nach" not in told):
        return answer.status, f"{address}: {answer.status} {told[:300]}"
    if answer.status == 200 and kind < 0.75 and address in own.addresses()[1:10] and own.marker not in told:
        return answer.status, f"{address}: served without the laboratory's own marker"
    return answer.status, ""


def _leave_in_the_middle(server: LiveServer, session: str, own: Marked, luck: random.Random) -> None:
    """A browser that is closed: while asking, after asking, while the answer arrives."""
    address = luck.choice([f"/rechnungen/{own.invoice}/pdf/", "/auftraege/?status=alle&namen=1", "/protokoll/"])
    request = f"GET {address} HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={session}\r\n\r\n".encode()
    plain = socket.create_connection(("localhost", server.port), 10)
    with trusting().wrap_socket(plain, server_hostname="localhost") as secure:
        how = luck.randrange(3)
        secure.sendall(request if how else request[: luck.randrange(10, len(request))])
        if how == 2:
            secure.recv(100)


def _all_is_well_again(
    server: LiveServer, superuser: psycopg.Connection, both: list[Marked], sessions: list[str]
) -> None:
    line = Line(server)
    for side in (0, 1, 1, 0):
        for address in both[side].addresses():
            answer = line.ask("GET", address, sessions[side])
            assert answer.status == 200, f"{address}: {answer.status}"
            assert both[1 - side].marker not in answer.text
    line.close()
    ending = time.monotonic() + 5
    while open_ones := superuser.execute(
        "select pid from pg_stat_activity where usename = 'dentatool_app' and state like 'idle in transaction%%'"
        " and datname = current_database()"
    ).fetchall():
        assert time.monotonic() < ending, f"a transaction was left open: {open_ones}"
        time.sleep(0.05)
