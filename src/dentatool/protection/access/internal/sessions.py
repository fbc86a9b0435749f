"""Sessions: begun, raised a step, ended; and finding the person behind a cookie."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection
from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils import timezone

from dentatool.protection.access.internal.endings import device_of, end_session
from dentatool.protection.access.internal.endings import hash_of as _hash
from dentatool.protection.access.internal.endings import origin_of as origin_of
from dentatool.protection.access.internal.models import Account, Ending, Level, Session
from dentatool.protection.access.internal.roles import Permission, permissions_of
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.models import FactorRule

Answer = TypeVar("Answer")

COOKIE = "__Host-dentatool"
ABSOLUTE_END = timedelta(hours=12)  # security.md section 7
FRESH = timedelta(minutes=10)
# Under which rule these ways in leave a session half (factors.demanded_of knows more: it asks once, at the sign-in).
_NOT_ENOUGH: dict[FactorRule, tuple[str, ...]] = {
    FactorRule.OPTIONAL: (),
    FactorRule.REQUIRED: ("password",),
    FactorRule.PASSKEY: ("password", "app", "recovery"),
}
DEVICE, ORIGIN = 14, 15  # where they stand in the door's row


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
    expires_at: datetime | None = None
    device: str = ""
    origin: str = ""
    has_drafts: bool = False
    elsewhere: list[str] | None = (
        None  # addresses from which the person acted in another session within the last minute
    )

    @property
    def is_fresh(self) -> bool:
        """Whether the person proved who they are a moment ago, as dangerous deeds demand."""
        return timezone.now() - self.confirmed_at < FRESH

    @property
    def ends_at(self) -> int:
        """When the session ends however much the person works, in seconds since 1970."""
        return int(self.expires_at.timestamp()) if self.expires_at else 0


def find_session(token: str, *, is_action: bool = True) -> tuple[Any, ...] | None:
    """The live session of this token as the door's row, or None. Renews the idle time."""
    return first_question(lambda: _ask_door(token, is_action))


def first_question(ask: Callable[[], Answer]) -> Answer:
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
    practice_id, level, method, confirmed_at, chosen_rule, *session = entrance
    rule = FactorRule.in_force(chosen_rule)
    if (
        method in _NOT_ENOUGH[rule]
    ):  # the provider asks for more since it began; the laboratory's change reaches the row
        level = Level.HALF
    name = Account._meta.get_field("display_name").shown(sealed_name, account_id)
    held = permissions_of(role, json.loads(own_permissions or "[]"))  # Django has jsonb come as text
    return Person(
        account_id, lab_id, session_id, role, name, laboratory_name, idle_minutes, held,
        practice_id, level, method, confirmed_at, rule, *session,
    )  # fmt: skip


def sign_out(request: HttpRequest) -> None:
    """End the session on the server; the cookie is worthless at once."""
    end_session(request.person.session_id, Ending.SIGNED_OUT)  # type: ignore[attr-defined]
    record_event("authn_logout")
    request.session_token = ""  # type: ignore[attr-defined]
    rotate_token(request)


def _open_session(request: HttpRequest, account_id: UUID, lab_id: UUID) -> str:
    """A full session without any check, for tests and measurements."""
    with laboratory(lab_id, actor=account_id, origin=origin_of(request)):
        return begin_session(request, account_id)


def begin_session(
    request: HttpRequest,
    account_id: UUID,
    *,
    level: str = Level.FULL,
    method: str = "password",
    lasts: timedelta = ABSOLUTE_END,
    confirmed_at: datetime | None = None,
) -> str:
    """Let somebody in who has earned it, inside the laboratory's pass; the Gate hands out the token."""
    token = secrets.token_urlsafe(32)
    Session.objects.create(
        account_id=account_id,
        token_hash=_hash(token),
        device=device_of(request),
        origin=origin_of(request)[:45],
        expires_at=timezone.now() + lasts,
        level=level,
        method=method,
        confirmed_at=confirmed_at or timezone.now(),
    )
    _note_step(account_id, level, method)
    request.session_token = token  # type: ignore[attr-defined]
    rotate_token(request)
    return token


def raise_session(request: HttpRequest, *, level: str, method: str, lasts: timedelta) -> None:
    """The next step of a half session was given: a new token takes the place of the old one."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    person = request.person  # type: ignore[attr-defined]
    raised = Session.objects.filter(pk=person.session_id, ended_at=None, level=Level.HALF).update(
        token_hash=_hash(token),
        level=level,
        method=method,
        confirmed_at=now,
        last_action_at=now,
        expires_at=now + lasts,
    )
    assert raised == 1, "the session ended in the meantime"
    _note_step(person.id, level, method)
    request.session_token = token  # type: ignore[attr-defined]
    rotate_token(request)


def renew_session(request: HttpRequest) -> None:
    """Give the session a new token, as after each proof of who somebody is: one that was known before opens nothing."""
    token = secrets.token_urlsafe(32)
    Session.objects.filter(pk=request.person.session_id).update(token_hash=_hash(token))  # type: ignore[attr-defined]
    request.session_token = token  # type: ignore[attr-defined]


def mark_confirmed(request: HttpRequest, method: str) -> None:
    """The person of this session has just proven who they are: dangerous deeds are open for some minutes."""
    Session.objects.filter(pk=request.person.session_id).update(confirmed_at=timezone.now())  # type: ignore[attr-defined]
    record_event("authn_confirmed", method=method)
    renew_session(request)


def _note_step(account_id: UUID, level: str, method: str) -> None:
    if level == Level.FULL:
        record_event("authn_login_success", account=account_id, method=method)
    else:
        record_event("authn_login_half", account=account_id, method=method)
