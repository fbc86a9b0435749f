"""Particulars of the demo laboratories, their own role, and reviews of accesses. Invented firms in real places."""

from datetime import timedelta

from django.utils import timezone

from dentatool.protection.access import Account, Permission, Role
from dentatool.protection.access.people import LaboratoryRole
from dentatool.protection.tenancy import current
from dentatool.team.reviews.actions import TERM, close_review, decide, open_review
from dentatool.team.reviews.models import AccessReview, Decision

PROFILES = {
    "anna": {
        "street": "Innlände 12",
        "postcode": "83022",
        "city": "Rosenheim",
        "phone": "089 99998 040",
        "email": "labor@anna.example",
        "tax_number": "156/114/50321",
        "vat_id": "DE000000000",
        "iban": "DE02 1203 0000 0000 2020 51",
        "bic": "BYLADEM1001",
        "bank": "Musterbank Rosenheim",
        "region": "BY",
        "place": "D-Rosenheim",
        "lab_type": "gewerbe",
    },
    "bert": {
        "street": "Hansaring 41",
        "postcode": "48155",
        "city": "Münster",
        "phone": "0221 4710 075",
        "email": "labor@bert.example",
        "tax_number": "337/5821/0417",
        "vat_id": "DE000000000",
        "iban": "DE02 5001 0517 0137 0750 30",
        "bic": "INGDDEFFXXX",
        "bank": "Musterbank Münster",
        "region": "WL",
        "place": "D-Münster",
        "lab_type": "gewerbe",
    },
}


def make_own_role() -> LaboratoryRole:
    """Who takes in the work and speaks with practices, without prices and invoices."""
    rights = (
        *(Permission.OVERVIEW_VIEW, Permission.PRACTICES_VIEW, Permission.PATIENTS_VIEW, Permission.PATIENTS_CHANGE),
        *(Permission.ORDERS_VIEW, Permission.ORDERS_CHANGE),
    )
    return LaboratoryRole.objects.create(key="eigene-annahme", name="Auftragsannahme", permissions=sorted(rights))


def fill_reviews(_laboratory: str) -> None:
    """One review of half a year ago, closed, and one that runs with some decisions made."""
    owner = Account.objects.get(pk=current().actor_id)
    first = open_review(by=owner)
    begun = timezone.now() - timedelta(days=182)
    AccessReview.objects.filter(pk=first.pk).update(opened_at=begun, due_at=begun + TERM)
    for item in first.items.exclude(account=owner):
        decide(item, Decision.KEPT, by=owner)
    close_review(first, by=owner)
    running = open_review(by=None)
    office = running.items.get(account__role=Role.OFFICE)
    decide(office, Decision.KEPT, by=owner, comment="Abrechnung, unverändert")
