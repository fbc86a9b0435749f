"""Errors of the program itself: grouped by type and place, counted, and told; without a word of what was in them.

Promise: whatever is logged with a trace (an unhandled error in a request, a job that failed, a thread's mishap) and what
ends a command becomes part of a group: type, file and function of ours, line, view or job, version, how often, first and
last time. No text of an error, no value, no request. It is written by a thread and a connection of its own, hence also
when the transaction is rolled back, and never in anybody's way. While the database is away it waits, bounded.
How it could be broken: by a process that is killed within the second before its errors are written.
Tests that try: tests/operations/monitoring/test_errors.py.
"""

import atexit
import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import psycopg
from django.conf import settings

from dentatool import __version__
from dentatool.operations.finding import GOOD, WARNING, WRONG, Finding

MOST_WAITING = 200
AGAIN_S = 10.0
_OURS = "/dentatool/"
_AWAY = ("08", "57P")  # SQLSTATEs of a database that is away: told as such, and no error of the program
Connecting = Callable[[], AbstractContextManager[psycopg.Connection]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One error, as often as it was seen since the last time it was written down."""

    kind: str
    place: str
    part: str
    fingerprint: str
    times: int = 1


def seen(error: BaseException, part: str) -> Seen:
    """What is kept of an error. Its group is its type and the innermost function of ours, whatever the line."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _OURS in frame.filename and "site-packages" not in frame.filename]
    frame = (ours or frames or [traceback.FrameSummary("?", 0, "?")])[-1]
    file = frame.filename.rpartition(_OURS)[2] if ours else "/".join(frame.filename.split("/")[-2:])
    fingerprint = sha256(f"{kind}|{file}|{frame.name}".encode()).hexdigest()[:12]
    return Seen(kind, f"{file}:{frame.lineno} {frame.name}", part, fingerprint)


def is_away(error: BaseException) -> bool:
    """Whether it only says that the database is away."""
    while error is not None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return error.sqlstate is None or error.sqlstate.startswith(_AWAY)
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return False


class Recorder(logging.Handler):
    """Takes every logged trace. One for each process."""

    def __init__(self, connecting: Connecting | None = None) -> None:
        super().__init__(logging.ERROR)
        self._connecting = connecting or _own_connection
        self._waiting: dict[str, Seen] = {}
        self._guard = threading.Lock()
        self._news = threading.Event()
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it; nothing more happens in the thread that logs."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not is_away(error):
            with suppress(Exception):  # of all things, this must not break what it tells of
                self.remember(seen(error, _part_of(record)))

    def remember(self, one: Seen) -> None:
        """Have it written down soon."""
        with self._guard:
            known = self._waiting.get(one.fingerprint)
            if known is not None:
                self._waiting[one.fingerprint] = replace(one, times=known.times + one.times)
            elif len(self._waiting) < MOST_WAITING:
                self._waiting[one.fingerprint] = one
            if self._writer is None or not self._writer.is_alive():  # also after a fork
                self._writer = threading.Thread(target=self._write_for_ever, name="errors", daemon=True)
                self._writer.start()
                atexit.register(self.write)
        self._news.set()

    def write(self) -> bool:
        """Write down what waits. False when it has to wait on."""
        with self._guard:
            taken, self._waiting = self._waiting, {}
        try:
            if taken:
                with self._connecting() as link:
                    for one in list(taken.values()):
                        write_down(link, one)
                        del taken[one.fingerprint]
        except Exception:
            with self._guard:
                for one in taken.values():
                    newer = self._waiting.get(one.fingerprint)
                    self._waiting[one.fingerprint] = replace(one, times=one.times + (newer.times if newer else 0))
            return False
        return True

    def _write_for_ever(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if not self.write():
                threading.Event().wait(AGAIN_S)
                self._news.set()


def write_down(link: psycopg.Connection, one: Seen) -> None:
    """Into the table, by the one function that the program has for it."""
    link.execute(
        "select protection.note_error(%s, %s, %s, %s, %s, %s)",
        [one.fingerprint, one.kind, one.place, one.part, __version__, one.times],
    )


def _part_of(record: logging.LogRecord) -> str:
    if part := getattr(record, "part", ""):
        return str(part)
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    return match.view_name if match else record.name


def _own_connection() -> AbstractContextManager[psycopg.Connection]:
    """In this process' own role, beside whatever its requests are doing."""
    facts = settings.DATABASES["default"]
    return psycopg.connect(
        host=facts["HOST"], port=facts["PORT"], dbname=facts["NAME"], user=facts["USER"], password=facts["PASSWORD"],
        connect_timeout=3, autocommit=True, options="-c statement_timeout=3000",
        sslmode=facts["OPTIONS"].get("sslmode", "prefer"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """One row of the table."""

    fingerprint: str
    kind: str
    place: str
    part: str
    version: str
    count: int
    first_at: datetime
    last_at: datetime
    settled_at: datetime | None


_COLUMNS = "fingerprint, kind, place, part, version, count, first_at, last_at, settled_at"


def groups(link: psycopg.Connection, *, most: int = 100) -> list[Group]:
    """Open ones first, the newest first. In the backup's or the owner's role."""
    rows = link.execute(
        f"select {_COLUMNS} from protection.error_group order by settled_at is not null, last_at desc limit %s",  # noqa: S608
        [most],
    ).fetchall()
    return [Group(*row) for row in rows]


def settle(owner: psycopg.Connection, fingerprint: str) -> bool:
    """Somebody has seen to it; it opens again when it happens again. False when there is no such open group."""
    done = owner.execute(
        "update protection.error_group set settled_at = now() where fingerprint = %s and settled_at is null",
        [fingerprint],
    )
    return done.rowcount == 1


def told_of_errors(link: psycopg.Connection) -> Finding:
    """The doctor's line."""
    open_ones = [group for group in groups(link) if group.settled_at is None]
    if not open_ones:
        return Finding("Programmfehler", GOOD, "keiner offen")
    newest, lately = open_ones[0], _within_the_hour(link)
    found = f"{len(open_ones)} offen, zuletzt {newest.kind} in {newest.place}"
    return Finding(
        "Programmfehler", WRONG if lately else WARNING, found, "dentatool monitor errors; danach: monitor settle"
    )


def _within_the_hour(link: psycopg.Connection) -> bool:
    row = link.execute(
        "select exists (select from protection.error_group where settled_at is null and last_at > now() - interval '1 hour')"
    ).fetchone()
    return row == (True,)


def as_json(group: Group) -> Mapping[str, Any]:
    """For programs and for the page."""
    return {name: getattr(group, name) for name in Group.__slots__}
