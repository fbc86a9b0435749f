"""A new laboratory with everything it needs to start: keys, profile, first account."""

from dataclasses import dataclass
from uuid import UUID

import psycopg

from dentatool.protection.access import Account, Role
from dentatool.protection.founding import found_laboratory
from dentatool.protection.tenancy import laboratory
from dentatool.team.models import LaboratoryProfile


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """The person who signs in first and is the owner. Either a password or its hash."""

    display_name: str
    sign_in_name: str
    password: str = ""
    password_hash: str = ""


def create_laboratory(owner: psycopg.Connection, name: str, first: FirstAccount, **profile: str) -> UUID:
    """Found a laboratory; its id. `owner` is a connection in the owner's role, `profile` its particulars."""
    lab_id = found_laboratory(owner, name)
    with laboratory(lab_id):
        LaboratoryProfile.objects.create(name=name, **profile)
        Account.create(
            display_name=first.display_name,
            sign_in_name=first.sign_in_name,
            role=Role.OWNER,
            password=first.password,
            password_hash=first.password_hash,
        )
    return lab_id
