"""Twenty people issue invoices while PostgreSQL itself is killed. An installation of its own, started by `dentatool run`.

`make test` kills twice (the whole server, one backend); `make soak` as often as DENTATOOL_SOAK_DATABASE_KILLS says.
"""

import http.client
import json
import os
import queue
import random
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from harness.installation import Run, children_of

KILLS = int(os.environ.get("DENTATOOL_SOAK_DATABASE_KILLS", "2"))
DRAFTS_PER_KILL = 30
RECOVERY_S = 30.0
# The launcher gives up when a part dies five times within a minute: by design, so soaking goes slower than that.
BETWEEN_KILLS_S = 0.0 if KILLS < 5 else 16.0

NOTHING_STORED = "Es wurde nichts gespeichert"
UNCERTAIN = "Es ist ungewiss, ob gespeichert wurde"

_TRUST = ssl._create_unverified_context()  # noqa: S323 - our own server, self-signed

pytestmark = pytest.mark.slow


@dataclass
class Issuing:
    """What the people were told, draft by draft, in order: (status, page or Location)."""

    port: int
    told: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    waiting: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    broken: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    # When each request began that was answered with „issued“.
    acknowledged: list[float] = field(default_factory=list)

    def work(self, session: str) -> None:
        """One person: takes the next draft and asks until it is issued. The web server lives, so it always answers."""
        token = secrets.token_hex(16)
        head = {
            "Cookie": f"__Host-dentatool={session}; __Host-csrf={token}",
            "Referer": f"https://localhost:{self.port}/",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"csrfmiddlewaretoken": token})
        while not self.over.is_set():
            try:
                draft = self.waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            while not self.over.is_set() and not self._ask(draft, body, head):
                time.sleep(0.1)

    def _ask(self, draft: str, body: str, head: dict[str, str]) -> bool:
        begun = time.monotonic()
        try:
            status, page = _post(self.port, f"/rechnungen/{draft}/ausstellung/", body, head)
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(repr(error))
            return False
        with self.lock:
            self.told.setdefault(draft, []).append((status, page))
            if status == 302:
                self.acknowledged.append(begun)
        return status in (302, 409)

    def await_acknowledged(self, count: int, *, since: float, seconds: float) -> None:
        """Until so many invoices were issued by requests that began since then."""
        ending = time.monotonic() + seconds
        while (done := sum(begun > since for begun in list(self.acknowledged))) < count:
            assert time.monotonic() < ending, f"{done} of {count} after {seconds} s; {self.broken[-3:]}"
            time.sleep(0.002)

    def await_all(self, drafts: list[str], seconds: float) -> None:
        """Until each draft's last answer says that it is issued."""
        ending = time.monotonic() + seconds
        while not all(self.told.get(draft, [(0, "")])[-1][0] in (302, 409) for draft in drafts):
            assert time.monotonic() < ending, f"not issued {seconds} s after the kill; {self.broken[-3:]}"
            time.sleep(0.05)


def _post(port: int, path: str, body: str, head: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=_TRUST)
    try:
        connection.request("POST", path, body, head)
        answer = connection.getresponse()
        page = answer.read().decode()
        return answer.status, answer.headers.get("Location", "") if answer.status == 302 else page
    finally:
        connection.close()


def everything(postmaster: int) -> None:
    """The server and all its processes at one moment, wherever each stands: as when the power goes."""
    os.kill(postmaster, signal.SIGSTOP)  # so that it starts no other while we look
    for pid in [*children_of(postmaster), postmaster]:
        _kill(pid)


def postmaster_alone(postmaster: int) -> None:
    """Its children notice by themselves and still hold the shared memory while the launcher starts it anew."""
    _kill(postmaster)


def one_backend(postmaster: int) -> None:
    """The server ends all others, too, because memory may be spoilt, and recovers by itself."""
    serving = [pid for pid in children_of(postmaster) if b"dentatool_app" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    _kill(random.choice(serving))


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


MANNERS: tuple[Callable[[int], None], ...] = (everything, one_backend, postmaster_alone)


@pytest.fixture
def run(passable_folder: Path) -> Iterator[Run]:
    started = Run(passable_folder / "var")
    started.await_line("DentaTool ist bereit")
    yield started
    if started.process.poll() is None:
        started.stop()


def _inside(run: Run, *command: str) -> Any:
    """A look or a deed inside of the installation, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "billing.installed_laboratory", *command],
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_numbers_stay_gapless_and_nothing_acknowledged_is_lost_when_postgresql_is_killed(run: Run) -> None:
    lab = _inside(run, "found")
    drafts = _inside(run, "draft", lab["lab"], str(KILLS * DRAFTS_PER_KILL))
    work = Issuing(run.port)
    people = [Thread(target=work.work, args=(session,)) for session in lab["sessions"]]
    for person in people:
        person.start()
    luck, outages = random.Random(1517), []
    try:
        for turn in range(KILLS):
            batch = drafts[turn * DRAFTS_PER_KILL : (turn + 1) * DRAFTS_PER_KILL]
            outages.append(_round(run, work, batch, MANNERS[turn % len(MANNERS)], luck))
    finally:
        work.over.set()
        for person in people:
            person.join(30)

    stored = _inside(run, "tell", lab["lab"])
    assert run.stop() == 0
    _nothing_is_lost_or_half(stored, drafts, work)
    _everybody_was_told_the_truth(stored, work)
    _the_trail_is_whole(stored)
    print(f"\n  PostgreSQL killed {KILLS} times: back after {', '.join(f'{s:.1f}' for s in outages)} s")  # noqa: T201


def _round(run: Run, work: Issuing, batch: list[str], manner: Callable[[int], None], luck: random.Random) -> float:
    """Kill in the middle of a batch; how many seconds until somebody was served again."""
    begun, before, postmaster = time.monotonic(), len(work.acknowledged), run.child("postgres/data")
    for draft in batch:
        work.waiting.put(draft)
    work.await_acknowledged(luck.randrange(2, DRAFTS_PER_KILL // 2), since=begun, seconds=30)
    time.sleep(luck.uniform(0, 0.03))
    manner(postmaster)
    killed = time.monotonic()
    assert len(work.acknowledged) - before < len(batch), "the kill came too late: everything was issued"
    work.await_acknowledged(1, since=killed, seconds=RECOVERY_S)
    outage = time.monotonic() - killed
    work.await_all(batch, RECOVERY_S)
    assert (run.child("postgres/data") == postmaster) == (manner is one_backend)
    time.sleep(max(0.0, BETWEEN_KILLS_S - (time.monotonic() - begun)))
    return outage


def _nothing_is_lost_or_half(stored: dict[str, Any], drafts: list[str], work: Issuing) -> None:
    documents = stored["documents"]
    acknowledged = {draft for draft, told in work.told.items() if 302 in (status for status, _page in told)}
    assert acknowledged and acknowledged - {draft for draft, each in documents.items() if each["is_issued"]} == set()
    assert documents.keys() == set(drafts)
    assert sorted(each["sequence"] for each in documents.values()) == list(range(1, len(drafts) + 1))
    assert len({each["number"] for each in documents.values()}) == len(drafts)
    assert stored["next"] == len(drafts) + 1
    assert stored["faults"] == []
    whole = {"is_issued": True, "lines": 2, "has_snapshot": True, "order": "abgerechnet"}
    assert [each for each in documents.values() if {name: each[name] for name in whole} != whole] == []


def _everybody_was_told_the_truth(stored: dict[str, Any], work: Issuing) -> None:
    """503 in German while the database was away. Who was told that nothing is stored finds nothing stored."""
    assert work.broken == []
    statuses = Counter(status for told in work.told.values() for status, _page in told)
    assert set(statuses) <= {302, 409, 503} and statuses[503] >= KILLS, statuses
    for draft, told in work.told.items():
        pages = [page for status, page in told if status == 503]
        assert all((NOTHING_STORED in page) != (UNCERTAIN in page) for page in pages), pages
        assert told[-1][1] == f"/rechnungen/{draft}/" or told[-1][0] == 409
        if told[-1][0] == 409:  # issued by a request whose answer did not say so
            assert any(UNCERTAIN in page for page in pages), f"{draft}: {[status for status, _page in told]}"


def _the_trail_is_whole(stored: dict[str, Any]) -> None:
    """Each invoice was issued by one entry, and by the same request its order was billed and its number taken."""
    issued = [
        (record, request, changes)
        for what, action, record, request, changes in stored["trail"]
        if what == "billing_invoice" and action == "update" and "issued_at" in changes
    ]
    documents = stored["documents"]
    assert {record: changes["number"] for record, _request, changes in issued} == {
        draft: [None, each["number"]] for draft, each in documents.items()
    }
    assert len(issued) == len(documents)
    billed = {
        (record, request)
        for what, _action, record, request, changes in stored["trail"]
        if what == "orders_order" and changes.get("state", [""])[-1] == "abgerechnet"
    }
    assert billed == {(documents[record]["order_id"], request) for record, request, _changes in issued}
