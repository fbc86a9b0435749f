"""What a person may do and how they enter, asked anew: for work in somebody's name, and for the review of accesses.

Promise: the answer is that of the database now, not of when the work was ordered; an inactive account may nothing.
How it could be broken: by keeping an answer; so nothing here is remembered.
Tests that try: tests/protection/access/test_standing.py.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from dentatool.protection.access.internal.endings import end_everything_of
from dentatool.protection.access.internal.factors import factors_of
from dentatool.protection.access.internal.models import Account, ApiToken, Factor, LaboratoryRole, Level, Session
from dentatool.protection.access.internal.roles import Permission, Role, permissions_of
from dentatool.protection.audit import record_event


def may(account_id: UUID, permission: Permission) -> bool:
    """Whether this person of the laboratory may do this at this moment."""
    account = Account.objects.filter(pk=account_id, active=True).first()
    return account is not None and permission in held_by(account)


def held_by(account: Account) -> frozenset[Permission]:
    """Everything that the account's role allows, whether built in or the laboratory's own."""
    own = LaboratoryRole.objects.filter(key=account.role, active=True).values_list("permissions", flat=True).first()
    return permissions_of(account.role, own or [])


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody who reviews accesses has to see of a person."""

    role: str
    permissions: frozenset[Permission]
    last_sign_in: datetime | None
    factors: tuple[str, ...]
    tokens: int


def standing_of(account: Account) -> Standing:
    """How this person stands now."""
    now = timezone.now()
    own = LaboratoryRole.objects.filter(key=account.role).first()
    sessions = Session.objects.filter(account=account, level=Level.FULL).order_by("-started_at")
    return Standing(
        role=own.name if own else dict(Role.choices).get(account.role, account.role),
        permissions=held_by(account),
        last_sign_in=sessions.values_list("started_at", flat=True).first(),
        factors=tuple(Factor.Kind(factor.kind).label for factor in factors_of(account.pk)),
        tokens=ApiToken.objects.filter(account=account, ended_at=None, expires_at__gt=now).count(),
    )


def who_may(permission: Permission) -> list[Account]:
    """Everybody in the laboratory who may do this now."""
    return [account for account in Account.objects.filter(active=True) if permission in held_by(account)]


class LastOwner(Exception):
    """The laboratory would be without an owner."""


def end_access(account: Account) -> None:
    """Close an account: it signs in no more, and what it has open is dead with the next request. Raises LastOwner."""
    list(Account.objects.filter(role=Role.OWNER, active=True).order_by("id").select_for_update())  # two at once wait
    if is_last_owner(account):
        raise LastOwner
    account.active = False
    account.save(update_fields=["active"])
    end_everything_of(account.pk, "deactivated")
    record_event("user_archived", account, account=account.pk, before=account.role, after="")


def is_last_owner(account: Account) -> bool:
    """Whether the laboratory would be without an owner if this account were closed; an invited one is none yet."""
    others = Account.objects.filter(role=Role.OWNER, active=True).exclude(pk=account.pk)
    return account.role == Role.OWNER and account.active and not any(other.has_password for other in others)
