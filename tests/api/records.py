"""Which record the ids of an operation's address name, and one of each kind in a laboratory."""

from typing import Any
from uuid import UUID

# First part of the path → whose id its {pk} is. A new part must be added; until then the matrix fails.
RECORDS = {
    "practices": "practice",
    "dentists": "dentist",
    "locations": "location",
    "patients": "patient",
    "price-lists": "price_list",
    "articles": "article",
    "orders": "order",
    "invoices": "draft",
}


def record_of(path: str) -> str:
    """The kind of record that {pk} names in this path."""
    part = path.split("/")[0]
    if part not in RECORDS:
        raise KeyError(f"{path}: add {part!r} to RECORDS, so that it is tested")
    return RECORDS[part]


def filled(path: str, records: dict[str, UUID]) -> str:
    """The address of these records."""
    if "{" not in path:
        return path
    place = path.replace("{position_pk}", str(records["position"]))
    return place.replace("{pk}", str(records[record_of(path)]))


def records_of(lab: Any) -> dict[str, UUID]:
    """One record of each kind in this laboratory, as the matrix of the pages makes them."""
    from pages.test_matrix import records_of as made_for_pages

    return made_for_pages(lab)


def of_another_practice(lab: Any, records: dict[str, UUID]) -> dict[str, UUID]:
    """The same laboratory's records as another customer has them; price lists and articles belong to no practice."""
    from billing.conftest import make_order
    from dentatool.billing.actions import draft_invoice
    from dentatool.practices.models import Dentist, KnownLocation

    with lab.at_work():
        order = make_order()
        made = {
            "order": order,
            "position": order.positions.first(),
            "patient": order.patient,
            "draft": draft_invoice(order),
            "practice": order.practice,
            "dentist": Dentist.objects.create(practice=order.practice, last_name="Winter"),
            "location": KnownLocation.objects.create(practice=order.practice, number="565902"),
        }
        return records | {name: record.pk for name, record in made.items()}
