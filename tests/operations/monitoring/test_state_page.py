"""/betrieb/zustand/: for whom it opens, and that its charts show what was measured, limits and gaps included."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from dentatool.operations.finding import GOOD, WARNING, WRONG, Finding
from dentatool.operations.monitoring import series
from dentatool.operations.monitoring.alerts import Alerts
from dentatool.operations.monitoring.charts import (
    CHARTS,
    SPANS,
    Chart,
    drawn,
    german,
    points,
    round_up,
    runs,
    values_of,
)
from dentatool.operations.monitoring.measures import MEASURES, Sample
from dentatool.operations.monitoring.pass_link import new_pass
from dentatool.operations.monitoring.state_page import remember_errors, remember_findings

VAR = Path(os.environ["DENTATOOL_VAR"])
NOW = datetime.now(UTC)  # of the import: the samples below end a little before the page is asked
DAY = SPANS[0]


@pytest.fixture
def measured() -> Iterator[None]:
    """A day of samples with a gap of two hours, a fault, a warning and an error of the program."""
    forget()
    for minute in range(24 * 60, 0, -1):
        if not 600 < minute < 720:
            series.append(VAR, sample(minute))
    alerts, full = Alerts(VAR), Finding("Datenträger", WRONG, "400 MB frei", "Schaffen Sie Platz.")
    for _ in range(2):
        alerts.look([full], NOW - timedelta(minutes=30))
    names = (
        "Uhr",
        "Zeilenschutz",
        "Mandantenschutz",
        "PostgreSQL",
        "Sicherungen",
        "Versiegelung",
        "Rolle der Anwendung",
    )
    good = [Finding(name, GOOD, "-") for name in names]
    remember_findings(
        VAR, [*good, full, Finding("Mailserver", WARNING, "keiner eingerichtet", "DENTATOOL_SMTP_URL setzen")]
    )
    at = (NOW - timedelta(hours=3)).isoformat()
    group = {
        "fingerprint": "0123456789ab",
        "kind": "KeyError",
        "place": "orders/lines.py:12 add",
        "part": "order",
        "version": "0.1.0",
    }
    remember_errors(VAR, [{**group, "count": 3, "first_at": at, "last_at": at, "settled_at": None}])
    yield
    forget()


def forget() -> None:
    """What was measured and told; not the counters, which this process goes on writing."""
    shutil.rmtree(VAR / "monitoring" / "samples", ignore_errors=True)
    for name in ("alerts.json", "journal.json", "findings.json", "errors.json", "heartbeat"):
        (VAR / "monitoring" / name).unlink(missing_ok=True)


def sample(minutes_ago: int) -> Sample:
    wave = 1 + math.sin(minutes_ago / 120) + (minutes_ago % 7) / 10
    values = dict.fromkeys((each.name for each in MEASURES), 1.0) | {
        "load_1m": wave, "processors": 2, "memory_available_bytes": 2.1e9 + wave * 4e8, "disk_free_bytes": 4e8 + minutes_ago * 4e6,
        "database_connections": 6 + minutes_ago % 5, "database_connections_max": 100, "database_size_bytes": 4.1e8 - minutes_ago * 9e3,
        "database_blocks_hit_total": 1e6 - minutes_ago * 500, "database_blocks_read_total": 1e5 - minutes_ago * 7,
        "requests_total": 1e5 - minutes_ago * 40 + 900 * math.sin(minutes_ago / 90), "request_p95_seconds": 0.05 * wave,
        "requests_failed_total": 3, "sign_in_failures_total": 90 - minutes_ago // 20, "backup_age_seconds": 60.0 * minutes_ago,
        "jobs_oldest_due_seconds": 0, "mail_oldest_seconds": 30, "sealing_lag_seconds": 40 + minutes_ago % 30,
    }  # fmt: skip
    return Sample(NOW - timedelta(minutes=minutes_ago), values)


def ask(link: str, **meta: str) -> Any:
    return Client(**{"REMOTE_ADDR": "127.0.0.1"} | meta).get(f"/betrieb/zustand/{link}", secure=True)


def test_it_opens_for_near_addresses_with_a_fresh_link_alone(database: dict) -> None:
    link = f"?schein={new_pass('Clara')}"

    assert ask(link).status_code == 200
    assert ask(link, REMOTE_ADDR="192.0.2.7").status_code == 404
    assert ask(link, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404
    for wrong in (
        "",
        "?schein=",
        "?schein=x",
        link[:-1],
        link.replace("?schein=", "?schein=a"),
        f"?schein={'a' * 5000}",
    ):
        answer = ask(wrong)
        assert answer.status_code == 403 and "monitor open" in answer.content.decode()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=31), tick=False):
        assert ask(link).status_code == 403


@pytest.mark.usefixtures("measured")
def test_what_is_good_comes_first_then_faults_and_charts_with_units_limits_and_gaps(database: dict) -> None:
    answer = ask(f"?schein={new_pass('Clara')}")

    text = answer.content.decode()
    order = [
        text.index(f'id="{part}"') for part in ("gut", "stoerungen", "warnungen", "verlauf", "fehler", "geschehen")
    ]
    assert order == sorted(order)
    assert text.count('<svg class="chart"') == len(CHARTS)
    assert "style=" not in text and "<script>" not in text
    (load,) = re.findall(r'<svg class="chart"[^>]*aria-label="Last, 24 Stunden: [^"]*Grenze 2".*?</svg>', text)
    (line,) = re.findall(r'class="chart-line" d="([^"]+)"', load)
    assert line.count("M") == 2  # before and after the gap
    assert "chart-limit" in load
    assert "Grenze 100" in text  # of connections: told, not drawn, since it is far away
    assert "monitor acknowledge" in text and "monitor settle 0123456789ab" in text
    assert answer.headers["Cache-Control"] == "no-store"
    for key in ("7t", "90t", "unsinn"):
        assert ask(f"?zeitraum={key}&schein={new_pass('Clara')}").status_code == 200


def test_without_a_measurement_it_says_so(database: dict) -> None:
    forget()

    text = ask(f"?schein={new_pass('Clara')}").content.decode()

    assert "Die Überwachung steht still" in text and "Noch keine Messwerte" in text


def test_a_gap_is_a_gap_and_a_counter_that_begins_anew_is_no_fall() -> None:
    counter = Chart("x", "requests_total", "je Minute", is_rate=True)
    taken = {60: 100.0, 59: 160.0, 58: 5.0, 57: 25.0, 10: 40.0, 9: 41.0}
    values = list(
        values_of(counter, [Sample(NOW - timedelta(minutes=m), {"requests_total": v}) for m, v in taken.items()])
    )

    assert [value for _at, value, _most in values] == pytest.approx([60.0, 20.0, 1.0])
    found = points(values, DAY, NOW)
    assert [len(run) for _first, run in runs(found)] == [1, 1]
    assert len(found) == 288


def test_a_thinned_day_keeps_its_highest_value(tmp_path: Path) -> None:
    for minute in range(60):
        at = datetime(2026, 11, 10, 8, minute, tzinfo=UTC)
        series.append(tmp_path, Sample(at, {"load_1m": 9.0 if minute == 3 else 1.0}))
    series.tidy(tmp_path, datetime(2026, 11, 25, tzinfo=UTC).date())

    load = next(chart for chart in CHARTS if chart.name == "load_1m")
    values = list(values_of(load, series.since(tmp_path, datetime(2026, 11, 9, tzinfo=UTC))))

    assert [(value, most) for _at, value, most in values] == [(1.0, 9.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)]


def test_every_chart_shows_something_that_is_measured() -> None:
    known = {each.name for each in MEASURES} | {"requests_total", "requests_failed_total", "request_p95_seconds"}

    assert {chart.name for chart in CHARTS} | {chart.of for chart in CHARTS if chart.of} <= known
    assert {chart.limit for chart in CHARTS if isinstance(chart.limit, str)} <= known
    assert len(list(drawn([sample(3), sample(2)], DAY, NOW))) == len(CHARTS)


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.0451, "0,045"), (1.25, "1,25"), (12.34, "12,3"), (100, "100"), (1234.6, "1.235"), (2e6, "2.000.000")]
)  # fmt: skip
def test_numbers_are_german(value: float, words: str) -> None:
    assert german(value) == words


def test_axes_end_at_round_numbers() -> None:
    assert [round_up(value) for value in (0, 0.3, 1, 1.1, 30, 99, 501)] == [1, 0.5, 1, 2, 50, 100, 1000]


@pytest.mark.slow
def test_the_command_prints_a_link_and_that_is_noted_without_the_name(database: dict, superuser: Any) -> None:
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "monitor", "open", "--by", "Clara Sommer"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    link = re.search(r"/betrieb/zustand/(\?schein=\S+)", done.stdout)
    assert link and ask(link[1]).status_code == 200
    rows = superuser.execute(
        "select facts from protection_platformevent where event = 'sys_admin' and facts ->> 'command' = 'monitor open'"
    ).fetchall()
    assert rows and "Sommer" not in json.dumps([facts for (facts,) in rows])
