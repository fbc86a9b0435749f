"""Particulars of the demo laboratories, and the role that each made for itself. Invented firms in real places."""

from dentatool.protection.access import Permission
from dentatool.protection.access.people import LaboratoryRole

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
