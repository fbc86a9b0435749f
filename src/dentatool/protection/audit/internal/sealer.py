"""The sealer: gives numbers to entries that are committed, signs what the trail is then, and tells it outside.

No entry is ever passed over, though entries commit out of order and writers know nothing of it. An entry's time is not
before its transaction got its number. So at each round the sealer takes a number for itself and the time before that:
whoever gets a later number writes later entries. As soon as all transactions with earlier numbers have ended, every
entry older than that time is to be seen, and only then "until" moves there. What is looked at in each round is what is
newer than "until", by index, and for SLACK before it: a process may be halted between reading the clock and getting its
number, and clocks are adjusted.
How it could be broken: by a clock that is set back by more than SLACK while no sealer runs. Set back while one runs, it
is noticed, and the sealer looks further back.
Tests that try: tests/protection/audit/test_sealing.py.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import connection

from dentatool.protection.audit.internal.events import record_event, record_platform_event
from dentatool.protection.audit.internal.models import Checkpoint as Kept
from dentatool.protection.audit.internal.models import Leaf
from dentatool.protection.tenancy import laboratory
from dentatool.values.checkpoint import Checkpoint, CheckpointError, TrailKey, open_checkpoint
from dentatool.values.merkle import HASH_BYTES, GrowingTree
from dentatool.values.trail_leaf import hash_of_leaf
from dentatool.values.witness import WitnessFile

PLATFORM = UUID(int=0)  # the tree of the platform's own events; no laboratory has this id
SLACK = timedelta(minutes=5)
EVERY_S = 60.0
BATCH = 10_000  # entries of one checkpoint
HALTED = "angehalten"  # kind of the event that says a trail is not sealed any more
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = 28  # of each month; each trail is thinned on one of them
_ONE_SEALER = 0x7365616C  # advisory lock
_JUMP = timedelta(seconds=1)
log = logging.getLogger("dentatool.audit")


class ChainBroken(Exception):
    """The trail in the database does not continue what was signed and witnessed. In German."""


@dataclass(frozen=True, slots=True)
class _Tick:
    """Before this time nothing can be missing once all transactions up to this number have ended."""

    at: datetime
    number: int


class Sealer:
    """Seals all trails, again and again. Its memory is of use but not needed: a new one goes on from the database."""

    def __init__(self, key: TrailKey, folder: Path, *, slack: timedelta = SLACK, batch: int = BATCH) -> None:
        self._key, self._folder, self._slack, self._batch = key, folder, slack, batch
        self._ticks: deque[_Tick] = deque()
        self._settled: datetime | None = None
        self._now, self._clock = _BEGINNING, time.monotonic()
        self._broken: set[UUID] = set()
        self._is_first = True
        self._thinned_on: date | None = None

    def run(self, stopping: Event, *, every_s: float = EVERY_S) -> None:
        """A round each minute until told to stop. A database that is away for a while is waited for."""
        while not stopping.is_set():
            try:
                self.round()
            except DatabaseFailure:
                log.exception("trails could not be sealed; trying again")
                connection.close()
            except Exception:
                log.exception("trails could not be sealed; trying again")
            stopping.wait(every_s)
        connection.close()

    def round(self) -> int:
        """Seal what is there of all trails; how many entries. Only one sealer works at a time: others find nothing."""
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s)", [_ONE_SEALER])
            if cursor.fetchone() != (True,):
                return 0
        try:
            return self._round()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", [_ONE_SEALER])

    def _round(self) -> int:
        self._tick()
        trails = self._all_trails() if self._is_first else self._unsealed_trails()
        sealed = sum(self._seal(tree) for tree in trails)
        self._is_first = False
        if self._thinned_on != self._now.date():
            self._thinned_on = self._now.date()
            self.thin(self._now.day)
        return sealed

    def thin(self, day: int) -> int:
        """Of the checkpoints of days that are over for a week leave each day's last; how many went. Each trail once a month.

        First in the database, then outside: killed in between, the check knows that those may be missing there.
        """
        thinned = 0
        for tree in self._all_trails():
            if tree.int % _DAYS != (day - 1) % _DAYS or tree in self._broken:
                continue
            with laboratory(tree), connection.cursor() as cursor:
                cursor.execute("select protection.thin_checkpoints()")
                (gone,) = cursor.fetchone()
            if gone:
                try:
                    WitnessFile(self._folder, tree).thin(self._key.public, self._now)
                except (CheckpointError, OSError, ValueError, KeyError) as reason:
                    log.warning("the witness of trail %s stays as it is: %s", tree, reason)
                thinned += gone
        return thinned

    def _tick(self) -> None:
        with connection.cursor() as cursor:
            # A number of our own: xmax of a snapshot is only the one after the last that has ended.
            cursor.execute("select statement_timestamp(), pg_current_xact_id()::text::bigint")
            now, number = cursor.fetchone()
            cursor.execute("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            (running_from,) = cursor.fetchone()
        clock = time.monotonic()
        back = timedelta(seconds=clock - self._clock) - (now - self._now)
        if self._now > _BEGINNING and back > _JUMP:
            log.warning("the database's clock was set back by %s", back)
            self._slack += back
            self._ticks.clear()
            self._settled = None
        self._now, self._clock = now, clock
        self._ticks.append(_Tick(now, number))
        while self._ticks and self._ticks[0].number < running_from:
            self._settled = self._ticks.popleft().at

    def _all_trails(self) -> list[UUID]:
        """In the first round everything is looked at: a sealer that was killed may have left something untold."""
        with connection.cursor() as cursor:
            cursor.execute("select * from protection.door_laboratories()")
            known = {tree for (tree,) in cursor.fetchall()}
        return [*sorted(known | set(self._unsealed_trails())), PLATFORM]

    def _unsealed_trails(self) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute("select tree from protection.door_unsealed_trails(%s)", [self._slack])  # type: ignore[list-item]
            return [tree for (tree,) in cursor.fetchall()]

    def _seal(self, tree: UUID) -> int:
        """All that this trail has. One that is broken is left as it is, and said so once."""
        sealed = 0
        try:
            while count := self._seal_batch(tree):
                sealed += count
                if count < self._batch:
                    break
            self._broken.discard(tree)
        except ChainBroken as reason:
            if tree not in self._broken:
                self._broken.add(tree)
                _tell_broken(tree, str(reason))
        except DatabaseFailure:
            if not connection.is_usable():
                raise
            log.exception("trail %s could not be sealed", tree)  # the others' are
        return sealed

    def _seal_batch(self, tree: UUID) -> int:
        witness = WitnessFile(self._folder, tree)
        with laboratory(tree):
            last, grown = self._last(tree)
            self._tell_what_is_untold(tree, last, witness)
            until = last.until if last else None
            since = min(until, self._now) - self._slack if until else None
            with connection.cursor() as cursor:
                cursor.execute(
                    "select seq, id, day::text, what, content, at from protection.seal_entries(%s, %s, %s)",
                    [grown.size, since.isoformat() if since else "-infinity", self._batch],
                )
                rows = cursor.fetchall()
            if not rows:
                return 0
            leaves = b"".join(
                hash_of_leaf(tree, entry, day, content, what) for _seq, entry, day, what, content, _at in rows
            )
            for start in range(0, len(leaves), HASH_BYTES):
                grown.add(leaves[start : start + HASH_BYTES])
            settled = self._settled or until or _BEGINNING
            # Of a full batch only what is older than its last entry is complete.
            reached = min(settled, rows[-1][5]) if len(rows) == self._batch else settled
            note = self._key.sign(Checkpoint(tree, grown.size, grown.root, self._now, reached))
            with connection.cursor() as cursor:
                cursor.execute(
                    "select protection.keep_checkpoint(%s, %s, %s, %s)",
                    [grown.size, reached.isoformat(), note, b"".join(grown.peaks)],
                )
        witness.append(note, leaves)  # after the commit: what is told outside is in the database for certain
        return len(rows)

    def _last(self, tree: UUID) -> tuple[Checkpoint | None, GrowingTree]:
        """The newest checkpoint, and the tree to go on with. Nothing is signed on top of what was tampered with."""
        kept = Kept.objects.filter(lab_id=tree).order_by("-size").first()
        if kept is None:
            if Leaf.objects.filter(lab_id=tree).exists():
                raise ChainBroken("Alle Prüfpunkte fehlen.")
            return None, GrowingTree()
        last = self._opened(kept, tree)
        peaks = bytes(kept.peaks)
        try:
            grown = GrowingTree(kept.size, [peaks[n : n + HASH_BYTES] for n in range(0, len(peaks), HASH_BYTES)])
        except ValueError as reason:
            raise ChainBroken("Der letzte Prüfpunkt wurde geändert.") from reason
        if (last.size, last.root, last.until) != (kept.size, grown.root, kept.until):
            raise ChainBroken("Der letzte Prüfpunkt wurde geändert.")
        return last, grown

    def _opened(self, kept: Kept, tree: UUID) -> Checkpoint:
        try:
            return open_checkpoint(kept.signed, self._key.public, tree)
        except CheckpointError as reason:
            raise ChainBroken(f"Prüfpunkt bei {kept.size} Einträgen: {reason}") from reason

    def _tell_what_is_untold(self, tree: UUID, last: Checkpoint | None, witness: WitnessFile) -> None:
        """Whoever sealed before may have been killed between the database and the file."""
        note = witness.last_note()
        try:
            told = open_checkpoint(note, self._key.public, tree) if note else None
        except CheckpointError as reason:
            raise ChainBroken(f"Zeugendatei: {reason}") from reason
        if told == last:
            return
        if told is not None and (last is None or last.size <= told.size):
            raise ChainBroken(
                f"Die Datenbank hat {last.size if last else 0} versiegelte Einträge, bezeugt sind {told.size}: "
                "Sie ist älter als der letzte bezeugte Prüfpunkt oder wurde ausgetauscht."
            )
        size = told.size if told else 0
        for kept in Kept.objects.filter(lab_id=tree, size__gt=size).order_by("size"):
            self._opened(kept, tree)
            found = Leaf.objects.filter(lab_id=tree, seq__gte=size, seq__lt=kept.size).order_by("seq")
            leaves = b"".join(hash_of_leaf(tree, f.id, str(f.day), bytes(f.content), f.what) for f in found)
            witness.append(kept.signed, leaves)
            size = kept.size


def _tell_broken(tree: UUID, reason: str) -> None:
    log.error("trail %s is not sealed any more: %s", tree, reason)
    tell_chain_broken(tree, reason, kind=HALTED)


def tell_chain_broken(tree: UUID, reason: str, *, kind: str = "") -> None:
    """Critical: note it among the platform's events, and in the trail of the laboratory whose trail it is."""
    record_platform_event("audit_chain_broken", record=str(tree), reason=reason, kind=kind)
    if tree != PLATFORM:
        with laboratory(tree):
            record_event("audit_chain_broken", reason=reason, kind=kind)
