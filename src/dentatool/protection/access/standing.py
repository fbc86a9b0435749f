"""What a person may do, asked anew: for work in the background that is done in somebody's name.

Promise: the answer is that of the database now, not of when the work was ordered; an inactive account may nothing.
How it could be broken: by keeping an answer; so nothing here is remembered.
Tests that try: tests/protection/access/test_standing.py.
"""

from uuid import UUID

from dentatool.protection.access.internal.models import Account, LaboratoryRole
from dentatool.protection.access.internal.roles import Permission, permissions_of


def may(account_id: UUID, permission: Permission) -> bool:
    """Whether this person of the laboratory may do this at this moment."""
    account = Account.objects.filter(pk=account_id, active=True).first()
    return account is not None and permission in held_by(account)


def held_by(account: Account) -> frozenset[Permission]:
    """Everything that the account's role allows, whether built in or the laboratory's own."""
    own = LaboratoryRole.objects.filter(key=account.role, active=True).values_list("permissions", flat=True).first()
    return permissions_of(account.role, own or [])
