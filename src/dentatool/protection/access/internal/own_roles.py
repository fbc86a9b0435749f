"""Roles of the laboratory's own: a name for some of the program's permissions. people.py states the promise."""

from collections.abc import Iterable
from uuid import UUID

from dentatool.protection.access.internal.deciding import NotEntitled, NotPossible, roles_in_force
from dentatool.protection.access.internal.models import Account, LaboratoryRole
from dentatool.protection.access.internal.roles import PERMISSIONS_OF, Permission
from dentatool.protection.access.internal.sessions import Person
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy.internal.record import new_id

_OWN_ROLE = "Die eigene Rolle ändert jemand anderes."
_LESS = "Eine Rolle kann nur Rechte enthalten, die Sie selbst haben."
_UNKNOWN = "Dieses Recht gibt es nicht."
_TAKEN = "So heißt schon eine Rolle."
_IN_USE = "Diese Rolle haben noch Personen. Geben Sie ihnen zuerst eine andere."


def save_role(by: Person, role_id: UUID | None, *, name: str, permissions: Iterable[str]) -> LaboratoryRole:
    """Make a role, or change one: its people have the new rights from their next request on.

    Raises LaboratoryRole.DoesNotExist, NotEntitled, NotPossible.
    """
    role = _role_to_change(by, role_id) if role_id else LaboratoryRole(key=f"eigene-{new_id().hex[-20:]}")
    wanted = _known(permissions)
    before = list(role.permissions)
    if not set(before) | wanted <= by.permissions:
        raise NotEntitled(_LESS)
    if any(other.name.casefold() == name.casefold() and other.key != role.key for other in roles_in_force().values()):
        raise NotPossible(_TAKEN)
    role.name, role.permissions = name, sorted(wanted)
    role.save()
    record_event("privilege_permissions_changed", role, role=role.key, before=before, after=role.permissions)
    return role


def retire_role(by: Person, role_id: UUID) -> LaboratoryRole:
    """Take a role out of use that nobody has any more. Raises LaboratoryRole.DoesNotExist, NotEntitled, NotPossible."""
    role = _role_to_change(by, role_id)
    if not set(role.permissions) <= by.permissions:
        raise NotEntitled(_LESS)
    if Account.objects.filter(role=role.key, active=True).exists():
        raise NotPossible(_IN_USE)
    role.active = False
    role.save(update_fields=["active"])
    record_event("privilege_permissions_changed", role, role=role.key, before=role.permissions, after=[])
    return role


def _role_to_change(by: Person, role_id: UUID) -> LaboratoryRole:
    if Permission.TEAM_CHANGE not in by.permissions:
        raise NotEntitled(_LESS)
    role = LaboratoryRole.objects.select_for_update().get(pk=role_id, active=True)
    if role.key == by.role:
        raise NotEntitled(_OWN_ROLE)
    assert role.key not in PERMISSIONS_OF, "the database lets no role of a laboratory take the key of a built-in one"
    return role


def _known(permissions: Iterable[str]) -> set[str]:
    wanted = {str(name) for name in permissions}
    if not wanted <= {permission.value for permission in Permission}:
        raise NotEntitled(_UNKNOWN)
    return wanted - {Permission.OWN_ACCOUNT.value}  # everybody's, whatever the role
