"""What the doctor says of backups: what was done counts, and how long ago. Each state is taken away in turn."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dentatool.operations.backup.memory import state


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def told(var: Path, **known: dict) -> tuple[bool | None, str]:
    good = {"backup": {"at": hours_ago(3)}, "verify": {"at": hours_ago(2), "wrong": 0},
            "drill": {"at": hours_ago(1), "passed": True}}  # fmt: skip
    (var / "backup" / "known.json").write_text(json.dumps({**good, **known}))
    now = state(var)
    return now.ok, now.found


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DENTATOOL_BACKUP_TARGET", str(tmp_path / "target"))
    (tmp_path / "backup").mkdir()
    return tmp_path


def test_a_backup_that_is_fresh_checked_and_drilled_is_good(var: Path) -> None:
    assert told(var) == (True, "die letzte ist 3 Std. alt, geprüft vor 2 Std., Wiederherstellung geprobt vor 60 Min.")


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({"backup": {"at": hours_ago(27)}}, "die letzte ist 27 Std. alt"),
        ({"verify": {"at": hours_ago(27), "wrong": 0}}, "zuletzt vor 27 Std. geprüft"),
        ({"verify": {"at": hours_ago(1), "wrong": 2}}, "2 Fehler bei der letzten Prüfung"),
        ({"drill": {"at": hours_ago(1), "passed": False}}, "die letzte Probe der Wiederherstellung ist gescheitert"),
    ],
)
def test_what_is_too_old_or_has_failed_is_wrong(var: Path, known: dict, found: str) -> None:
    assert told(var, **known) == (False, found)


def test_a_drill_is_due_each_month_by_hand_and_each_night_where_it_may_run(var: Path) -> None:
    assert told(var, drill={"at": hours_ago(30), "passed": True})[0] is True
    assert told(var, drill={"at": hours_ago(36 * 24), "passed": True})[0] is None

    (var / "backup" / "drill.identity").touch()

    assert told(var, drill={"at": hours_ago(30), "passed": True}) == (
        False, "die nächtliche Probe bleibt aus, zuletzt vor 30 Std.",
    )  # fmt: skip


def test_a_database_that_was_restored_is_not_served_and_told(var: Path) -> None:
    (var / "postgres").mkdir()
    (var / "postgres" / "ended-since.json").touch()

    assert told(var)[0] is False
