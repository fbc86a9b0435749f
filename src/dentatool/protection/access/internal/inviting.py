"""Joining a laboratory by a link that is good once, for 72 hours. people.py states the promise."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal.deciding import NotPossible, account_to_decide, role_to_give
from dentatool.protection.access.internal.endings import origin_of
from dentatool.protection.access.internal.hashing import hash_password
from dentatool.protection.access.internal.limits import BAD_LINK, count, counted_network
from dentatool.protection.access.internal.models import AccessLink, Account, sign_in_key
from dentatool.protection.access.internal.passwords import require_strong
from dentatool.protection.access.internal.roles import Role
from dentatool.protection.access.internal.sessions import Person
from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.tenancy import laboratory

GOOD_FOR = timedelta(hours=72)
_KNOWN = "Diese Adresse gehört schon zu einer Person Ihres Labors."
_CAME = "Diese Person hat ihr Konto schon eingerichtet."
_PRACTICE = "Eine Person einer Praxis braucht ihre Praxis, alle anderen haben keine."


class AlreadyHere(NotPossible):
    """The address belongs to somebody of this laboratory. Of others nobody learns anything."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link that is still good leads to."""

    link_id: UUID
    lab_id: UUID
    account_id: UUID


def invite(by: Person, *, address: str, name: str, role: str, practice_id: UUID | None = None) -> tuple[Account, str]:
    """A new account that waits for its person, and the token of the link for them.

    Raises NotEntitled, AlreadyHere, NotPossible. `practice_id`: of a practice that the laboratory knows.
    """
    given = role_to_give(by, role)
    if (given.key == Role.PRACTICE) != (practice_id is not None):
        raise NotPossible(_PRACTICE)
    if Account.objects.filter(sign_in_key=sign_in_key(address)).exists():
        raise AlreadyHere(_KNOWN)
    try:
        with transaction.atomic():
            account = Account.create(
                display_name=name,
                sign_in_name=address,
                role=given.key,
                password_hash=make_password(None),  # no password opens it
                practice_id=practice_id,
            )
    except IntegrityError as taken:  # two invite the same person at once
        raise AlreadyHere(_KNOWN) from taken
    record_event("user_created", account, account=account.pk, before="", after=given.key)
    return account, _new_link(account)


def invite_again(by: Person, account_id: UUID) -> tuple[Account, str]:
    """A new link for somebody who has not come yet; the one before is dead. Raises NotEntitled, NotPossible."""
    account = _waiting(by, account_id)
    role_to_give(by, account.role)
    if not account.active:
        account.active = True
        account.save(update_fields=["active"])
    record_event("user_created", account, account=account.pk, before="", after=account.role)
    return account, _new_link(account)


def withdraw(by: Person, account_id: UUID) -> Account:
    """Take an invitation back. Raises NotEntitled, NotPossible."""
    account = _waiting(by, account_id)
    AccessLink.objects.filter(account=account, used_at=None).update(used_at=timezone.now())
    account.active = False
    account.save(update_fields=["active"])
    record_event("user_archived", account, account=account.pk, before=account.role, after="")
    return account


def find_invitation(token: str) -> Invitation | None:
    """What the link leads to; None when it was used, withdrawn, is too old or never was."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_link(%s)", [_hash(token)])
        found = cursor.fetchone()
    if found is None or found[3] != AccessLink.Purpose.INVITE:
        return None
    return Invitation(*found[:3])


def accept(request: HttpRequest, invitation: Invitation, *, name: str, password: str) -> Account | None:
    """The person comes: confirms the name and sets the password. None if the link was used meanwhile.

    Nobody is signed in by it: the sign-in asks for what the laboratory demands. Raises WeakPassword.
    """
    with laboratory(invitation.lab_id, actor=invitation.account_id, origin=origin_of(request)):
        good = AccessLink.objects.select_for_update().filter(
            pk=invitation.link_id, used_at=None, expires_at__gt=timezone.now()
        )
        if (link := good.first()) is None:
            return None
        account = Account.objects.select_for_update().get(pk=invitation.account_id)
        if not account.active or account.has_password:
            return None
        account.display_name = name
        require_strong(account, password)
        link.used_at = account.confirmed_at = timezone.now()
        link.save(update_fields=["used_at"])
        account.password_hash = hash_password(password, bytes(account.sign_in_key))
        account.save(update_fields=["display_name", "password_hash", "confirmed_at"])
        record_event("user_confirmed", account, account=account.pk)
        return account


def note_bad_link(request: HttpRequest) -> None:
    """Somebody tried a link that opens nothing: an event of the platform, since no laboratory is known.

    Not for every one of a flood: the answer stays the same, and a token is not guessed in any number of tries.
    """
    if count(BAD_LINK.of(counted_network(request))) is None:
        record_platform_event("authn_token_reuse", origin=origin_of(request), kind=AccessLink.Purpose.INVITE.value)


def _waiting(by: Person, account_id: UUID) -> Account:
    account = account_to_decide(by, account_id)
    if account.has_password or account.confirmed_at:
        raise NotPossible(_CAME)
    return account


def _new_link(account: Account) -> str:
    """One link at a time: sending it again makes the old one worthless."""
    now = timezone.now()
    AccessLink.objects.filter(account=account, used_at=None).update(used_at=now)
    token = secrets.token_urlsafe(32)
    AccessLink.objects.create(
        account=account, purpose=AccessLink.Purpose.INVITE, token_hash=_hash(token), expires_at=now + GOOD_FOR
    )
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
