"""Which faults are told, when, and when no longer. The clock is the only thing that is not real."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dentatool.operations.doctor import GOOD, WARNING, WRONG, Finding
from dentatool.operations.monitoring.alerts import CANNOT_LOOK, Alerts

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DISK_FULL = Finding("Datenträger", WRONG, "3 MB frei", "Schaffen Sie Platz.")
DISK_GOOD = Finding("Datenträger", GOOD, "90000 MB frei")
AWAY = Finding("Datenbank", WRONG, "Verbindung abgelehnt", "make run")


@pytest.fixture
def alerts(tmp_path: Path) -> Alerts:
    return Alerts(tmp_path)


def due(alerts: Alerts, *findings: Finding, after: timedelta = timedelta()) -> list[str]:
    """What is to be told after one more look, and then was told."""
    now = NOON + after
    news = [alert for alert in alerts.look(findings, now) if alert.is_over or alert.is_due(now)]
    alerts.tell(news, now)
    return [f"{'behoben' if alert.is_over else 'gestört'}: {alert.what}" for alert in news]


def test_a_fault_is_told_when_it_is_seen_twice_and_its_end_when_it_is_missed_twice(alerts: Alerts) -> None:
    told = [due(alerts, each) for each in (DISK_FULL, DISK_FULL, DISK_FULL, DISK_GOOD, DISK_GOOD, DISK_GOOD)]

    assert told == [[], ["gestört: Datenträger"], [], [], ["behoben: Datenträger"], []]
    assert alerts.all() == []


def test_a_hiccup_is_told_to_nobody(alerts: Alerts) -> None:
    assert [due(alerts, each) for each in (DISK_FULL, DISK_GOOD) * 5] == [[]] * 10


def test_a_fault_that_comes_back_at_once_was_never_over(alerts: Alerts) -> None:
    told = [due(alerts, each) for each in (DISK_FULL, DISK_FULL, DISK_GOOD, DISK_FULL, DISK_GOOD, DISK_FULL)]

    assert told == [[], ["gestört: Datenträger"], [], [], [], []]
    assert alerts.all()[0].since == NOON


def test_a_warning_is_no_fault(alerts: Alerts) -> None:
    warning = Finding("Datenträger", WARNING, "1500 MB frei")

    assert [due(alerts, warning) for _ in range(3)] == [[]] * 3


def test_it_is_told_again_every_four_hours_until_somebody_takes_it_on(alerts: Alerts) -> None:
    def at(hours: float) -> list[str]:
        return due(alerts, DISK_FULL, after=timedelta(hours=hours))

    assert [at(hours) for hours in (0, 0.01, 3.9, 4.1, 8.0)] == [
        [],
        ["gestört: Datenträger"],
        [],
        ["gestört: Datenträger"],
        [],
    ]
    assert alerts.acknowledge(alerts.all()[0].id, by="Clara", reason="bestellt")
    assert alerts.acknowledge("Datentreger", by="Clara", reason="-") is None
    assert [at(hours) for hours in (9, 20)] == [[], []]
    assert [due(alerts, DISK_GOOD), due(alerts, DISK_GOOD)] == [[], ["behoben: Datenträger"]]


def test_what_was_not_delivered_is_told_at_the_next_look(alerts: Alerts) -> None:
    for _ in range(5):
        found = alerts.look([DISK_FULL], NOON)

    assert [alert.is_due(NOON) for alert in found] == [True]


@pytest.mark.parametrize("blind", [AWAY, Finding(CANNOT_LOOK, WRONG, "scheitert (ValueError)")])
def test_what_cannot_be_looked_at_is_not_over(alerts: Alerts, blind: Finding) -> None:
    bare = Finding("Zeilenschutz", WRONG, "fehlt bei orders_order", "dentatool migrate")
    for _ in range(2):
        due(alerts, bare, DISK_GOOD)

    told = [due(alerts, blind) for _ in range(4)]

    assert told == [[], [f"gestört: {blind.what}"], [], []]
    assert sorted(due(alerts) + due(alerts)) == sorted([f"behoben: {blind.what}", "behoben: Zeilenschutz"])


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"what": "x"}]', "null", '[{"what": "x", "since": "gestern"}]'])
def test_a_memory_that_cannot_be_read_is_none_and_a_lasting_fault_is_told_again(alerts: Alerts, content: str) -> None:
    for _ in range(2):
        due(alerts, DISK_FULL)
    (alerts.folder / "alerts.json").write_text(content)

    assert [due(alerts, DISK_FULL), due(alerts, DISK_FULL)] == [[], ["gestört: Datenträger"]]


def test_the_memory_is_for_its_owner_alone(alerts: Alerts) -> None:
    due(alerts, DISK_FULL)

    file = alerts.folder / "alerts.json"
    assert (file.stat().st_mode & 0o777, alerts.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(file.read_text())[0]["what"] == "Datenträger"
