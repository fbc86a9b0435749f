"""Takes a sample each minute, beside the watch, and keeps it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event

import psycopg

from dentatool.operations.environment import connect
from dentatool.operations.monitoring import series
from dentatool.operations.monitoring.errors import as_json, groups
from dentatool.operations.monitoring.measures import Sample, measure
from dentatool.operations.monitoring.requests import BUCKETS_S, Counted, counted, folder_of
from dentatool.operations.monitoring.state_page import remember_errors
from dentatool.operations.secrets import database_of

EVERY_S = 60.0


class Sampler:
    """Knows the sample before, which counters and the minute's durations are reckoned from."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._before = series.newest(var)
        self._buckets: list[int] | None = None
        self._tidied: date | None = None

    def take(self) -> Sample:
        """One sample, kept. OSError when it cannot be."""
        sample = measure(self._var, _database(self._var), self._before)
        sample.values.update(self._requests(counted(folder_of(self._var))))
        self._before = sample
        series.append(self._var, sample)
        self._errors()
        if self._tidied != sample.at.date():
            self._tidied = sample.at.date()
            series.tidy(self._var, self._tidied)
        return sample

    def _errors(self) -> None:
        if (database := _database(self._var)) is None:
            return
        with suppress(psycopg.Error), connect(database, "backup") as link:
            remember_errors(self._var, [dict(as_json(group)) for group in groups(link)])

    def _requests(self, found: Iterable[Counted]) -> dict[str, float]:
        """All so far, those that failed, and how long the last minute's took (median, and 95 of 100)."""
        total, failed, buckets = 0, 0, [0] * (len(BUCKETS_S) + 1)
        for each in found:
            total += each.count
            failed += each.count if each.status >= 500 else 0
            buckets = [one + other for one, other in zip(buckets, each.buckets, strict=True)]
        values = {"requests_total": float(total), "requests_failed_total": float(failed)}
        if self._buckets is not None:
            lately = [now - then for now, then in zip(buckets, self._buckets, strict=True)]
            if sum(lately) and min(lately) >= 0:
                values |= {"request_p50_seconds": quantile(lately, 0.5), "request_p95_seconds": quantile(lately, 0.95)}
        self._buckets = buckets
        return values


def quantile(buckets: list[int], share: float) -> float:
    """So many seconds this share of the requests took at most, straight between two bounds, as Prometheus reckons it."""
    wanted, so_far, lower = share * sum(buckets), 0, 0.0
    for bound, count in zip(BUCKETS_S, buckets, strict=False):
        if so_far + count >= wanted and count:
            return lower + (bound - lower) * (wanted - so_far) / count
        so_far, lower = so_far + count, bound
    return BUCKETS_S[-1]


def sample_for_ever(var: Path, stopping: Event, say: Callable[[str], None]) -> None:
    """Until told to stop. What goes wrong is a gap, not an end."""
    sampler = Sampler(var)
    while not stopping.is_set():
        begun = datetime.now(UTC)
        try:
            sampler.take()
        except Exception as failure:
            say(f"Die Messung ist gestört ({type(failure).__name__}).")
        stopping.wait(max(1.0, EVERY_S - (datetime.now(UTC) - begun).total_seconds()))


def _database(var: Path) -> dict[str, object] | None:
    try:
        return database_of(var)
    except (OSError, ValueError):
        return None
