"""A year of nights: what is due, what is kept, and that whatever is kept can be restored."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dentatool.operations.backup.chain import BACKUPS, FULL, INCREMENTAL, WAL, Entry
from dentatool.operations.backup.generations import DAYS, ended, last_night, may_go, next_kind
from dentatool.operations.backup.planning import NotRestorable, plan, spans

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Year:
    """A target in memory: a segment every six hours, a backup when one is due, pruned each night."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._number, self._position = 0, 0

    def live_until(self, end: datetime) -> None:
        now = BEGIN
        while now < end:
            self._position += 1
            self._add(
                WAL,
                now,
                {"name": f"{1:08X}{self._position // 256:08X}{self._position % 256:08X}", "until": now.isoformat()},
            )
            if (kind := next_kind(self.entries, now)) is not None:
                self._back_up(kind, now)
                gone = may_go(self.entries, now)
                self.entries = [entry for entry in self.entries if entry.number not in gone]
            now += timedelta(hours=6)

    def _back_up(self, kind: str, now: datetime) -> None:
        made = [entry for entry in self.entries if entry.kind in BACKUPS]
        segment = f"{1:08X}{self._position // 256:08X}{self._position % 256:08X}"
        self._add(kind, now, {
            "parent": made[-1].number if kind == INCREMENTAL else None, "begun_at": now.isoformat(),
            "ended_at": now.isoformat(), "wal_first": segment, "wal_last": segment,
        })  # fmt: skip

    def _add(self, kind: str, now: datetime, facts: dict) -> None:
        self._number += 1
        self.entries.append(Entry(self._number, kind, now, "", "", 1, "", facts))


@pytest.fixture(scope="module")
def after_a_year() -> tuple[Year, datetime]:
    year, end = Year(), BEGIN + timedelta(days=400)
    year.live_until(end)
    return year, end


def test_every_moment_of_the_last_seven_days_comes_back(after_a_year) -> None:
    year, end = after_a_year

    for hours in range(7, DAYS * 24):
        moment = end - timedelta(hours=hours)
        assert plan(year.entries, moment).reach >= moment


def test_every_kept_backup_comes_back_to_its_own_moment(after_a_year) -> None:
    year, _end = after_a_year
    kept = [entry for entry in year.entries if entry.kind in BACKUPS]

    for entry in kept:
        assert plan(year.entries, ended(entry)).backups[-1] == entry


def test_a_year_is_kept_in_months_and_not_in_everything(after_a_year) -> None:
    year, end = after_a_year
    full = [entry for entry in year.entries if entry.kind == FULL]

    assert len({ended(entry).strftime("%Y-%m") for entry in full}) == 12
    assert len(full) <= 12 + 4 + 2
    assert len([entry for entry in year.entries if entry.kind == WAL]) < 100
    with pytest.raises(NotRestorable, match=r"davor bis .*, danach ab"):
        plan(year.entries, end - timedelta(days=100, hours=3))


def test_a_full_one_comes_first_then_weekly_and_each_night_an_incremental() -> None:
    year = Year()
    year.live_until(BEGIN + timedelta(days=8, hours=1))

    kinds = [entry.kind for entry in year.entries if entry.kind in BACKUPS]

    assert kinds == [FULL, *[INCREMENTAL] * 6, FULL, INCREMENTAL]


def test_half_past_two_is_german_time_also_when_the_clock_changes() -> None:
    assert last_night(datetime(2026, 7, 1, 0, 31, tzinfo=UTC)) == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert last_night(datetime(2026, 7, 1, 0, 29, tzinfo=UTC)) == datetime(2026, 6, 30, 0, 30, tzinfo=UTC)
    assert last_night(datetime(2026, 12, 1, 1, 31, tzinfo=UTC)) == datetime(2026, 12, 1, 1, 30, tzinfo=UTC)


def test_the_list_tells_which_moments_come_back(after_a_year) -> None:
    """Seven days and a bit as one span; before that a short one for each full backup that is kept."""
    year, end = after_a_year

    told = spans(year.entries)

    full = [entry for entry in year.entries if entry.kind == FULL]
    assert 12 <= len(told) <= len(full)
    first, last = told[-1].removeprefix("Wiederherstellbar: ").removesuffix(", jede Minute").split(" bis ")
    began, reached = (
        datetime.strptime(each, "%d.%m.%Y %H:%M:%S").replace(tzinfo=ZoneInfo("Europe/Berlin")) for each in (first, last)
    )
    assert began <= end - timedelta(days=7) and reached > end - timedelta(hours=7)
    assert plan(year.entries, began).reach >= began and plan(year.entries, reached).reach >= reached
    assert spans([]) == []
