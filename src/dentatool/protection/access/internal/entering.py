"""The ways in. Each opens a session at the level that it has earned, and nothing else does.

Password, then a factor if the person has one or must have one; a passkey alone; a recovery code in place of a factor.
`WAYS_IN` names them all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal import factors, passkeys
from dentatool.protection.access.internal.devices import known_device, remember_device
from dentatool.protection.access.internal.hashing import hash_password, is_dated, matching
from dentatool.protection.access.internal.limits import (
    ACCOUNT,
    DEVICE,
    NETWORK,
    PASSKEY_NETWORK,
    PLATFORM,
    Counted,
    TooManyAttempts,
    count,
    counted_network,
    give_back,
)
from dentatool.protection.access.internal.models import Account, Factor, Level, Session, sign_in_key
from dentatool.protection.access.internal.sessions import (
    ABSOLUTE_END,
    FRESH,
    begin_session,
    first_question,
    origin_of,
    raise_session,
)
from dentatool.protection.access.internal.strength import is_long_enough_alone
from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.tenancy import current, laboratory

HALF_END = FRESH  # so that what a half session may do, adding the first factor, is always a fresh deed

# method of the session → where it can lead. A test looks for every other place that makes a session.
WAYS_IN = {
    "password": "full where no factor is held, none demanded and the password long enough alone; else half, for the second "
    "step or the first factor",
    "app": "half to full after a code; stays half where the laboratory demands a passkey",
    "recovery": "half to full after a recovery code; stays half where the laboratory demands a passkey",
    "passkey": "full, alone with the person verified by the device, or half to full after the password",
    "oidc": "full where the laboratory's own provider asked for a second factor or none is needed; else half, as after "
    "the password",
}


_Candidate = tuple[UUID, UUID, str, bool]  # account, laboratory, stored hash, usable


@dataclass(frozen=True, slots=True)
class Entrance:
    """Somebody came in, at least halfway."""

    lab_id: UUID
    account_id: UUID
    level: str
    is_new_device: bool


def sign_in(request: HttpRequest, sign_in_name: str, password: str) -> Entrance | None:
    """Check name and password and begin a session; the Gate hands out its cookie. None: refused.

    Known, unknown, locked and deactivated names cost the same statements and the same one hash. The same person may
    have accounts in several laboratories; the password decides which one is meant. Raises TooManyAttempts.
    """
    key = sign_in_key(sign_in_name)
    device = known_device(request, key)
    budget = _budget(request, key, device)
    spent = first_question(lambda: count(*budget))
    if spent is not None and spent.limit in (NETWORK, PLATFORM):
        raise TooManyAttempts
    candidates = _accounts_named(key)
    fitting = matching(password, [stored for _account, _lab, stored, _usable in candidates], key)
    accepted = _after_budget(spent, candidates, fitting)
    if accepted is None:
        _note_refusal(request, key, is_locked=spent is not None)
        return None
    account_id, lab_id, stored, _usable = accepted
    renewed = hash_password(password, key) if is_dated(stored, key) else ""
    with laboratory(lab_id, actor=account_id, origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
        is_new_device = device is None and _was_here(account_id)
        level = _after_password(request, account_id, renewed, stands_alone=is_long_enough_alone(password))
    give_back(*budget)
    if level == Level.FULL:
        remember_device(request, key)
    return Entrance(lab_id, account_id, level, is_new_device)


def _after_budget(spent: Counted | None, candidates: list[_Candidate], fitting: set[str]) -> _Candidate | None:
    """The account that the password opens. Where too many tries were made, none, although the work was done."""
    if spent is not None:
        return None
    return next((row for row in candidates if row[2] in fitting and row[3]), None)


def _budget(request: HttpRequest, key: bytes, device: str | None) -> list[Counted]:
    """Which counts a try belongs to. A known device has its own, so that no stranger can use up its person's."""
    if device is not None:
        return [DEVICE.of(key, device)]
    return [PLATFORM.of("all"), NETWORK.of(counted_network(request)), ACCOUNT.of(key)]


def _accounts_named(key: bytes) -> list[_Candidate]:
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_accounts(%s)", [key])
        found: list[_Candidate] = cursor.fetchall()
    return found


def _note_refusal(request: HttpRequest, key: bytes, *, is_locked: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select protection.door_note_refusal(%s, %s, %s, %s)",
            [key, is_locked, origin_of(request), request.request_id],  # type: ignore[attr-defined]
        )


def _after_password(request: HttpRequest, account_id: UUID, renewed_hash: str, *, stands_alone: bool) -> str:
    account = Account.objects.get(pk=account_id)
    if renewed_hash:
        account.password_hash = renewed_hash
        account.save(update_fields=["password_hash"])
    # One that was long enough beside a factor opens nothing alone, however the factor was lost.
    is_enough = stands_alone and not factors.second_kinds(factors.factors_of(account_id))
    if is_enough and not factors.demanded_of(account):
        begin_session(request, account_id, lasts=_until_factor_is_due(account))
        return Level.FULL
    begin_session(request, account_id, level=Level.HALF, lasts=HALF_END)
    return Level.HALF


def _was_here(account_id: UUID) -> bool:
    """Whether this person has come in before: the very first device is nobody's surprise."""
    return Session.objects.filter(account_id=account_id, level=Level.FULL).exists()


def _until_factor_is_due(account: Account) -> timedelta:
    """A session that began without a factor ends when one becomes due."""
    due = factors.due_since(account)
    return min(ABSOLUTE_END, due - timezone.now()) if factors.demanded_of(account, at=due) else ABSOLUTE_END


def sign_in_by_passkey(request: HttpRequest, note: str, answer: str) -> Entrance | None:
    """A passkey as the only step: whose it is, the passkey says; the device has verified the person. None: refused."""
    if first_question(lambda: count(PASSKEY_NETWORK.of(counted_network(request)))) is not None:
        raise TooManyAttempts
    try:
        found = passkeys.whose(passkeys.credential_id_in(answer))
    except passkeys.PasskeyRefused:
        found = None
    if found is None:
        record_platform_event("authn_login_fail", origin=origin_of(request), method="passkey")
        return None
    factor_id, lab_id, account_id = found
    facts: dict[str, Any] = {"actor": account_id, "origin": origin_of(request), "request_id": request.request_id}  # type: ignore[attr-defined]
    try:
        with laboratory(lab_id, **facts):
            factor = Factor.objects.select_for_update().get(pk=factor_id)
            factor.counter = passkeys.proven(request, passkeys.ENTER, note, answer, factor)
            factors.note_use(factor)
            key = bytes(Account.objects.values_list("sign_in_key", flat=True).get(pk=account_id))
            is_new_device = known_device(request, key) is None and _was_here(account_id)
            begin_session(request, account_id, method="passkey")
    except passkeys.PasskeyRefused as refused:
        with laboratory(lab_id, **facts):
            record_event("authn_login_fail", account=account_id, method="passkey", reason=refused.reason)
        return None
    remember_device(request, key)
    return Entrance(lab_id, account_id, Level.FULL, is_new_device)


def enter_by_provider(
    request: HttpRequest, account_id: UUID, *, is_strong: bool, proven_at: datetime | None
) -> Entrance:
    """Let in whom the laboratory's own provider has named, inside the pass. It is a first step unless it was strong.

    `proven_at` is when the person proved to the provider who they are. Who came in without being asked anything has
    confirmed nothing: dangerous deeds ask again.
    """
    account = Account.objects.get(pk=account_id)
    demanded = factors.demanded_of(account)
    if is_strong:
        is_enough, lasts = demanded != {factors.Kind.PASSKEY}, ABSOLUTE_END
    else:
        is_enough = not demanded and not factors.second_kinds(factors.factors_of(account_id))
        lasts = _until_factor_is_due(account)
    begin_session(
        request,
        account_id,
        level=Level.FULL if is_enough else Level.HALF,
        method="oidc",
        lasts=lasts if is_enough else HALF_END,
        confirmed_at=proven_at or timezone.now() - FRESH,
    )
    key = bytes(account.sign_in_key)
    is_new_device = known_device(request, key) is None
    if is_enough:
        remember_device(request, key)
    return Entrance(current().lab_id, account_id, Level.FULL if is_enough else Level.HALF, is_new_device)


def finish_step(request: HttpRequest, method: str) -> Entrance:
    """The second step was given by this method: a new token, at the level that the laboratory's rule grants it."""
    person = request.person  # type: ignore[attr-defined]
    account = Account.objects.get(pk=person.id)
    demanded = factors.demanded_of(account)
    is_enough = method in demanded or (method == "recovery" and factors.Kind.APP in demanded) or not demanded
    level = Level.FULL if is_enough else Level.HALF
    key = bytes(account.sign_in_key)
    is_new_device = known_device(request, key) is None and _was_here(account.pk)
    raise_session(request, level=level, method=method, lasts=ABSOLUTE_END if is_enough else HALF_END)
    if is_enough:
        remember_device(request, key)
    return Entrance(person.lab_id, person.id, level, is_new_device)
