"""The watch against a real mail server: what is told, to whom, and what happens when it cannot be told."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from django.test import override_settings

from dentatool.operations.doctor import GOOD, WRONG, Finding, examine
from dentatool.operations.monitoring import heartbeat, watching
from dentatool.operations.monitoring.alerts import Alerts
from harness.database import in_role
from harness.smtp import PostOffice, in_settings
from harness.tls_site import tls_site

CLARA, EMIL = "clara@betreiber.example", "emil@betreiber.example"
FULL, ROOM = (
    Finding("Datenträger", WRONG, "3 MB frei", "Schaffen Sie Platz."),
    Finding("Datenträger", GOOD, "viel frei"),
)
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Clara and Emil are to be told; what the watch says on its terminal."""
    monkeypatch.setenv("DENTATOOL_ALERT_TO", f"{CLARA}, {EMIL}")
    return []


@contextmanager
def listener(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """A real TLS server that waits for signs of life: its address, and the paths it was asked for."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with tls_site(Handler, certificate) as port, override_settings(DENTATOOL_PRIVATE_HOSTS=[f"localhost:{port}"]):
        yield f"https://localhost:{port}/ping/anna", calls


def look(var: Path, told: list[str], *findings: Finding) -> bool:
    return watching.look(Alerts(var), lambda: list(findings), told.append)


def test_a_lasting_fault_is_mailed_with_what_since_when_and_what_to_do_and_so_is_its_end(
    tmp_path: Path, post_office: PostOffice, told: list[str]
) -> None:
    assert look(tmp_path, told, FULL) and post_office.letters == []
    assert not look(tmp_path, told, FULL)

    for somebody in (CLARA, EMIL):
        (letter,) = post_office.to(somebody)
        assert letter.subject == "DentaTool: Störung: Datenträger"
        for part in (
            "3 MB frei",
            "seit ",
            "Schaffen Sie Platz.",
            "docs/runbooks/stoerungen.md, „Datenträger“",
            "monitor acknowledge",
        ):
            assert part in letter.text

    assert look(tmp_path, told, ROOM)
    assert not look(tmp_path, told, ROOM)
    assert [letter.subject for letter in post_office.to(CLARA)][1:] == ["DentaTool: Behoben: Datenträger"]


def test_what_happens_to_a_fault_is_in_the_trail_of_the_platform_as_soon_as_it_can_be_written(
    database: dict, superuser: psycopg.Connection, tmp_path: Path, post_office: PostOffice, told: list[str]
) -> None:
    name = f"Probe {uuid4().hex}"
    wrong = Finding(name, WRONG, "Frau Petra Sommer", "-")
    with in_role("backup"):  # it may write nothing, as when the database is away
        look(tmp_path, told, wrong)
        look(tmp_path, told, wrong)
    alert = Alerts(tmp_path).acknowledge(name, by="Clara", reason="wird ersetzt")
    for _ in range(2):
        look(tmp_path, told, ROOM)

    rows = superuser.execute(
        "select event, facts from protection_platformevent where facts ->> 'what' = %s order by at", [name]
    ).fetchall()
    assert [event for event, _facts in rows] == ["alert.raised", "alert.acknowledged", "alert.resolved"]
    assert {facts["since"] for _event, facts in rows} == {str(alert.since)}
    assert rows[1][1]["reason"] == "wird ersetzt"
    assert "Sommer" not in str(rows) and "Clara" not in str(rows)


def test_faults_that_come_together_are_one_letter(tmp_path: Path, post_office: PostOffice, told: list[str]) -> None:
    clock = Finding("Uhr", WRONG, "9 s Abstand", "NTP")
    for _ in range(2):
        look(tmp_path, told, FULL, clock)

    (letter,) = post_office.to(CLARA)
    assert letter.subject == "DentaTool: Störung: Datenträger und 1 weitere"
    assert "STÖRUNG: Uhr" in letter.text


def test_a_mail_server_that_refuses_is_tried_again_and_nothing_is_forgotten(
    tmp_path: Path, post_office: PostOffice, told: list[str]
) -> None:
    post_office.answer = "451 later"
    for _ in range(3):
        look(tmp_path, told, FULL)
    assert post_office.letters == [] and "nicht zugestellt" in told[-1]

    post_office.answer = "250 OK"
    look(tmp_path, told, FULL)
    assert len(post_office.to(CLARA)) == 1

    post_office.answer = "451 later"
    for _ in range(3):
        look(tmp_path, told, ROOM)
    post_office.answer = "250 OK"
    look(tmp_path, told, ROOM)
    assert [letter.subject for letter in post_office.to(CLARA)][1:] == ["DentaTool: Behoben: Datenträger"]


def test_one_address_that_is_refused_does_not_keep_it_from_the_other(
    tmp_path: Path, post_office: PostOffice, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENTATOOL_ALERT_TO", f"keine adresse,{EMIL}")
    for _ in range(3):
        look(tmp_path, told, FULL)

    assert len(post_office.to(EMIL)) == 1


def test_that_it_cannot_look_is_itself_told(tmp_path: Path, post_office: PostOffice, told: list[str]) -> None:
    def falls_over() -> list[Finding]:
        raise RuntimeError("Frau Petra Sommer")

    for _ in range(2):
        watching.look(Alerts(tmp_path), falls_over, told.append)

    (letter,) = post_office.to(CLARA)
    assert letter.subject == "DentaTool: Störung: Nachsehen"
    assert "RuntimeError" in letter.text and "Sommer" not in letter.text


def test_a_fault_is_told_once_even_where_nothing_can_be_written(
    tmp_path: Path, post_office: PostOffice, told: list[str]
) -> None:
    alerts = Alerts(tmp_path)
    in_the_way = alerts.folder / "alerts.json"
    in_the_way.mkdir(parents=True)
    for _ in range(4):
        watching.look(alerts, lambda: [FULL], told.append)
    assert len(post_office.to(CLARA)) == 1

    in_the_way.rmdir()
    for _ in range(2):
        watching.look(alerts, lambda: [ROOM], told.append)
    assert [letter.subject for letter in post_office.to(CLARA)][1:] == ["DentaTool: Behoben: Datenträger"]
    assert in_the_way.read_text() == "[]"


def test_the_watch_does_not_die_of_what_it_watches(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_AGAIN_S", 0.02)
    (tmp_path / "monitoring").write_text("in the way")
    stopping = Event()
    watch = Thread(target=watching.watch, args=[tmp_path, lambda: [ROOM], stopping, told.append])
    watch.start()
    try:
        while len(told) < 3:
            assert watch.is_alive()
            time.sleep(0.01)
        assert set(told) == {"Die Überwachung ist gestört (FileExistsError)."}
        (tmp_path / "monitoring").unlink()
        while heartbeat.last_look(tmp_path) is None:
            assert watch.is_alive()
            time.sleep(0.01)
    finally:
        stopping.set()
        watch.join()


def test_of_two_watches_one_waits_so_that_nothing_is_mailed_twice(
    tmp_path: Path, post_office: PostOffice, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_S", "LOOK_AGAIN_S", "WAIT_S"):
        monkeypatch.setattr(watching, name, 0.05)
    first, second = Event(), Event()
    watches = [
        Thread(target=watching.watch, args=[tmp_path, lambda: [FULL], stopping, told.append])
        for stopping in (first, second)
    ]
    try:
        watches[0].start()
        post_office.wait_for(to=CLARA, subject="Störung")
        watches[1].start()
        while not any("wartet" in line for line in told):
            assert watches[1].is_alive()
            time.sleep(0.01)
        time.sleep(0.3)
        assert len(post_office.to(CLARA)) == 1

        first.set()
        watches[0].join()
        (tmp_path / "monitoring" / "heartbeat").unlink()
        while heartbeat.last_look(tmp_path) is None:  # the second took over
            assert watches[1].is_alive()
            time.sleep(0.01)
    finally:
        first.set()
        second.set()
        for watch in watches:
            watch.join()
    assert len(post_office.to(CLARA)) == 1


def test_a_watch_that_stands_still_is_told_once_and_so_is_that_it_goes_on(
    tmp_path: Path, post_office: PostOffice, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(tmp_path, told, ROOM)
    monkeypatch.setattr(watching, "STANDS_STILL", timedelta(seconds=1))
    stopping = Event()
    guard = Thread(target=watching.guard, args=[tmp_path, stopping, told.append, 0.05])
    guard.start()
    try:
        post_office.wait_for(to=CLARA, subject="Die Überwachung steht still")
        time.sleep(0.3)
        look(tmp_path, told, ROOM)
        post_office.wait_for(to=CLARA, subject="Die Überwachung läuft wieder")
    finally:
        stopping.set()
        guard.join()

    assert [letter.subject.split(": ")[1] for letter in post_office.to(CLARA)][:2] == ["Störung", "Behoben"]


def test_the_doctor_sees_a_watch_that_nobody_set_up_stands_still_or_is_awake(
    database: dict, post_office: PostOffice, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def found(*, production: bool = False) -> str:
        (status,) = [each.status for each in examine(tmp_path, production=production) if each.what == "Überwachung"]
        return status

    assert found() == WRONG  # somebody is to be told, and nothing looks
    look(tmp_path, told, ROOM)
    assert found() == GOOD
    hours_ago = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    os.utime(tmp_path / "monitoring" / "heartbeat", (hours_ago, hours_ago))
    assert found() == WRONG
    monkeypatch.delenv("DENTATOOL_ALERT_TO")
    assert (found(), found(production=True)) == (GOOD, WRONG)


def test_every_fault_has_its_section_in_the_runbook(database: dict) -> None:
    runbook = (REPOSITORY / watching.RUNBOOK).read_text()
    sections = set(re.findall(r"^## (.+)$", runbook, re.MULTILINE))
    findings = examine(Path(os.environ["DENTATOOL_VAR"]), production=True)

    assert {watching.section(finding.what) for finding in findings} <= sections
    assert {"Datenbank", "Nachsehen"} <= sections


def test_the_sign_of_life_reaches_whoever_waits_for_it_and_stays_away_when_a_fault_cannot_be_told(
    tmp_path: Path, post_office: PostOffice, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener(post_office.ca_file) as (address, calls):
        monkeypatch.setenv("DENTATOOL_HEARTBEAT_URL", address)
        look(tmp_path, told, ROOM)
        assert calls == ["/ping/anna"]

        post_office.answer = "451 later"
        for _ in range(3):
            look(tmp_path, told, FULL)
        assert len(calls) == 2  # the first of the three had nothing to tell yet

        with override_settings(**in_settings(post_office) | {"DENTATOOL_CA_FILE": ""}):
            heartbeat.beat(tmp_path, told.append, silent=False)
        monkeypatch.setenv("DENTATOOL_HEARTBEAT_URL", address.replace("https", "http"))
        heartbeat.beat(tmp_path, told.append, silent=False)
    assert len(calls) == 2  # neither to an unknown certificate nor without TLS
    assert "nicht zugestellt" in told[-2] and "https://" in told[-1]
