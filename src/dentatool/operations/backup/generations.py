"""Which backups are kept, which is made next, and what may be deleted. Pure: times in, numbers out.

Seven days to the minute; then four weeks and twelve months by one full backup each, restorable to its own moment.
Nothing is deleted that something kept needs: an incremental its forerunners, a backup its segments of the log.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from dentatool.operations.backup.chain import BACKUPS, FULL, HEADS, INCREMENTAL, PRUNE, WAL, Entry

DAYS, WEEKS, MONTHS = 7, 4, 12
NIGHT = time(2, 30)
_FULL_AFTER = timedelta(days=6, hours=12)
BERLIN = ZoneInfo("Europe/Berlin")


def next_kind(entries: Iterable[Entry], now: datetime) -> str | None:
    """What is due: a full one when there is none or the last is a week old, else each night an incremental."""
    made = [entry for entry in entries if entry.kind in BACKUPS]
    full = [entry for entry in made if entry.kind == FULL]
    if not full:
        return FULL
    if began(made[-1]) >= last_night(now):
        return None
    return FULL if now - began(full[-1]) > _FULL_AFTER else INCREMENTAL


def last_night(now: datetime) -> datetime:
    """The most recent half past two."""
    local = now.astimezone(BERLIN)
    night = datetime.combine(local.date(), NIGHT, BERLIN)
    return night if night <= local else datetime.combine(local.date() - timedelta(days=1), NIGHT, BERLIN)


def may_go(entries: Sequence[Entry], now: datetime) -> set[int]:
    """Numbers of entries that nothing needs any more."""
    made = {entry.number: entry for entry in entries if entry.kind in BACKUPS}
    if not made:
        return set()
    recent = [entry for entry in made.values() if ended(entry) > now - timedelta(days=DAYS)]
    window = min(recent or [max(made.values(), key=lambda entry: entry.number)], key=lambda entry: entry.number)
    # One older than the window, so that its first moments are reachable as well.
    older = [entry.number for entry in made.values() if entry.number < window.number]
    first = made[max(older)] if older else window
    full = [entry for entry in made.values() if entry.kind == FULL]
    kept = {entry.number for entry in made.values() if entry.number >= first.number}
    kept |= _newest_of(full, WEEKS, lambda day: day.isocalendar()[:2]) | _newest_of(
        full, MONTHS, lambda day: (day.year, day.month)
    )
    for number in sorted(kept, reverse=True):
        while (parent := made[number].facts["parent"]) is not None and parent in made:
            kept.add(parent)
            number = parent
    needed = {position for number in kept for position in made[number].needed}
    since = first.needed.start
    gone = set(made) - kept
    for entry in entries:
        if entry.position is not None:
            if entry.position < since and entry.position not in needed:
                gone.add(entry.number)
        elif entry.kind == WAL and entry.facts["name"].endswith(".backup") and entry.number < first.number:
            gone.add(entry.number)  # a label: told again in the backup itself
    prunes = [entry.number for entry in entries if entry.kind == PRUNE]
    heads = [entry.number for entry in entries if entry.kind == HEADS]
    return gone | set(prunes[:-1]) | set(heads[:-1])


def began(entry: Entry) -> datetime:
    """When the backup was begun."""
    return datetime.fromisoformat(entry.facts["begun_at"])


def ended(entry: Entry) -> datetime:
    """The first moment it can be restored to."""
    return datetime.fromisoformat(entry.facts["ended_at"])


def _newest_of(full: Iterable[Entry], most: int, period: Callable[[datetime], Hashable]) -> set[int]:
    """The last backup of each of the latest `most` periods."""
    last: dict[Hashable, Entry] = {}
    for entry in sorted(full, key=lambda entry: entry.number):
        last[period(ended(entry).astimezone(BERLIN))] = entry
    return {entry.number for entry in sorted(last.values(), key=lambda entry: entry.number)[-most:]}
