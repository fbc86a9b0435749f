"""Times, always ours and the raw opponent in turn, so that whatever else the machine does meets both."""

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from dentatool.project.bench.capture import Captured, undone
from dentatool.project.bench.load import Measured
from dentatool.project.bench.plain import Work

TARGET_RATIO = 1.3
_REPEATS, _WARM = 15, 8  # psycopg prepares a statement when it is sent the sixth time


@dataclass(slots=True)
class Duel:
    """One workload inside the database: seconds of ours and of the hand-written SQL, a median per round."""

    name: str
    ours: Callable[[], None]
    raw: Callable[[], None]
    statements: int
    note: str = ""
    renew: Callable[[], None] = lambda: None
    ours_s: list[float] = field(default_factory=list)
    raw_s: list[float] = field(default_factory=list)
    near_s: list[tuple[float, float]] = field(default_factory=list)  # ours and raw, where all share a core

    def round(self) -> None:
        """Ours and raw in turn; keeps the median of each."""
        ours, raw = self._in_turn()
        self.ours_s.append(ours)
        self.raw_s.append(raw)

    def round_near(self) -> None:
        """The same while program and database share a core: beside the result, not in it."""
        self.near_s.append(self._in_turn())

    def _in_turn(self) -> tuple[float, float]:
        pairs = [(_timed(self.ours), _timed(self.raw)) for _ in range(_REPEATS)]
        return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)

    def warm(self) -> None:
        """Plans, caches and prepared statements: both as in a server that has run for a while."""
        for _ in range(_WARM):
            self.ours()
            self.raw()

    def result(self) -> dict[str, Any]:
        """Everything measured; the ratio is that of the two medians and nothing else."""
        ours, raw = statistics.median(self.ours_s), statistics.median(self.raw_s)
        near = [statistics.median(side) for side in zip(*self.near_s, strict=True)]
        return {
            "name": self.name,
            "ours_us": ours * 1e6,
            "raw_us": raw * 1e6,
            "ratio": ours / raw,
            "ratio_on_one_core": near[0] / near[1] if near else None,
            "target": TARGET_RATIO,
            "met": ours / raw <= TARGET_RATIO,
            "statements": self.statements,
            "note": self.note,
        }


def page_duel(
    name: str,
    page: Captured,
    work: Work,
    measured: Measured,
    link: psycopg.Connection,
    again: Callable[[], Captured] | None = None,
) -> Duel:
    """The statements of a page under a pass against hand-written SQL, each in one transaction that ends with COMMIT.

    `again` serves the page anew before each round, for one that asks what is new since it was last served.
    """
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    now = page

    def ours() -> None:
        with laboratory(measured.lab_id, actor=measured.account_id):
            now.replay()

    def renew() -> None:
        nonlocal now
        now = again() if again else now

    return Duel(name, ours, lambda: _in_transaction(link, work), len(page.statements), renew=renew)


def writing_duel(name: str, page: Captured, work: Work, measured: Measured, link: psycopg.Connection) -> Duel:
    """The same for a page that writes. Both end with ROLLBACK: the commit's wait for the disk would flatter the ratio."""
    from django.db import connection  # noqa: PLC0415

    for each in (connection.connection, link):
        _keep_prepared(each)

    def ours() -> None:
        with undone(measured.lab_id, measured.account_id):
            page.replay()

    return Duel(name, ours, lambda: _in_transaction(link, work, undo=True), len(page.statements), "beide ohne COMMIT")


def call_duel(name: str, call: Callable[[], Any], work: Work, measured: Measured, link: psycopg.Connection) -> Duel:
    """Python and SQL together against SQL alone, for what the program does partly in memory."""
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    def ours() -> None:
        with laboratory(measured.lab_id, actor=measured.account_id):
            call()

    return Duel(name, ours, lambda: _in_transaction(link, work), 0, "entschlüsselt und sucht im Speicher")


def door_seconds(page: Captured, rounds: int) -> float:
    """The look-up of the session, which the opponent does not have: median seconds."""
    from django.db import connection  # noqa: PLC0415

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(*page.door)
            cursor.fetchall()

    return statistics.median(_timed(ask) for _ in range(rounds * _REPEATS))


@contextmanager
def placed(backends: Iterable[int], *, near: bool) -> Iterator[None]:
    """This process on one core and these backends on another, as in operation; `near`: all on one.

    Left alone they move, and the ratio is drawn by lot: waking a sleeping core takes as long as a small statement (an order's
    page by hand 390 µs on one core, 820 on two, anything between otherwise). Does nothing where the system cannot place.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    held = {process: os.sched_getaffinity(process) for process in (0, *backends)}
    here, there = min(held[0]), max(held[0])
    for process in held:
        os.sched_setaffinity(process, {here if process == 0 and not near else there})
    try:
        yield
    finally:
        for process, cores in held.items():
            os.sched_setaffinity(process, cores)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def forget(link: psycopg.Connection, lab_id: UUID, since: Any) -> None:
    """Take back what capturing a writing page has stored, so that its statements can be asked again."""
    from dentatool.project.bench.load import copied_models  # noqa: PLC0415

    link.execute("set session_replication_role = replica")
    for model in copied_models():
        table = model._meta.db_table
        if table != "protection_entry":
            link.execute(f"delete from {table} where lab_id = %s and created_at >= %s", [lab_id, since])  # type: ignore[arg-type]  # noqa: S608
    link.execute("reset session_replication_role")


def _keep_prepared(link: Any) -> None:
    """psycopg drops its prepared statements with each ROLLBACK, so both sides would be parsed and planned anew each time.

    A server that stores orders commits, and keeps them.
    """
    link._prepared.clear = lambda: False


def _in_transaction(link: psycopg.Connection, work: Work, *, undo: bool = False) -> None:
    with link.transaction(force_rollback=undo), link.cursor() as cursor:
        work(cursor)


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
