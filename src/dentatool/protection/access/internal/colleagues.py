"""How the people of a laboratory stand: who came, who was invited, who left."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max
from django.utils import timezone

from dentatool.protection.access.internal.deciding import RoleShown, roles_in_force
from dentatool.protection.access.internal.models import AccessLink, Account, Factor, Session

ACTIVE, INVITED, EXPIRED, WITHDRAWN, LEFT = "active", "invited", "expired", "withdrawn", "left"


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person of the laboratory, or of one of its practices."""

    id: UUID
    name: str
    address: str
    role: RoleShown | None  # None: it is no longer in use, and gives nothing
    practice_id: UUID | None
    state: str
    last_sign_in: datetime | None
    invited_until: datetime | None
    has_second_factor: bool


def colleagues(*, practice_id: UUID | None = None, only: UUID | None = None) -> list[Colleague]:
    """Everybody by name, those who left last; of one practice, or one person, if asked for. Five statements."""
    found = Account.objects.all()
    if practice_id is not None:
        found = found.filter(practice_id=practice_id)
    if only is not None:
        found = found.filter(pk=only)
    roles = roles_in_force()
    signed_in = dict(Session.objects.values_list("account_id").annotate(Max("started_at")))
    invited = dict(
        AccessLink.objects.filter(
            purpose=AccessLink.Purpose.INVITE, used_at=None, expires_at__gt=timezone.now()
        ).values_list("account_id", "expires_at")
    )
    secured = set(
        Factor.objects.filter(kind__in=[Factor.Kind.PASSKEY, Factor.Kind.APP]).values_list("account_id", flat=True)
    )
    people = [
        Colleague(
            id=account.pk,
            name=str(account.display_name),
            address=str(account.sign_in_name),
            role=roles.get(account.role),
            practice_id=account.practice_id,
            state=_state_of(account, is_invited=account.pk in invited),
            last_sign_in=signed_in.get(account.pk),
            invited_until=invited.get(account.pk),
            has_second_factor=account.pk in secured,
        )
        for account in found
    ]
    return sorted(people, key=lambda person: (person.state in (LEFT, WITHDRAWN), person.name.casefold()))


def _state_of(account: Account, *, is_invited: bool) -> str:
    if account.has_password:
        return ACTIVE if account.active else LEFT
    if not account.active:
        return WITHDRAWN
    return INVITED if is_invited else EXPIRED
