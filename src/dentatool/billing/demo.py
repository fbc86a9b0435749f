"""Invoices of the demo laboratories: most finished work is billed, one invoice was wrong, two are still drafts."""

from datetime import timedelta

from django.utils.timezone import localdate

from dentatool.billing.actions import cancel_invoice, draft_invoice, findings_of, issue_invoice
from dentatool.billing.models import Invoice
from dentatool.orders.models import Order
from dentatool.orders.workflow import State

DRAFTS = 2


def fill_invoices(key: str) -> None:
    """Bill the delivered orders of the laboratory whose pass is in force, in the order of their delivery."""
    delivered = list(
        Order.objects.filter(state=State.DELIVERED).exclude(delivered_on=None).order_by("delivered_on", "id")
    )
    issued = [invoice for order in delivered[:-DRAFTS] if (invoice := _bill(order)) is not None]
    for order in delivered[-DRAFTS:]:
        draft_invoice(order)
    if len(issued) > DRAFTS:
        copy = cancel_invoice(issued[-2], "Menge der Versandgänge berichtigt").draft
        if copy is not None:
            issue_invoice(copy)


def _bill(order: Order) -> Invoice | None:
    """The order's invoice, dated the day after delivery; None when its positions do not allow one."""
    draft = draft_invoice(order)
    if any(finding.is_error for finding in findings_of(draft)):
        return None
    assert order.delivered_on is not None  # filtered above
    return issue_invoice(draft, on=min(order.delivered_on + timedelta(days=1), localdate()))
