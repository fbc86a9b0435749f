"""What the patients' pages show beyond plain master data."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import localdate

from dentatool.kit.lists import in_this_order
from dentatool.orders.models import Order, Patient
from dentatool.orders.queries import row_values, shown_row
from dentatool.protection.access import Permission
from dentatool.protection.engine.prepared import EachOf
from dentatool.protection.vault import find_sealed

MOST_FOUND = 200
MOST_ORDERS = 50


# The columns of the list, and no others: half the time.
_SHOWN = ("pseudonym", "name", "birth_date", "insurance", "practice__customer_number", "practice__name")
_with_practice = EachOf(lambda pk: Patient.objects.filter(pk=pk).order_by().select_related("practice").only(*_SHOWN))


def patients_found(patients: QuerySet[Patient], text: str) -> Any:
    """Patients by name (any spelling, any part) or by the practice's number, best first."""
    found = find_sealed(Patient, "name", text, limit=MOST_FOUND, also="pseudonym")
    few = patients.prefetch_related(None).select_related("practice")  # of known ids a join is one question less
    return in_this_order(few, found, _with_practice)


def orders_of(request: HttpRequest, patient: Patient) -> dict[str, Any]:
    """The patient's orders, newest first, for those who may see orders."""
    if not request.may(Permission.ORDERS_VIEW):  # type: ignore[attr-defined]
        return {"orders": []}
    found = row_values(Order.objects.filter(patient=patient).order_by("-received_on", "-id"), with_names=False)
    return {"orders": [shown_row(row, localdate()) for row in found[:MOST_ORDERS]]}
