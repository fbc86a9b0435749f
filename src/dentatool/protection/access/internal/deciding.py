"""Who may decide over whom, and what is decided: role, end and return of an account. people.py states the promise."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from dentatool.protection.access.internal.endings import end_everything_of
from dentatool.protection.access.internal.factors import forget_all
from dentatool.protection.access.internal.models import Account, Ending, LaboratoryRole
from dentatool.protection.access.internal.roles import PERMISSIONS_OF, Permission, Role, permissions_of
from dentatool.protection.access.internal.sessions import Person
from dentatool.protection.audit import record_event

_OWN = "Über das eigene Konto entscheidet jemand anderes: Bitten Sie eine andere Inhaberin oder einen anderen Inhaber."
_LAST_OWNER = "Das Labor braucht mindestens eine Inhaberin oder einen Inhaber. Ernennen Sie zuerst jemand anderen."
_LESS = "Sie können nur Rechte geben oder nehmen, die Sie selbst haben."
_UNKNOWN_ROLE = "Diese Rolle gibt es nicht."
_PRACTICE = "Personen einer Praxis bleiben Personen ihrer Praxis. Laden Sie die Person neu ein."
_ROLE_GONE = "Die frühere Rolle gibt es nicht mehr. Geben Sie der Person zuerst eine andere."


class NotEntitled(Exception):
    """Nobody gives or takes what they do not hold. The Gate shows the German message and notes the attempt."""

    status: ClassVar[int] = 403
    title: ClassVar[str] = "Dafür fehlt das Recht"
    event: ClassVar[str] = "authz_fail"


class NotPossible(Exception):
    """It would be allowed, but not as things stand."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "Das geht so nicht"


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A role that people can have: built in, or the laboratory's own (which has an id)."""

    key: str
    name: str
    permissions: frozenset[Permission]
    id: UUID | None = None


def roles_in_force() -> dict[str, RoleShown]:
    """Every role of this laboratory by its key, as the program enforces it; the built-in ones first."""
    built_in = [RoleShown(role.value, str(role.label), PERMISSIONS_OF[role]) for role in Role]
    own = [
        RoleShown(role.key, role.name, permissions_of(role.key, role.permissions), role.pk)
        for role in LaboratoryRole.objects.filter(active=True).order_by("name")
    ]
    return {role.key: role for role in (*built_in, *own)}


def may_decide(by: Person, role: RoleShown | None) -> bool:
    """Whether this person may give or take this role. One that is no more gives nothing, so it may be taken."""
    gives = role.permissions if role is not None else frozenset()
    return Permission.TEAM_CHANGE in by.permissions and gives <= by.permissions


def role_to_give(by: Person, key: str) -> RoleShown:
    """The role with this very key. Raises NotEntitled, also for a key that no page of the program offers."""
    if (role := roles_in_force().get(key)) is None:
        raise NotEntitled(_UNKNOWN_ROLE)
    if not may_decide(by, role):
        raise NotEntitled(_LESS)
    return role


def account_to_decide(by: Person, account_id: UUID) -> Account:
    """The account, locked, if this person may decide over it. Raises Account.DoesNotExist, NotEntitled."""
    # All owners first and in one order: two who take each other's role at once wait instead of blocking each other.
    list(Account.objects.filter(role=Role.OWNER, active=True).order_by("id").select_for_update())
    account = Account.objects.select_for_update().get(pk=account_id)
    if account.pk == by.id:
        raise NotEntitled(_OWN)
    if not may_decide(by, roles_in_force().get(account.role)):
        raise NotEntitled(_LESS)
    return account


def give_role(by: Person, account_id: UUID, key: str) -> Account:
    """Give somebody another role; every access of theirs ends, so that the next sign-in has the new rights."""
    account, role = account_to_decide(by, account_id), role_to_give(by, key)
    if Role.PRACTICE in (account.role, role.key):
        raise NotPossible(_PRACTICE)
    if account.role != role.key:
        _require_another_owner(account)
        before, account.role = account.role, role.key
        account.save(update_fields=["role"])
        end_everything_of(account.pk, Ending.ROLE)
        record_event("privilege_permissions_changed", account, account=account.pk, before=before, after=role.key)
    return account


def close_account(by: Person, account_id: UUID) -> Account:
    """Somebody leaves: every access of theirs ends at once. Who they were stays in the trail."""
    account = account_to_decide(by, account_id)
    if account.active:
        _require_another_owner(account)
        account.active = False
        account.save(update_fields=["active"])
        end_everything_of(account.pk, Ending.DEACTIVATED)
        record_event("user_archived", account, account=account.pk, before=account.role, after="")
    return account


def reopen_account(by: Person, account_id: UUID) -> Account:
    """Somebody comes back, with the role they had."""
    account = account_to_decide(by, account_id)
    if not account.active:
        if account.role not in roles_in_force():
            raise NotPossible(_ROLE_GONE)
        account.active = True
        account.save(update_fields=["active"])
        record_event("user_reactivated", account, account=account.pk, before="", after=account.role)
    return account


def reset_factors(by: Person, account_id: UUID) -> Account:
    """Somebody lost what they prove themselves with: all of it is taken away, and every access of theirs ends."""
    account = account_to_decide(by, account_id)
    forget_all(account)
    return account


def _require_another_owner(account: Account) -> None:
    """Whoever was invited and has not come yet is no owner to rely on. The database refuses the same (people.sql)."""
    if account.role != Role.OWNER or not account.active or not account.has_password:
        return
    others = Account.objects.filter(role=Role.OWNER, active=True).exclude(pk=account.pk)
    if not any(other.has_password for other in others):
        raise NotEntitled(_LAST_OWNER)
