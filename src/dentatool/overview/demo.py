"""Two believable laboratories with a few weeks of work. Invented people, real list prices."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from dentatool.billing.demo import fill_invoices
from dentatool.catalogue import demo as catalogue_demo
from dentatool.orders.demo import fill_orders
from dentatool.practices import demo as practices_demo
from dentatool.practices.models import Practice
from dentatool.protection.access import Account, Role
from dentatool.protection.access.people import LaboratoryRole
from dentatool.protection.founding import connect_as_owner, declare_demo
from dentatool.protection.tenancy import laboratory
from dentatool.team import demo as team_demo
from dentatool.team.founding import FirstAccount, create_laboratory

PASSWORD_LENGTH = 12
OWN_ROLE = "annahme"  # in the addresses: the role that each demo laboratory made for itself


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
        Role.READER: "Leonie Kastl",
        OWN_ROLE: "Brigitte Thalhammer",
        Role.PRACTICE: "Sabine Rieder",
    },
    "bert": {
        Role.OWNER: "Bert Hölscher",
        Role.OFFICE: "Silke Averbeck",
        Role.TECHNICIAN: "Deniz Yıldız",
        Role.COURIER: "Lars Terhorst",
        Role.READER: "Mats Wiggering",
        OWN_ROLE: "Heike Pohlkamp",
        Role.PRACTICE: "Jutta Brinkmann",
    },
}


def create_demo() -> list[SignIn]:
    """Found both laboratories with all their work; the sign-ins, with passwords of this installation."""
    found: list[SignIn] = []
    with connect_as_owner() as owner:
        declare_demo(owner)
        for key, (name, domain) in _LABORATORIES.items():
            password = secrets.token_urlsafe(PASSWORD_LENGTH)
            first = FirstAccount(_PEOPLE[key][Role.OWNER], f"{key}@{domain}", password)
            lab_id = create_laboratory(owner, name, first, **team_demo.PROFILES[key])
            found.append(SignIn(name, Role.OWNER.label, first.sign_in_name, password))
            found += _fill(lab_id, key, domain)
    return found


def _fill(lab_id: UUID, key: str, domain: str) -> list[SignIn]:
    with laboratory(lab_id):
        people = {str(Role.OWNER): Account.objects.get().pk}
        own_role = team_demo.make_own_role()
    with laboratory(lab_id, actor=people[Role.OWNER]):
        practices_demo.fill(key)
    found = []
    with laboratory(lab_id):
        for role, person in _PEOPLE[key].items():
            if role != Role.OWNER:
                sign_in, people[role] = _person(key, domain, person, role, own_role)
                found.append(sign_in)
    # A transaction for each slice: as in real life, the later builds on what the earlier committed.
    for fill, role in (
        (catalogue_demo.fill, Role.OWNER),
        (fill_orders, Role.TECHNICIAN),
        (fill_invoices, Role.OFFICE),
        (team_demo.fill_reviews, Role.OWNER),
    ):
        with laboratory(lab_id, actor=people[role]):
            fill(key)
    return found


def _person(key: str, domain: str, name: str, role: str, own_role: LaboratoryRole) -> tuple[SignIn, UUID]:
    """One more person of the laboratory, or of its first practice."""
    sign_in_name, password = f"{role}@{domain}", secrets.token_urlsafe(PASSWORD_LENGTH)
    practice = Practice.objects.order_by("customer_number").first() if role == Role.PRACTICE else None
    account = Account.create(
        display_name=name,
        sign_in_name=sign_in_name,
        role=own_role.key if role == OWN_ROLE else role,
        password=password,
        practice_id=practice.pk if practice else None,
    )
    label = own_role.name if role == OWN_ROLE else str(Role(role).label)
    return SignIn(_LABORATORIES[key][0], label, sign_in_name, password), account.pk
