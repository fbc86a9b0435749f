"""All keys of a laboratory rotated while people work, the command killed twice: nothing fails, nothing is lost or unreadable.

Some thousand values here, slowed down so that there is something to kill; a million at full speed with DENTATOOL_SOAK=1.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from harness.database import in_role
from harness.live import Line, LiveServer, running_server

SOAK = os.environ.get("DENTATOOL_SOAK") == "1"
PATIENTS = 250_000 if SOAK else 1_200  # of four sealed values each
ROWS_PER_S = None if SOAK else 150
VALUES = 4
LINES = 3
EDITED = 40  # patients that are being changed all the time
_AT_ONCE = 2_000
_NAMES = ("Otto Müller", "Erika Mustermann", "Ayşe Yılmaz", "Jan Kowalski", "Karl-Heinz von der Größe")


@pytest.fixture
def live(anna: Any) -> Iterator[LiveServer]:
    """Two processes, each with what it remembers of keys."""
    with running_server("keys", threads=2, workers=2, DENTATOOL_API_PER_MINUTE="6000") as running:
        yield running


class Patients:
    """What is in the laboratory: so many patients, and what their remarks were last acknowledged to be."""

    def __init__(self, anna: Any, superuser: psycopg.Connection) -> None:
        from dentatool.practices.models import Practice

        self.lab_id = anna.lab_id
        with anna.at_work():
            practice = Practice.objects.create(
                customer_number="1", name="Praxis Dr. Sommer", street="Am Markt 1", postcode="83022", city="Rosenheim"
            )
            self.practice = practice.pk
        superuser.execute("set session_replication_role = replica")
        self.names = dict[UUID, str]()
        for begin in range(0, PATIENTS, _AT_ONCE):
            with anna.at_work():
                rows = [self._row(n) for n in range(begin, min(begin + _AT_ONCE, PATIENTS))]
            with superuser.cursor().copy(
                "copy orders_patient (lab_id, id, practice_id, pseudonym, insurance, name, birth_date, allergies, remarks)"
                " from stdin"
            ) as copy:
                for row in rows:
                    copy.write_row(row)
        superuser.execute("set session_replication_role = origin")
        superuser.execute("vacuum analyze orders_patient")
        self.ids = list(self.names)
        self.remarks = dict.fromkeys(self.ids[:EDITED], "schmale Zahnbögen")
        self.added: list[UUID] = []
        self.lock = Lock()

    def _row(self, n: int) -> tuple[Any, ...]:
        from dentatool.orders.models import Patient

        pk = uuid4()
        sealed = []
        said = {
            "name": f"{_NAMES[n % len(_NAMES)]} {n}",
            "birth_date": date(1940 + n % 80, 1 + n % 12, 1 + n % 28),
            "allergies": "Nickel",
            "remarks": "schmale Zahnbögen",
        }
        for name, value in said.items():
            field: Any = Patient._meta.get_field(name)
            from dentatool.protection.vault.internal.sealing import seal_value

            sealed.append(seal_value(field.place, field.to_plain(value), pk, field.token_for(value)))
        self.names[pk] = said["name"]
        return self.lab_id, pk, self.practice, str(n), "gkv", *sealed


class Work(Thread):
    """Somebody at work: reads, searches, changes and adds patients over one TLS connection until told to stop."""

    def __init__(
        self, server: LiveServer, patients: Patients, token: str, session: str, mine: list[UUID], stop: Event
    ) -> None:
        super().__init__()
        self.line, self.server, self.patients, self.stop = Line(server), server, patients, stop
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.session, self.mine, self.luck = session, mine, random.Random(len(mine))
        self.seen, self.wrong = Counter[str](), list[str]()

    def run(self) -> None:
        try:
            self._work()
        finally:
            self.line.close()

    def _work(self) -> None:
        while not self.stop.is_set():
            for one in (self._read, self._change, self._read, self._add, self._list):
                try:
                    one()
                except Exception as error:  # a dead thread would look like success
                    self.wrong.append(f"{one.__name__}: {error!r}")
                    self.line.close()
                if self.stop.wait(0.02):
                    return

    def _ask(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        answer = self.line.send(
            method, f"/api/v1/{address}", None if body is None else json.dumps(body), {**self.headers, **headers}
        )
        self.seen[f"{method} {answer.status}"] += 1
        if answer.status not in (200, 201):
            self.wrong.append(f"{method} {address}: {answer.status} {answer.text[:200]}")
        return answer

    def _read(self) -> None:
        pk = self.luck.choice(self.patients.ids)
        told = self._ask("GET", f"patients/{pk}").json()
        if told["name"] != self.patients.names[pk] or told["allergies"] != "Nickel":
            self.wrong.append(f"{pk}: {told}")

    def _change(self) -> None:
        pk = self.luck.choice(self.mine)
        state = self._ask("GET", f"patients/{pk}").json()
        if state["remarks"] != self.patients.remarks[pk]:
            self.wrong.append(f"{pk}: {state['remarks']} statt {self.patients.remarks[pk]}")
        new = f"geändert {time.time_ns()}"
        # Nobody else changes these: a conflict could only be the rotation's doing.
        if (
            self._ask("PATCH", f"patients/{pk}", {"remarks": new}, **{"If-Match": f'"{state["version"]}"'}).status
            == 200
        ):
            self.patients.remarks[pk] = new

    def _add(self) -> None:
        name = f"Neu Aufgenommen {time.time_ns()}"
        answer = self._ask("POST", "patients", {"practice": str(self.patients.practice), "name": name, "allergies": "Nickel"},
                           **{"Idempotency-Key": uuid4().hex})  # fmt: skip
        if answer.status == 201:
            with self.patients.lock:
                pk = UUID(answer.json()["id"])
                self.patients.names[pk] = name
                self.patients.added.append(pk)

    def _list(self) -> None:
        if SOAK and self.luck.random() < 0.95:
            return  # a page of a quarter of a million names is another test
        answer = self.line.ask("GET", "/patienten/?suche=neu+aufgenommen", session=self.session)
        self.seen[f"page {answer.status}"] += 1
        if answer.status != 200 or "nicht lesbar" in answer.text:
            self.wrong.append(f"list: {answer.status}")


def rotation(lab_id: UUID) -> subprocess.Popen:
    """`dentatool keys rotate` in a process of its own."""
    slow = ["--rows-per-s", str(ROWS_PER_S)] if ROWS_PER_S else []
    return subprocess.Popen(
        [sys.executable, "-m", "dentatool.project.cli", "keys", "rotate", "--lab", str(lab_id), *slow],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def under_version(superuser: psycopg.Connection, lab_id: UUID, version: int) -> int:
    ((count,),) = superuser.execute(
        "select count(*) from orders_patient where lab_id = %s and substr(name, 5, 4) = int4send(%s)", [lab_id, version]
    ).fetchall()
    return int(count)


def kill_when_done(process: subprocess.Popen, superuser: psycopg.Connection, lab_id: UUID, share: float) -> int:
    """Kill -9 once this share of the patients is under the second version; how many that are."""
    ending = time.monotonic() + (1800 if SOAK else 60)
    while (done := under_version(superuser, lab_id, 2)) < share * PATIENTS:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ending
        time.sleep(0.5 if SOAK else 0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return done


def test_keys_are_rotated_under_load_and_killed_twice_and_no_request_fails(
    anna: Any, live: LiveServer, superuser: psycopg.Connection
) -> None:
    from dentatool.orders.models import Patient
    from dentatool.protection.vault import find_sealed
    from dentatool.protection.vault.internal import keys
    from dentatool.protection.vault.internal.columns import sealed_tables
    from dentatool.protection.vault.internal.rotation import uses

    patients, stop = Patients(anna, superuser), Event()
    token, session = anna.token(), anna._session_token("owner")
    edited = list(patients.remarks)
    workers = [Work(live, patients, token, session, edited[place::LINES], stop) for place in range(LINES)]
    for worker in workers:
        worker.start()
    try:
        first = kill_when_done(rotation(anna.lab_id), superuser, anna.lab_id, 1 / 3)
        assert under_version(superuser, anna.lab_id, 1) > 0
        second = kill_when_done(rotation(anna.lab_id), superuser, anna.lab_id, 2 / 3)
        assert first < second < PATIENTS
        begun = time.monotonic()
        last = rotation(anna.lab_id)
        out, errors = last.communicate(timeout=3600 if SOAK else 90)
        taken = time.monotonic() - begun
        time.sleep(1)
    finally:
        stop.set()
        for worker in workers:
            worker.join(30)
    seen = sum((worker.seen for worker in workers), Counter[str]())
    print(f"\n{out}\nlast run {taken:.1f} s; requests meanwhile: {dict(seen)}")  # noqa: T201 - the rate is what a soak is run for

    assert last.returncode == 0, errors
    assert "zu Ende gebracht, was begonnen war" in out
    assert [wrong for worker in workers for wrong in worker.wrong] == []
    assert seen["PATCH 200"] > 20 and seen["POST 201"] > 20 and seen["page 200"] > (0 if SOAK else 5)
    keys.forget_keys()
    with in_role("owner"):  # as the command counts: the app's statements may take five seconds
        assert {use.version for use in uses(anna.lab_id, sealed_tables()) if use.stored} == {2}
    with anna.at_work():
        read = {p.pk: (p.name, p.allergies, p.remarks, p.birth_date) for p in Patient.objects.iterator()}
    assert len(read) == len(patients.names)
    assert {pk: said[0] for pk, said in read.items()} == patients.names
    assert {said[1] for said in read.values()} == {"Nickel"}
    assert {pk: read[pk][2] for pk in patients.remarks} == patients.remarks
    assert sum(said[3] is not None for said in read.values()) == PATIENTS
    with anna.at_work():
        newest = patients.added[-1]
        assert find_sealed(Patient, "name", patients.names[newest], whole=True) == [newest]
    entries = superuser.execute(
        "select count(*) from protection_entry where lab_id = %s and what = 'orders_patient'", [anna.lab_id]
    ).fetchone()
    assert entries == (seen["PATCH 200"] + seen["POST 201"],)  # what people did, and nothing else
