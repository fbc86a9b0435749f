"""Samples of ninety days: bounded, whole after a crash, and the minute's durations rightly reckoned."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dentatool.operations.monitoring import series
from dentatool.operations.monitoring.measures import Sample
from dentatool.operations.monitoring.requests import BUCKETS_S
from dentatool.operations.monitoring.sampling import quantile

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def fill(var: Path, day: datetime, minutes: int) -> None:
    for minute in range(minutes):
        at = day.replace(hour=0) + timedelta(minutes=minute)
        series.append(var, Sample(at, {"load_1m": minute % 15 + 0.5}))


def test_what_was_taken_is_read_again_and_a_line_cut_off_by_a_crash_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, NOON - timedelta(days=1), 3)
    fill(tmp_path, NOON, 3)
    (file,) = series.folder_of(tmp_path).glob("2026-11-26*")
    with file.open("a") as cut:
        cut.write('{"at": 17960')

    assert series.newest(tmp_path).values == {"load_1m": 2.5}
    assert len(list(series.since(tmp_path, NOON - timedelta(days=3)))) == 6
    assert len(list(series.since(tmp_path, NOON.replace(hour=0, minute=1)))) == 2
    assert series.newest(tmp_path / "nowhere") is None


def test_old_days_are_thinned_and_the_oldest_go(tmp_path: Path) -> None:
    for days in (0, 9, 10, 92):
        fill(tmp_path, NOON - timedelta(days=days), 60)

    for _ in range(2):  # a second time changes nothing
        series.tidy(tmp_path, NOON.date())

    assert sorted(file.name for file in series.folder_of(tmp_path).iterdir()) == [
        "2026-11-16.jsonl.thin", "2026-11-17.jsonl", "2026-11-26.jsonl",
    ]  # fmt: skip
    thinned = list(series.since(tmp_path, NOON - timedelta(days=11)))[:4]
    assert [each.values for each in thinned] == [{"load_1m": 14.5, "max:load_1m": 14.5}] * 4


def test_samples_are_for_their_owner_alone(tmp_path: Path) -> None:
    fill(tmp_path, NOON, 1)

    (file,) = series.folder_of(tmp_path).iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("buckets", "median", "p95"),
    [
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0025, 0.00475),
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.005, 0.0095),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 10.0, 10.0),
    ],
)
def test_quantiles_lie_between_the_bounds(buckets: list[int], median: float, p95: float) -> None:
    assert len(buckets) == len(BUCKETS_S) + 1
    assert (quantile(buckets, 0.5), quantile(buckets, 0.95)) == (pytest.approx(median), pytest.approx(p95))
