"""Signing in, signing out, and finding the person behind a cookie."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.db import DatabaseError, connection
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils import timezone

from dentatool.protection.access.internal.models import Account, Session, sign_in_key
from dentatool.protection.access.internal.roles import Permission, permissions_of
from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.tenancy import laboratory

Answer = TypeVar("Answer")

COOKIE = "__Host-dentatool"
ABSOLUTE_END = timedelta(hours=12)  # security.md section 7
FRESH = timedelta(minutes=10)
_hashing = BoundedSemaphore(2)  # each hash takes 64 MiB; more at once would starve the machine


class Argon2id(Argon2PasswordHasher):
    """Argon2id with t=3, m=64 MiB, p=1: well above OWASP's floor, one core per attempt."""

    time_cost = 3
    memory_cost = 65536
    parallelism = 1


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: what the Gate and the page head need, fetched in one round trip."""

    id: UUID
    lab_id: UUID
    session_id: UUID
    role: str
    display_name: str
    laboratory_name: str
    idle_minutes: int
    permissions: frozenset[Permission]
    practice_id: UUID | None
    level: str
    method: str
    confirmed_at: datetime
    factor_rule: str

    @property
    def is_fresh(self) -> bool:
        """Whether the person proved who they are a moment ago, as dangerous deeds demand."""
        return timezone.now() - self.confirmed_at < FRESH


def hash_password(password: str) -> str:
    """As it is stored; waits while too many others are being hashed."""
    with _hashing:
        return make_password(password)


def find_session(token: str, *, is_action: bool = True) -> tuple[Any, ...] | None:
    """The live session of this token as the door's row, or None. Renews the idle time."""
    return _first_question(lambda: _ask_door(token, is_action))


def _first_question(ask: Callable[[], Answer]) -> Answer:
    """Ask; if the connection is gone (the database restarted), ask again on a new one: nothing has been done yet."""
    try:
        return ask()
    except DatabaseError:
        if connection.in_atomic_block:
            raise
        connection.close()
        return ask()


def _ask_door(token: str, is_action: bool) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_open_session(%s, %s)", [_hash(token), is_action])
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def person_of(row: tuple[Any, ...]) -> Person:
    """The person of a door's row. Needs the laboratory's pass, since the name is sealed."""
    session_id, lab_id, account_id, role, sealed_name, laboratory_name, idle_minutes, own_permissions, *entrance = row
    name = Account._meta.get_field("display_name").shown(sealed_name, account_id)
    held = permissions_of(role, json.loads(own_permissions or "[]"))  # Django has jsonb come as text
    return Person(account_id, lab_id, session_id, role, name, laboratory_name, idle_minutes, held, *entrance)


def sign_in(request: HttpRequest, sign_in_name: str, password: str) -> bool:
    """Check name and password and begin a session; the Gate hands out its cookie.

    One hash is computed whether the account exists or not. The same person may have accounts
    in several laboratories; the password decides which one is meant.
    """
    candidates = _first_question(lambda: _accounts_named(sign_in_name))
    accepted = None
    for account_id, lab_id, password_hash, usable in candidates or [(None, None, _decoy(), False)]:
        with _hashing:
            matches = check_password(password, password_hash)
        if matches and usable and accepted is None:
            accepted = account_id, lab_id
        elif lab_id is not None:
            with laboratory(lab_id, actor=account_id, origin=origin_of(request)):
                record_event("authn_login_fail", account=account_id)
    if not candidates:
        record_platform_event("authn_login_fail", origin=origin_of(request))
    if accepted:
        request.session_token = _open_session(request, *accepted)  # type: ignore[attr-defined]
    return accepted is not None


def _accounts_named(sign_in_name: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_accounts(%s)", [sign_in_key(sign_in_name)])
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def sign_out(request: HttpRequest) -> None:
    """End the session on the server; the cookie is worthless at once."""
    Session.objects.filter(pk=request.person.session_id, ended_at=None).update(ended_at=timezone.now())  # type: ignore[attr-defined]
    record_event("authn_logout")
    request.session_token = ""  # type: ignore[attr-defined]
    rotate_token(request)


def origin_of(request: HttpRequest) -> str:
    """The address of the connection itself: headers are the client's claim, not a fact."""
    return str(request.META.get("REMOTE_ADDR", ""))


def _open_session(request: HttpRequest, account_id: UUID, lab_id: UUID) -> str:
    token = secrets.token_urlsafe(32)
    with laboratory(lab_id, actor=account_id, origin=origin_of(request)):
        Session.objects.create(
            account_id=account_id,
            token_hash=_hash(token),
            device=request.headers.get("User-Agent", "").replace("\0", "")[:120],
            origin=origin_of(request)[:45],
            expires_at=timezone.now() + ABSOLUTE_END,
        )
        record_event("authn_login_success", account=account_id)
    rotate_token(request)
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@cache
def _decoy() -> str:
    return make_password(secrets.token_urlsafe(16))
