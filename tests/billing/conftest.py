"""Orders, drafts and invoices of the test laboratories."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture
def finished_order() -> Callable[..., Any]:
    """`finished_order(area="ZE", lines=[…])` inside `at_work()`: an order that can be billed, and its practice."""
    return make_order


def make_order(
    *,
    lines: list[dict[str, Any]] | None = None,
    delivered_on: date = date(2026, 3, 12),
    order_number: str = "565901-4711-ZE-20260015-1-6",
    insurance: str = "gkv",
    practice: Any = None,
    state: str = "fertig",
    **order: Any,
) -> Any:
    """A finished order with one crown and shipping, unless other lines are given."""
    from dentatool.orders.models import Order, Patient, Position
    from dentatool.practices.models import Practice

    practice = practice or Practice.objects.create(
        customer_number=uuid4().hex[:8],
        name="Praxis Dr. Sommer",
        street="Am Markt 1",
        postcode="83022",
        city="Rosenheim",
    )
    patient = Patient.objects.create(practice=practice, name="Erika Mustermann", pseudonym="4711", insurance=insurance)
    made = Order.objects.create(
        **{
            "number": uuid4().hex[:10],
            "practice": practice,
            "patient": patient,
            "order_number": order_number,
            "number_state": "gueltig" if order_number else "fehlt",
            "kind": "Krone",
            "received_on": date(2026, 1, 5),
            "delivered_on": delivered_on,
            "state": state,
            **order,
        }
    )
    for rank, line in enumerate(lines or CROWN, start=1):
        Position.objects.create(order=made, rank=rank, **line)
    return made


CROWN = [
    {"art": "BEL", "number": "0010", "text": "Modell", "price_cents": 845, "quantity_milli": 2000},
    {"art": "BEL", "number": "1021", "text": "Vollkrone/Metall", "price_cents": 10455, "tooth": "36"},
]
