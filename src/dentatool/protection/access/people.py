"""The people of a laboratory, their roles, and who may decide over whom: the one place where rights are given.

Promise: nobody gives or takes a right that they do not hold themselves, decides over themselves, or changes the role
they have; the last active owner stays, also when two ask at once; the program's own roles never change. An account is
one natural person, who confirms the name and sets the password on the first visit; its id is never used again. A
changed role and a closed account end every access of the person at once; what changes in a role of the laboratory's
own counts from the next request of each of its people, and for what is at work or on its way just now. Whatever is refused here is noted.

How it could be broken: by SQL past this module, so the database refuses the same once more (internal/people.sql);
by whoever reads an invited person's e-mail within 72 hours.
Tests that try: tests/team/test_people_pages.py, tests/attack/test_atk_33_invitations.py, tests/attack/test_atk_34_more_rights.py.
"""

from dentatool.protection.access.internal.colleagues import Colleague, colleagues
from dentatool.protection.access.internal.deciding import (
    NotEntitled,
    NotPossible,
    RoleShown,
    account_to_decide,
    close_account,
    give_role,
    may_decide,
    reopen_account,
    reset_factors,
    roles_in_force,
)
from dentatool.protection.access.internal.gate import all_pages
from dentatool.protection.access.internal.inviting import (
    Invitation,
    accept,
    find_invitation,
    invite,
    invite_again,
    note_bad_link,
    withdraw,
)
from dentatool.protection.access.internal.models import LaboratoryRole
from dentatool.protection.access.internal.own_roles import retire_role, save_role
from dentatool.protection.access.internal.roles import Permission

__all__ = [
    "Colleague",
    "Invitation",
    "LaboratoryRole",
    "NotEntitled",
    "NotPossible",
    "RoleShown",
    "accept",
    "account_to_decide",
    "close_account",
    "colleagues",
    "find_invitation",
    "give_role",
    "invite",
    "invite_again",
    "may_decide",
    "note_bad_link",
    "pages_by_permission",
    "reopen_account",
    "reset_factors",
    "retire_role",
    "roles_in_force",
    "save_role",
    "withdraw",
]


def pages_by_permission() -> dict[Permission, list[str]]:
    """The addresses that each permission opens, as the Gate serves them."""
    opened: dict[Permission, list[str]] = {}
    for address, view in all_pages():
        declared = view.page_permission  # type: ignore[attr-defined]
        # An address for programs names a permission for each of its methods.
        for permission in {*declared.values()} if isinstance(declared, dict) else {declared}:
            opened.setdefault(permission, []).append(address)
    return opened
