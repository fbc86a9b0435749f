"""Which files bring a moment back, or which moment nearest to it can be brought back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import BACKUPS, WAL, Entry
from dentatool.operations.backup.generations import BERLIN, ended
from dentatool.operations.backup.segments import position_of


class NotRestorable(BackupError):
    """The wanted moment cannot be brought back; the message names the nearest that can."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Backups from the full one on, then segments and histories in order; `reach` is how far they go."""

    backups: tuple[Entry, ...]
    wal: tuple[Entry, ...]
    reach: datetime

    @property
    def bytes(self) -> int:
        """How much is fetched."""
        return sum(entry.size for entry in (*self.backups, *self.wal))


def plan(entries: Sequence[Entry], to: datetime | None) -> Plan:
    """For this moment, or for the newest there is; NotRestorable instead of something else than was asked for."""
    made = {entry.number: entry for entry in entries if entry.kind in BACKUPS}
    segments = _segments(entries)
    others = [entry for entry in entries if entry.kind == WAL and entry.facts["name"].endswith(".history")]
    whole = {number: found for number in made if (found := _from(made, segments, number)) is not None}
    if not whole:
        raise NotRestorable("Im Sicherungsziel ist keine vollständige Sicherung.")
    if to is None:
        newest = max(made)
        if newest not in whole:
            raise NotRestorable(
                f"Die neueste Sicherung ({newest:08}.age) ist unvollständig. Wiederherstellbar ist bis {_said(_reach(whole))}:"
                " Nennen Sie den Zeitpunkt mit --to."
            )
        return _cut(whole[newest], others, None)
    reaching = [found for found in whole.values() if ended(found.backups[-1]) <= to <= found.reach]
    if not reaching:
        raise NotRestorable(f"{_said(to)} ist nicht wiederherstellbar. {_nearest(whole, to)}")
    return _cut(max(reaching, key=lambda found: found.backups[-1].number), others, to)


def spans(entries: Sequence[Entry]) -> list[str]:
    """Which moments can be brought back, told: to the minute from when to when, and single ones before."""
    made = {entry.number: entry for entry in entries if entry.kind in BACKUPS}
    segments = _segments(entries)
    found = sorted(
        (ended(plan_.backups[-1]), plan_.reach)
        for number in made
        if (plan_ := _from(made, segments, number)) is not None
    )
    told, joined = list[str](), list[tuple[datetime, datetime]]()
    for begin, end in found:
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    for begin, end in joined:
        if (end - begin).total_seconds() < 60:
            told.append(f"Wiederherstellbar: {_said(end)}")
        else:
            told.append(f"Wiederherstellbar: {_said(begin, up=True)} bis {_said(end)}, jede Minute")
    return told


def _segments(entries: Sequence[Entry]) -> dict[int, list[Entry]]:
    segments: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry.position is not None:
            segments.setdefault(entry.position, []).append(entry)
    return segments


def _from(made: Mapping[int, Entry], segments: Mapping[int, list[Entry]], number: int) -> Plan | None:
    """This backup, its forerunners, and every segment from its beginning up to the first gap; None if too few."""
    line, at = [made[number]], made[number]
    while (parent := at.facts["parent"]) is not None:
        if parent not in made:
            return None
        line.append(at := made[parent])
    newest = made[number]
    position, run = newest.needed.start, list[Entry]()
    while position in segments:
        run += segments[position]
        position += 1
    if position < newest.needed.stop:
        return None
    return Plan(tuple(reversed(line)), tuple(run), max(ended(newest), *(_until(entry) for entry in run)))


def _cut(found: Plan, others: Sequence[Entry], to: datetime | None) -> Plan:
    """No segment more than needed: up to the first that was finished after the moment."""
    if to is None:
        return Plan(found.backups, (*others, *found.wal), found.reach)
    least = found.backups[-1].needed.stop - 1
    enough = min(
        position_of(entry.facts["name"]) for entry in found.wal if _until(entry) >= to or _until(entry) == found.reach
    )
    wal = [entry for entry in found.wal if position_of(entry.facts["name"]) <= max(least, enough)]
    return Plan(found.backups, (*others, *wal), found.reach)


def _until(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.facts["until"])


def _reach(whole: Mapping[int, Plan]) -> datetime:
    return max(found.reach for found in whole.values())


def _nearest(whole: Mapping[int, Plan], to: datetime) -> str:
    before = [found.reach for found in whole.values() if found.reach < to]
    after = [moment for found in whole.values() if (moment := ended(found.backups[-1])) > to]
    told = []
    if before:
        told.append(f"davor bis {_said(max(before))}")
    if after:
        told.append(f"danach ab {_said(min(after), up=True)}")
    return f"Am nächsten liegt: {', '.join(told)}."


def _said(moment: datetime, *, up: bool = False) -> str:
    """To the second, rounded so that the moment said is itself restorable."""
    from_above = moment.replace(microsecond=0).timestamp() + (1 if up and moment.microsecond else 0)
    return f"{datetime.fromtimestamp(from_above, BERLIN):%d.%m.%Y %H:%M:%S}"
