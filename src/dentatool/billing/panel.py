"""The invoices of an order, on the order's page."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from dentatool.billing.queries import invoices_of
from dentatool.orders.models import Order
from dentatool.orders.panels import order_panel
from dentatool.orders.workflow import BILLABLE
from dentatool.protection.access import Permission


def show_on_orders() -> None:
    """Called when the program starts."""
    order_panel(invoice_panel)


def invoice_panel(request: HttpRequest, order: Order) -> tuple[str, Mapping[str, Any]] | None:
    """Drafts, invoices and cancellations of the order, and the button for the next one."""
    if not request.may(Permission.BILLING_VIEW):  # type: ignore[attr-defined]
        return None
    found = invoices_of(order)
    has_draft = any(each.state == "entwurf" for each in found)
    can_draft = (
        order.state_now in BILLABLE and not has_draft and request.may(Permission.BILLING_CHANGE)  # type: ignore[attr-defined]
    )
    return "billing/_order.html", {
        "invoices": found,
        "can_draft": can_draft,
        "is_billable": order.state_now in BILLABLE,
    }
