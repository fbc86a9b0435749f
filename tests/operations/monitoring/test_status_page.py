"""/status, /readyz: what everybody may know of the service, also while the database is away."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from dentatool.kit.jobs import at_work
from dentatool.operations.finding import WRONG, Finding
from dentatool.operations.monitoring.alerts import Alerts
from dentatool.operations.monitoring.journal import KEPT, Happening, Journal
from dentatool.operations.monitoring.status_page import disturbances

VAR = Path(os.environ["DENTATOOL_VAR"])
NOW = datetime.now(UTC)


@pytest.fixture
def alerts() -> Iterator[Alerts]:
    """This installation's, empty before and after."""
    found = Alerts(VAR)
    files = [found.folder / name for name in ("alerts.json", "journal.json")]
    for file in files:
        file.unlink(missing_ok=True)
    yield found
    for file in files:
        file.unlink(missing_ok=True)


def page() -> str:
    answer = Client().get("/status", secure=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_all_well_is_said_first(database: dict, alerts: Alerts) -> None:
    with at_work():
        text = page()

    assert "<h1>Alles läuft</h1>" in text and "Keine in den letzten 30 Tagen" in text
    assert text.count("keine bekannte Störung in den letzten 30 Tagen") == 3


def test_a_disturbance_is_told_while_it_lasts_and_afterwards(database: dict, alerts: Alerts) -> None:
    mail = Finding("Mailserver", WRONG, "smtp://geheim@intern antwortet nicht", "-")
    hidden = Finding("Datei keys/root.key", WRONG, "für andere zugänglich (0644)", "-")
    with at_work():
        for moment in (1, 2):
            alerts.look([mail, hidden], NOW - timedelta(hours=moment))
        text = page()
        assert "<h1>Es gibt eine Störung</h1>" in text and text.count("gestört") == 2
        assert "0644" not in text and "geheim" not in text and "root" not in text

        for _ in range(2):
            alerts.look([], NOW - timedelta(minutes=30))
        text = page()
        assert "<h1>Alles läuft</h1>" in text
        assert 'E-Mail-Versand</span> <span class="hint">' in text


def test_without_a_worker_it_says_so_at_once(database: dict, alerts: Alerts) -> None:
    text = page()

    assert "Hintergrundaufgaben" in text and "gestört" in text and "gerade bemerkt" in text


def test_it_is_served_while_the_database_is_away_and_to_people_who_are_signed_in_too(
    database: dict, alerts: Alerts, anna: Any
) -> None:
    client = anna.client("owner")
    facts = connections["default"].settings_dict
    port, facts["PORT"] = facts["PORT"], 1
    connections["default"].close()
    try:
        with at_work():
            answer = client.get("/status", secure=True)
            assert answer.status_code == 200 and "Es gibt eine Störung" in answer.content.decode()
            assert client.get("/healthz", secure=True).status_code == 200
            ready = client.get("/readyz", secure=True)
    finally:
        connections["default"].close()
        facts["PORT"] = port
    assert (ready.status_code, json.loads(ready.content)["datenbank"]) == (503, "gestört")


def test_ready_tells_of_the_worker_and_serves_without(database: dict) -> None:
    def ready() -> tuple[int, str]:
        answer = Client().get("/readyz", secure=True)
        return answer.status_code, json.loads(answer.content)["aufgaben"]

    assert ready() == (200, "gestört")
    with at_work():
        assert ready() == (200, "bereit")


def test_what_overlaps_was_one_disturbance_and_what_is_long_past_is_forgotten() -> None:
    def over(what: str, hours: int, lasted: int) -> Happening:
        return Happening("resolved", what, NOW - timedelta(hours=hours - lasted), NOW - timedelta(hours=hours))

    known = [
        over("Datenbank", 10, 2),
        over("Datenträger", 9, 3),
        over("Mailserver", 5, 1),
        over("Datenbank", 24 * 40, 1),
    ]

    assert [(each.part, each.minutes) for each in disturbances([*known, over("Uhr", 3, 1)], NOW)] == [
        ("E-Mail-Versand", 60),
        ("Arbeiten und Speichern", 240),
    ]


@pytest.mark.parametrize("content", ["", "{", "null", "[1]", '[{"what": "x"}]', '[{"at": "gestern"}]'])
def test_a_journal_that_cannot_be_read_is_empty_and_one_that_grows_is_cut(tmp_path: Path, content: str) -> None:
    file = tmp_path / "journal.json"
    file.write_text(content)
    journal = Journal(file)

    assert journal.all() == []
    for number in range(KEPT + 3):
        journal._unwritten = [*(journal._unwritten or journal.all()), Happening("raised", str(number), NOW, NOW)]
    journal.add(Happening("raised", "last", NOW, NOW))
    assert [len(journal.all()), journal.all()[-1].what] == [KEPT, "last"]
