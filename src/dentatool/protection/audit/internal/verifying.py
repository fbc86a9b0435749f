"""Recomputes a sealed trail from its entries and says what is not as it was sealed, the first bad entry first."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from dentatool.protection.audit.internal.models import Checkpoint as Kept
from dentatool.protection.audit.internal.sealer import PLATFORM, SLACK
from dentatool.protection.audit.retention import kept_days
from dentatool.protection.audit.vocabulary import WORDS
from dentatool.protection.tenancy import current
from dentatool.values.checkpoint import Checkpoint, CheckpointError, is_thinned, open_checkpoint
from dentatool.values.merkle import GrowingTree
from dentatool.values.trail_leaf import hash_of_leaf
from dentatool.values.witness import Witnessed, WitnessFile

MOST_FINDINGS = 50
_BATCH = 5_000
_DATABASE = -1  # stands before every entry

# The source of a trail's entries: the laboratory's, or the platform's own events.
_ENTRIES = (
    "public.protection_entry", "protection.entry_text", "what", "lab_id = %s and",
)  # fmt: skip
_EVENTS = ("public.protection_platformevent", "protection.platform_event_text", "event", "%s::uuid is not null and")


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One thing that is not as it was sealed. `seq`: the entry's number, or the first that it concerns."""

    seq: int
    text: str

    def __str__(self) -> str:
        return self.text if self.seq == _DATABASE else f"Nr. {self.seq}: {self.text}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong with it. Findings stand in the order of the entries."""

    tree: UUID
    sealed: int = 0
    expired: int = 0
    waiting: int = 0
    begun_anew: int = 0
    last: Checkpoint | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def first(self) -> Finding | None:
        """The first bad entry."""
        return min(self.findings, default=None)


def check_trail(public: bytes, folder: Path, *, slack: timedelta = SLACK) -> Report:
    """Check the trail of the laboratory whose pass is in force; with a pass of zeros, in the owner's role, the platform's.

    Everything is computed anew from the entries and held against leaves, checkpoints and the witness outside of the
    database; row policies are not relied upon. Reads all entries once.
    """
    file = WitnessFile(folder, current().lab_id)
    check = _Check(current().lab_id, public, file.read(public))
    check.report.begun_anew = file.set_aside_before
    check.checkpoints()
    check.leaves()
    check.expired()
    check.without_leaf(slack)
    check.report.findings.sort()
    return check.report


class _Check:
    def __init__(self, tree: UUID, public: bytes, witness: Witnessed) -> None:
        self._tree, self._public, self._witness = tree, public, witness
        self._opened: dict[int, Checkpoint] = {}
        self._peaks: dict[int, bytes] = {}
        self._gone: Counter[str] = Counter()  # entries that are no longer there and need not be, by class
        self._first_gone: dict[str, int] = {}
        self._source = _EVENTS if tree == PLATFORM else _ENTRIES
        self.report = Report(tree)
        if witness.wrong:
            self._found(*witness.wrong)

    def checkpoints(self) -> None:
        """Each is signed, is what its row says, and is the one that was witnessed."""
        before = 0
        for kept in Kept.objects.filter(lab_id=self._tree).order_by("size").iterator():
            try:
                found = open_checkpoint(kept.signed, self._public, self._tree)
            except CheckpointError as reason:
                self._found(before, f"Der Prüfpunkt bei {kept.size} Einträgen gilt nicht: {reason}")
                continue
            if (found.size, found.until) != (kept.size, kept.until):
                self._found(before, f"Der Prüfpunkt bei {kept.size} Einträgen wurde geändert oder ausgetauscht.")
            witnessed = self._witness.notes.get(kept.size)
            if witnessed != kept.signed and (witnessed is not None or kept.size < self._witness.size):
                self._found(before, f"Der Prüfpunkt bei {kept.size} Einträgen ist nicht der, der bezeugt ist.")
            self._opened[kept.size], self._peaks[kept.size] = found, bytes(kept.peaks)
            before = kept.size
        for size in self._not_thinned():
            if size not in self._opened:
                self._found(self._start_of(size), f"Der bezeugte Prüfpunkt bei {size} Einträgen fehlt oder gilt nicht.")
        if self._opened and not self._witness.notes and not self._witness.wrong:
            self._found(0, "Die Zeugendatei fehlt. Ohne sie ist nicht zu sehen, ob das Ende des Protokolls fehlt.")
        newest = [*(self._opened[size] for size in (max(self._opened, default=0),) if size), self._witness.last]
        self.report.last = max((each for each in newest if each), key=lambda each: each.size, default=None)

    def _not_thinned(self) -> Iterator[int]:
        """The sizes that were witnessed and must be in the database still."""
        now, sizes = datetime.now(UTC), sorted(self._witness.notes)
        heads = [open_checkpoint(self._witness.notes[size], self._public, self._tree) for size in sizes]
        for place, size in enumerate(sizes):
            if place + 1 == len(sizes) or not is_thinned(heads[place], heads[place + 1], now):
                yield size

    def leaves(self) -> None:
        """Each number has its leaf, each leaf its entry, and together they have the roots that were signed."""
        tree, expected = GrowingTree(), 0
        for seq, entry, day, what, content, is_there, now in self._rows():
            if seq != expected:
                missing = f"Nr. {expected} bis {seq - 1}" if seq - 1 > expected else f"Nr. {expected}"
                self._found(min(expected, seq), f"Siegel fehlen oder sind doppelt ({missing}).")
            expected = seq + 1
            leaf = hash_of_leaf(self._tree, entry, day, content, what)
            is_witnessed = seq < self._witness.size
            if is_witnessed and leaf != self._witness.leaf(seq):
                self._found(seq, f"Das Siegel wurde geändert (Eintrag {entry}, {what}, {day}).")
            elif not is_there:
                self._absent(seq, entry, day, what)
            elif now != content:
                self._found(seq, f"Der Eintrag {entry} wurde geändert ({what}, {day}).")
            tree.add(leaf)
            self._judge_root(tree)
        self.report.sealed = expected
        if expected < self._witness.size:
            self._found(expected, f"Das Ende fehlt: bezeugt sind {self._witness.size} Einträge, da sind {expected}.")
        size = self.report.last.size if self.report.last else 0
        if expected < size and expected >= self._witness.size:
            self._found(expected, f"Das Ende fehlt: unterschrieben sind {size} Einträge, da sind {expected}.")
        if expected > size:
            self._found(size, f"{expected - size} Siegel, die kein Prüfpunkt unterschreibt.")

    def expired(self) -> None:
        """As many are gone as the trail itself says were deleted in time."""
        if not self._gone or "trail.expired" in self._first_gone:  # after ten years that is gone as well
            return
        noted = self._noted_as_deleted()
        for kept, count in self._gone.items():
            if count > noted[kept]:
                self._found(
                    self._first_gone[kept],
                    f"Von hier an fehlen {count} abgelaufene Einträge, als gelöscht verzeichnet sind {noted[kept]}.",
                )
        self.report.expired = sum(self._gone.values())

    def without_leaf(self, slack: timedelta) -> None:
        """Whatever is older than the last checkpoint reaches was sealed, or was put in afterwards."""
        until = self.report.last.until if self.report.last else None
        table, _text, what, own = self._source
        nothing = f"{own} not exists (select from public.protection_leaf f where f.lab_id = %s and f.id = e.id)"
        with connection.cursor() as cursor:
            cursor.execute(f"select count(*) from {table} e where {nothing}", [self._tree, self._tree])  # noqa: S608
            self.report.waiting = cursor.fetchone()[0]
            if not self.report.waiting or until is None:
                return
            cursor.execute(
                f"select e.id, e.at::text, e.{what} from {table} e where {nothing} and e.at < %s"  # noqa: S608
                f" order by e.at limit {MOST_FINDINGS}",
                [self._tree, self._tree, until - slack],
            )
            for entry, at, name in cursor.fetchall():
                self._found(self._place_of(entry), f"Der Eintrag {entry} ({name}, {at}) wurde nachträglich eingefügt.")

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        table, text, _what, own = self._source
        same_lab = "e.lab_id = f.lab_id and" if own.startswith("lab_id") else ""
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                "select f.seq, f.id, f.day::text, f.what, f.content, e.id is not null,"  # noqa: S608
                f" sha256(convert_to({text}(e), 'UTF8'))"
                f" from public.protection_leaf f left join {table} e on {same_lab} e.id = f.id"
                " where f.lab_id = %s order by f.seq",
                [self._tree],
            )
            while rows := cursor.fetchmany(_BATCH):
                yield from rows

    def _judge_root(self, tree: GrowingTree) -> None:
        signed = self._opened.get(tree.size)
        if signed is None or any(0 <= found.seq < tree.size for found in self.report.findings):
            return  # a bad entry is named already: every root after it differs too
        if signed.root != tree.root:
            start = self._start_of(tree.size)
            self._found(start, f"Von hier bis Nr. {tree.size - 1} passt etwas nicht zum unterschriebenen Prüfpunkt.")
        elif self._peaks[tree.size] != b"".join(tree.peaks):
            self._found(self._start_of(tree.size), f"Der Prüfpunkt bei {tree.size} Einträgen wurde geändert.")

    def _start_of(self, size: int) -> int:
        return max((each for each in {*self._opened, *self._witness.notes} if each < size), default=0)

    def _absent(self, seq: int, entry: UUID, day: str, what: str) -> None:
        days = kept_days()
        word = WORDS.get(what)
        keep = days[word.kept] if word else max(days.values())
        if date.fromisoformat(day) + timedelta(days=keep) > datetime.now(UTC).date():
            self._found(seq, f"Der Eintrag {entry} ({what}, {day}) fehlt, obwohl er noch nicht abgelaufen ist.")
            return
        kept = "count" if self._tree == PLATFORM else word.kept.value if word else "business"
        self._gone[kept] += 1
        for name in (kept, what):
            self._first_gone.setdefault(name, seq)

    def _noted_as_deleted(self) -> Counter[str]:
        told = (
            "select facts from public.protection_platformevent where event = 'trail.expired' and %s::uuid is not null"
            if self._tree == PLATFORM
            else "select changes from public.protection_entry where what = 'trail.expired' and lab_id = %s"
        )
        noted: Counter[str] = Counter()
        with connection.cursor() as cursor:
            cursor.execute(told, [self._tree])
            for (facts,) in cursor.fetchall():
                noted.update({name: number for name, number in json.loads(facts).items() if isinstance(number, int)})
        return noted

    def _place_of(self, entry: UUID) -> int:
        """Behind which number an entry without one would stand."""
        table, _text, _what, own = self._source
        with connection.cursor() as cursor:
            cursor.execute(
                f"select coalesce(max(f.seq) + 1, 0) from public.protection_leaf f join {table} e"  # noqa: S608
                f" on e.id = f.id where f.lab_id = %s and {own.replace('lab_id', 'e.lab_id')}"
                f" e.at <= (select at from {table} new where {own.replace('lab_id', 'new.lab_id')} new.id = %s)",
                [self._tree, self._tree, self._tree, entry],
            )
            return int(cursor.fetchone()[0])

    def _found(self, seq: int, text: str) -> None:
        if len(self.report.findings) < MOST_FINDINGS:
            self.report.findings.append(Finding(seq, text))
