"""People work while, at random, whatever the installation consists of is killed: web server, worker, PostgreSQL, archiver,
a backup, a rotation of keys, a restore, and all at once, as when the power goes.

`make test` kills three times, `make soak` as often as DENTATOOL_SOAK_ROUNDS says.
"""

import json
import os
import queue
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from harness.installation import Run, children_of
from operations.rounds.installed import PASSWORD, ask, order_form

ROUNDS = int(os.environ.get("DENTATOOL_SOAK_ROUNDS", "0"))
RECOVERY_S = 60.0
# The launcher gives up when one part dies five times within a minute: by design, so nobody kills it that often here.
MOST_DEATHS, WITHIN_S = 4, 65.0
DRAFTS = 25 + 6 * ROUNDS

pytestmark = pytest.mark.slow


class Work:
    """What people do all day, and what they were told: everything in `told` was acknowledged."""

    def __init__(self, run: Run, lab: dict[str, Any], drafts: list[str]) -> None:
        self.run, self.lab = run, lab  # the port stays that of the first run
        self.told: dict[str, dict[str, str]] = defaultdict(dict)
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.over = Event()
        self._drafts: queue.SimpleQueue[str] = queue.SimpleQueue()
        for draft in drafts:
            self._drafts.put(draft)
        jobs = [self._order, self._order, self._order, self._issue, self._issue, self._read, self._enter]
        self._people = [Thread(target=self._live, args=(job, lab["sessions"][place])) for place, job in enumerate(jobs)]

    def begin(self) -> None:
        for person in self._people:
            person.start()

    def end(self) -> None:
        self.over.set()
        for person in self._people:
            person.join(60)
            assert not person.is_alive()

    def counts(self) -> dict[str, int]:
        return {kind: len(self.told[kind]) for kind in ("order", "invoice", "page", "sign-in")}

    def await_progress(self, run: Run, kind: str) -> float:
        """Until each kind of work was acknowledged once more; how many seconds that took."""
        before, begun = self.counts(), time.monotonic()
        while any(now <= before[kind] for kind, now in self.counts().items()):
            lacking = [kind for kind, now in self.counts().items() if now <= before[kind]]
            told = f"after {kind}: {lacking} {self.statuses}\n{run.process.poll()}\n{run.log.read_text()[-5000:]}"
            assert time.monotonic() - begun < RECOVERY_S and run.process.poll() is None, told
            time.sleep(0.02)
        return time.monotonic() - begun

    def _live(self, job: Any, session: str) -> None:
        while not self.over.is_set():
            job(session)
            time.sleep(0.05)

    def _order(self, session: str) -> None:
        """An order, sent again and again as the same form until somebody says that it is stored."""
        key = str(uuid4())
        form = order_form(key)
        if self._until_302("order", "/auftraege/neu/", session, form):
            self.told["order"][key] = form["patient_name"]

    def _issue(self, session: str) -> None:
        """The next draft; 409 says that an earlier try, whose answer was lost, had issued it."""
        try:
            draft = self._drafts.get(timeout=0.2)
        except queue.Empty:
            self.told["invoice"][uuid4().hex] = ""  # nothing left to issue holds nobody up
            return
        if self._until_302("invoice", f"/rechnungen/{draft}/ausstellung/", session, {}, also=409):
            self.told["invoice"][draft] = ""

    def _read(self, session: str) -> None:
        answer = ask(self.run, "GET", "/auftraege/", session)
        self.statuses["page", answer.status] += 1
        if answer.status == 200:
            assert "</html>" in answer.text
            self.told["page"][uuid4().hex] = ""

    def _enter(self, _session: str) -> None:
        ask(self.run, "GET", "/anmelden/")
        form = {"name": self.lab["sign_in_name"], "password": PASSWORD, "weiter": "/"}
        answer = ask(self.run, "POST", "/anmelden/", form=form)
        self.statuses["sign-in", answer.status] += 1
        if answer.status == 302 and any("__Host-dentatool=" in value for _name, value in answer.headers.all):
            self.told["sign-in"][uuid4().hex] = ""
        time.sleep(0.5)

    def _until_302(self, kind: str, path: str, session: str, form: dict[str, str], also: int = 302) -> bool:
        while not self.over.is_set():
            answer = ask(self.run, "POST", path, session, form)
            self.statuses[kind, answer.status] += 1
            if answer.status in (302, also):
                return True
            assert answer.status in (0, 503), (answer.status, path, re.sub(r"<[^>]+>|\s+", " ", answer.text)[-1500:])
            time.sleep(0.1)
        return False


class Rounds:
    """One installation with a backup target, and every way to kill a part of it."""

    def __init__(self, base: Path) -> None:
        self.base, self.var, self.key = base, base / "var", base / "operator.key"
        (base / "target").mkdir()
        self.further = {"DENTATOOL_BACKUP_TARGET": str(base / "target")}
        self.run = Run(self.var, **self.further)
        self.run.await_line("bereit nach", 120)
        self.dice = random.Random(20261126)
        self.deaths: dict[str, list[float]] = defaultdict(list)
        self.lab = ""

    def inside(self, *command: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "operations.rounds.installed", *command],
            env=self.run.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def works(self, *command: object) -> str:
        done = subprocess.run(
            self._command(*command), env=self.run.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    @staticmethod
    def _command(*command: object) -> list[str]:
        return [sys.executable, "-m", "dentatool.project.cli", *map(str, command)]

    def next_kind(self, wanted: str = "") -> str:
        """A kind of kill that the launcher's patience allows now."""
        while True:
            kind = wanted or self.dice.choice(KINDS)
            part = kind.split("-", maxsplit=1)[0]
            recent = [at for at in self.deaths[part] if at > time.monotonic() - WITHIN_S]
            if len(recent) < MOST_DEATHS - 1:
                self.deaths[part] = [*recent, time.monotonic()]
                return kind
            if wanted:
                time.sleep(1)

    def kill(self, kind: str) -> None:
        {
            "web": lambda: self._kill(self.run.child("granian")),
            "web-worker": lambda: self._kill(self.dice.choice(children_of(self.run.child("granian")))),
            "worker": lambda: self._kill(self.run.child("worker\0")),
            "archiver": lambda: self._kill(self.run.child("backup\0watch")),
            "postgres": self._postgres,
            "postgres-alone": lambda: self._kill(self.run.child("postgres/data")),
            "postgres-backend": self._backend,
            "backup": lambda: self._cut("backup", "create", *self.dice.choice([[], ["--full"]])),
            "rotation": lambda: self._cut("keys", "rotate", "--lab", self.lab, "--rows-per-s", 150),
            "restore": self._restore,
            "power": self._power,
        }[kind]()

    def _kill(self, pid: int) -> None:
        time.sleep(self.dice.uniform(0, 0.3))
        os.kill(pid, signal.SIGKILL)

    def _postgres(self) -> None:
        postmaster = self.run.child("postgres/data")
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts no other while we look
        for pid in [*children_of(postmaster), postmaster]:
            os.kill(pid, signal.SIGKILL)

    def _backend(self) -> None:
        backends = children_of(self.run.child("postgres/data"))
        serving = [pid for pid in backends if b"dentatool_app" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        self._kill(self.dice.choice(serving or backends))

    def _cut(self, *command: object) -> None:
        """A command that is killed with all its children at some moment of its work."""
        process = subprocess.Popen(
            self._command(*command), env=self.run.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(self.dice.uniform(0.3, 4))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _restore(self) -> None:
        into = self.base / f"back-{secrets.token_hex(4)}"
        self._cut("restore", "--into", into, "--identity", self.key)
        shutil.rmtree(into, ignore_errors=True)

    def _power(self) -> None:
        self.run.kill_everything()
        self.run = Run(self.var, self.run.port, **self.further)
        self.run.await_line("bereit nach", 120)


KINDS = (
    *("web", "web-worker", "worker", "archiver", "postgres", "postgres-alone", "postgres-backend"),
    *("backup", "rotation", "restore", "power"),
)
# The others have tests of their own: billing/test_killed_while_issuing.py, test_killed_database.py, backup/test_killed.py.
SHORT = ("rotation", "backup", "power")


@pytest.fixture
def rounds(passable_folder: Path) -> Iterator[Rounds]:
    made = Rounds(passable_folder)
    yield made
    if made.run.process.poll() is None:
        made.run.stop()


def test_nothing_acknowledged_is_lost_and_nothing_is_half_whatever_is_killed(rounds: Rounds) -> None:
    lab = rounds.inside("found")
    rounds.lab = lab["lab"]
    drafts = rounds.inside("draft", lab["lab"], str(DRAFTS))
    rounds.works("backup", "keygen", "--out", rounds.key)
    rounds.works("backup", "create", "--full")
    work = Work(rounds.run, lab, drafts)
    work.begin()
    killed: Counter[str] = Counter()
    slowest = 0.0
    kinds = [""] * ROUNDS if ROUNDS else [*SHORT]
    try:
        for wanted in kinds:
            kind = rounds.next_kind(wanted)
            rounds.kill(kind)
            slowest = max(slowest, work.await_progress(rounds.run, kind))
            killed[kind] += 1
    finally:
        work.end()

    rounds.works("keys", "rotate", "--lab", rounds.lab)  # what was begun is brought to its end
    assert rounds.run.stop() == 0
    rounds.run = Run(rounds.var, rounds.run.port, **rounds.further)
    rounds.run.await_line("bereit nach", 120)
    rounds.run.await_ready()
    assert "abgebrochen" not in rounds.run.log.read_text()

    stored = rounds.inside("tell", rounds.lab)
    _orders_are_whole(stored, work)
    _invoices_are_gapless(stored, work, drafts)
    assert stored["sign_ins"] >= len(work.told["sign-in"])
    rounds.works("audit", "verify")
    rounds.works("keys", "status")
    rounds.works("backup", "create")
    rounds.works("backup", "verify")
    rounds.works("backup", "drill", "--identity", rounds.key)
    print(f"\n  {sum(killed.values())} kills {dict(killed)}; slowest recovery {slowest:.1f} s; {work.counts()}")  # noqa: T201


def _orders_are_whole(stored: dict[str, Any], work: Work) -> None:
    """Each acknowledged one is there with its patient and tooth, under a number of its own; none is half."""
    orders = stored["orders"]
    assert {key: orders.get(key, {}).get("patient") for key in work.told["order"]} == work.told["order"]
    assert [each for each in orders.values() if not each["has_tooth"] or not each["patient"].startswith("Kill ")] == []
    numbers = [int(each["number"].rsplit("-", 1)[-1]) for each in orders.values()]
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers)))
    made = Counter(stored["made"])
    assert all(made[each["id"]] == 1 for each in orders.values())  # by one entry in the trail each


def _invoices_are_gapless(stored: dict[str, Any], work: Work, drafts: list[str]) -> None:
    documents = stored["documents"]
    issued = {draft: each for draft, each in documents.items() if each["is_issued"]}
    assert {draft for draft in work.told["invoice"] if draft in documents} <= issued.keys()
    assert documents.keys() == set(drafts)
    assert sorted(each["sequence"] for each in issued.values()) == list(range(1, len(issued) + 1))
    assert stored["next"] == len(issued) + 1 and stored["faults"] == []
    whole = {"lines": 2, "has_snapshot": True, "order": "abgerechnet"}
    assert [each for each in issued.values() if {name: each[name] for name in whole} != whole] == []
