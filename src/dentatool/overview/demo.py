"""Two believable laboratories with a few weeks of work. Invented people, real list prices."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from dentatool.billing.demo import fill_invoices
from dentatool.catalogue import demo as catalogue_demo
from dentatool.orders.demo import fill_orders
from dentatool.practices import demo as practices_demo
from dentatool.protection.access import Account, Role
from dentatool.protection.founding import connect_as_owner
from dentatool.protection.tenancy import laboratory
from dentatool.team import demo as team_demo
from dentatool.team.founding import FirstAccount, create_laboratory

PASSWORD_LENGTH = 12


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a visitor of the demo types."""

    laboratory: str
    role: str
    name: str
    password: str


_LABORATORIES = {
    "anna": ("Dentallabor Anna Brandl GmbH", "anna.example"),
    "bert": ("Zahntechnik Bert Hölscher", "bert.example"),
}
_PEOPLE = {
    "anna": {
        Role.OWNER: "Anna Brandl",
        Role.OFFICE: "Miriam Sedlmeier",
        Role.TECHNICIAN: "Jonas Achatz",
        Role.COURIER: "Pavel Novák",
    },
    "bert": {
        Role.OWNER: "Bert Hölscher",
        Role.OFFICE: "Silke Averbeck",
        Role.TECHNICIAN: "Deniz Yıldız",
        Role.COURIER: "Lars Terhorst",
    },
}


def create_demo() -> list[SignIn]:
    """Found both laboratories with all their work; the sign-ins, with passwords of this installation."""
    found: list[SignIn] = []
    with connect_as_owner() as owner:
        for key, (name, domain) in _LABORATORIES.items():
            password = secrets.token_urlsafe(PASSWORD_LENGTH)
            first = FirstAccount(_PEOPLE[key][Role.OWNER], f"{key}@{domain}", password)
            lab_id = create_laboratory(owner, name, first, **team_demo.PROFILES[key])
            found.append(SignIn(name, Role.OWNER.label, first.sign_in_name, password))
            found += _fill(lab_id, key, domain)
    return found


def _fill(lab_id: UUID, key: str, domain: str) -> list[SignIn]:
    found = []
    with laboratory(lab_id):
        people = {Role.OWNER: Account.objects.get().pk}
        for role, person in _PEOPLE[key].items():
            if role == Role.OWNER:
                continue
            sign_in_name = f"{role}@{domain}"
            password = secrets.token_urlsafe(PASSWORD_LENGTH)
            account = Account.create(display_name=person, sign_in_name=sign_in_name, role=role, password=password)
            people[role] = account.pk
            found.append(SignIn(_LABORATORIES[key][0], Role(role).label, sign_in_name, password))
    # A transaction for each slice: as in real life, the later builds on what the earlier committed.
    for fill, role in (
        (practices_demo.fill, Role.OWNER),
        (catalogue_demo.fill, Role.OWNER),
        (fill_orders, Role.TECHNICIAN),
        (fill_invoices, Role.OFFICE),
    ):
        with laboratory(lab_id, actor=people[role]):
            fill(key)
    return found
