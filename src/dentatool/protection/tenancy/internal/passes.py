"""The signed pass: which laboratory a transaction works for, checked by the database."""

import hashlib
import hmac
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from psycopg import OperationalError
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus

PRACTICE_ROLE = "dentatool_practice"  # its policies show what models declare as PracticeScope
LIFETIME_S = 60  # a pass is checked against the start of its transaction
WORK, SUPPORT, PRACTICE = "work", "support", "practice"
SYSTEM_REQUEST = "-"
_CLEAN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; RESET ALL; CLOSE ALL; UNLISTEN *"


class NoPass(RuntimeError):
    """Records were touched without saying for which laboratory."""


class ForeignPass(RuntimeError):
    """A pass was asked for while another is in force."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Who works for which laboratory, and from where."""

    lab_id: UUID
    actor_id: UUID | None = None
    mode: str = WORK
    origin: str = ""
    request_id: str = SYSTEM_REQUEST
    practice_id: UUID | None = None  # the only practice whose matters this pass shows; None: the whole laboratory


_in_force: ContextVar[Pass | None] = ContextVar("dentatool_pass", default=None)


def current() -> Pass:
    """The pass in force. Raises NoPass where nobody said for which laboratory."""
    if (held := _in_force.get()) is None:
        raise NoPass("Kein Labor gewählt: Datensätze werden nur innerhalb von laboratory(...) berührt.")
    return held


@contextmanager
def laboratory(
    lab_id: UUID,
    *,
    actor: UUID | None = None,
    mode: str = WORK,
    origin: str = "",
    request_id: str | None = None,
    practice: UUID | None = None,
) -> Iterator[Pass]:
    """Open one transaction that works for this laboratory and for no other; with `practice`, for that practice's people.

    Commits at the end, rolls back on any exception. Refuses to nest: a second pass inside the
    first would be the very mix-up that this module exists to prevent.
    """
    if _in_force.get() is not None or connection.in_atomic_block:
        raise ForeignPass("Es ist schon ein Labor gewählt; für Teilschritte transaction.atomic() verwenden.")
    mode = PRACTICE if practice else mode
    held = Pass(lab_id, actor, mode, _clean(origin, 45), _clean(request_id or uuid4().hex, 36), practice)
    connection.ensure_connection()
    with transaction.atomic():
        _begin_with(sign(held, backend_pid=connection.connection.info.backend_pid), is_practice=practice is not None)
        token = _in_force.set(held)
        try:
            yield held
        finally:
            _in_force.reset(token)


def sign(held: Pass, *, backend_pid: int, expires: float | None = None, key: bytes | None = None) -> str:
    """The pass as text, good for one database backend and LIFETIME_S seconds."""
    until = int(time.time() + LIFETIME_S if expires is None else expires)
    body = (
        f"{held.lab_id}|{held.actor_id or ''}|{held.mode}|{until}|{backend_pid}"
        f"|{held.request_id}|{held.origin}|{held.practice_id or ''}"
    )
    return f"{body}|{hmac.new(key or pass_key(), body.encode(), hashlib.sha256).hexdigest()}"


@cache
def pass_key() -> bytes:
    """The signing key: a file outside the database, its pads inside, unreadable for the app."""
    return bytes.fromhex(Path(settings.DENTATOOL_PASS_KEY_FILE).read_text().strip())


def _clean(text: str, length: int) -> str:
    """Only what needs no quoting may enter a pass: request ids and network addresses."""
    return re.sub(r"[^0-9A-Za-z.:_-]", "", text)[:length]


def _begin_with(signed: str, *, is_practice: bool) -> None:
    """BEGIN and the pass in one round trip (two would cost 0.1 ms on every request)."""
    # Nothing that an earlier request set, opened or subscribed to on this connection reaches this laboratory.
    # psycopg sees the open transaction afterwards and sends no BEGIN of its own.
    begin = f"{_CLEAN}; SET LOCAL dentatool.pass = '{signed}'"
    if is_practice:
        begin += f"; SET LOCAL ROLE {PRACTICE_ROLE}"
    with connection.wrap_database_errors:  # as if Django had asked: a lost connection is told apart by its code
        result = connection.connection.pgconn.exec_(begin.encode())
        if result.status != ExecStatus.COMMAND_OK:
            answered = result.error_field(DiagnosticField.SQLSTATE) is not None
            raise error_from_result(result) if answered else OperationalError("the database does not answer")
