"""Passwords of accounts: judged, changed by who knows the old one, or set anew by a link from an e-mail."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal import factors
from dentatool.protection.access.internal.hashing import hash_password, matching
from dentatool.protection.access.internal.limits import (
    DEVICE,
    NETWORK,
    PLATFORM,
    RESET,
    TooManyAttempts,
    count,
    counted_network,
    give_back,
)
from dentatool.protection.access.internal.models import AccessLink, Account, Ending, Session, sign_in_key
from dentatool.protection.access.internal.sessions import first_question, origin_of
from dentatool.protection.access.internal.strength import SHORTEST, SHORTEST_ALONE, Verdict, is_long_enough_alone, judge
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import current, laboratory
from dentatool.protection.tenancy.internal.models import Laboratory

RESET_LIFETIME = timedelta(minutes=15)


class WrongPassword(Exception):
    """The password in use now was not the one typed, or was tried too often."""


class WeakPassword(Exception):
    """A new password that will not do. The message is for people."""


@dataclass(frozen=True, slots=True)
class ResetLink:
    """An unused link: whose it is."""

    id: UUID
    lab_id: UUID
    account_id: UUID


def shortest_for(account: Account) -> int:
    """How long at least: shorter where a second factor stands beside it."""
    return SHORTEST if factors.second_kinds(factors.factors_of(account.pk)) else SHORTEST_ALONE


def judge_for(account: Account, password: str, *, alone: bool = False) -> Verdict:
    """Whether this password will do for this account, or `alone`, without its factors. Needs the laboratory's pass."""
    name = Laboratory.objects.values_list("name", flat=True).get(pk=current().lab_id)
    shortest = SHORTEST_ALONE if alone else shortest_for(account)
    return judge(password, context=[name, str(account.display_name), str(account.sign_in_name)], shortest=shortest)


def is_password_of(account: Account, typed: str) -> bool:
    """Whether somebody who is signed in knows this account's password. Counted: five tries in five minutes."""
    budget = DEVICE.of("own password", account.pk.bytes)
    if count(budget) is not None:
        record_event("authn_login_lock", account=account.pk)
        return False
    if not matching(typed, [account.password_hash], bytes(account.sign_in_key)):
        record_event("authn_login_fail", account=account.pk)
        return False
    give_back(budget)
    return True


def change(request: HttpRequest, old: str, new: str) -> Account:
    """Change one's own password; all other sessions end. Raises WrongPassword, WeakPassword."""
    person = request.person  # type: ignore[attr-defined]
    account = Account.objects.select_for_update().get(pk=person.id)
    request.keeps_refusal = True  # type: ignore[attr-defined]  # a wrong old password is counted
    if not is_password_of(account, old):
        raise WrongPassword
    replace(request, account, new)
    return account


def require_stands_alone(request: HttpRequest, account: Account, old: str, new: str) -> None:
    """Before the last factor goes: the password in use, or a new one, must do without. Changes nothing.

    Raises WrongPassword, WeakPassword.
    """
    request.keeps_refusal = True  # type: ignore[attr-defined]  # a wrong old password is counted
    if not is_password_of(account, old):
        raise WrongPassword
    if not new and not is_long_enough_alone(old):  # everything else was judged when it was set
        raise WeakPassword(f"Bitte wählen Sie ein neues mit mindestens {SHORTEST_ALONE} Zeichen.")
    if new and (reason := judge_for(account, new, alone=True).reason):
        raise WeakPassword(reason)


def replace(request: HttpRequest, account: Account, new: str) -> None:
    """Store a new password of who is signed in, after the old one was proven; all other sessions end."""
    _store(account, new)
    _end_sessions(account, but=request.person.session_id)  # type: ignore[attr-defined]
    record_event("authn_password_change", account=account.pk)


def ask_reset(request: HttpRequest, sign_in_name: str) -> None:
    """Ask for a link to a new password. Nothing that can be seen depends on whether the name exists.

    The worker finds out and writes the e-mail. Raises TooManyAttempts.
    """
    key = sign_in_key(sign_in_name)
    budget = [PLATFORM.of("all"), NETWORK.of(counted_network(request)), RESET.of(key)]
    spent = first_question(lambda: count(*budget))
    if spent is not None and spent.limit in (NETWORK, PLATFORM):
        raise TooManyAttempts
    # A name that was asked for too often waits; the same statement, so that it looks and lasts the same.
    with connection.cursor() as cursor:
        cursor.execute("select protection.door_ask_reset(%s, %s)", [key, spent is None])


def take_reset_requests() -> list[tuple[UUID, UUID]]:
    """For the worker: laboratory and account of those who asked, each request once."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_take_reset_requests()")
        found: list[tuple[UUID, UUID]] = cursor.fetchall()
    return found


def new_reset_token(account: Account) -> str:
    """What makes a link that is good once, for 15 minutes; earlier ones end. Inside the laboratory's pass."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    _open_links(account).update(used_at=now)
    AccessLink.objects.create(
        account=account,
        purpose=AccessLink.Purpose.RESET,
        token_hash=_hash(token),
        expires_at=now + RESET_LIFETIME,
    )
    record_event("authn_reset_asked", account=account.pk)
    return token


def find_reset(token: str) -> ResetLink | None:
    """The link of this token, if it can still be used. Raises nothing, whatever was typed."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_link(%s)", [_hash(token)])
        found = cursor.fetchone()
    return ResetLink(*found[:3]) if found and found[3] == AccessLink.Purpose.RESET else None


def reset(request: HttpRequest, link: ResetLink, new: str) -> Account | None:
    """Set a new password by a link, and end every session. None when the link has just been used.

    Nobody is signed in by it: the second factor is asked for as ever. Raises WeakPassword.
    """
    with laboratory(link.lab_id, actor=link.account_id, origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
        account = Account.objects.select_for_update().get(pk=link.account_id)
        stored = AccessLink.objects.select_for_update().get(pk=link.id)
        if stored.used_at is not None or stored.expires_at <= timezone.now() or not account.active:
            return None
        _store(account, new)
        _open_links(account).update(used_at=timezone.now())
        _end_sessions(account)
        record_event("authn_password_reset", account=account.pk)
        return account


def require_strong(account: Account, new: str) -> None:
    """Raises WeakPassword for a password that will not do for this account."""
    if reason := judge_for(account, new).reason:
        raise WeakPassword(reason)


def _store(account: Account, new: str) -> None:
    require_strong(account, new)
    account.password_hash = hash_password(new, bytes(account.sign_in_key))
    account.save(update_fields=["password_hash"])


def _open_links(account: Account) -> QuerySet[AccessLink]:
    return AccessLink.objects.filter(account=account, purpose=AccessLink.Purpose.RESET, used_at=None)


def _end_sessions(account: Account, *, but: UUID | None = None) -> None:
    others = Session.objects.filter(account=account, ended_at=None)
    if but is not None:
        others = others.exclude(pk=but)
    others.update(ended_at=timezone.now(), ending=Ending.PASSWORD)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
