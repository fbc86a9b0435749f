"""Cancelling: a document of its own with negative sums takes an invoice back. The invoice stays as it is."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dentatool.billing.drafting import copy_lines, new_draft
from dentatool.billing.issuing import freeze
from dentatool.billing.models import Invoice, Kind
from dentatool.kit.errors import NotYet
from dentatool.orders.actions import mark_unbilled


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The cancellation document, and the new draft with the same lines if one was wanted."""

    cancellation: Invoice
    draft: Invoice | None


@transaction.atomic
def cancel_invoice(invoice: Invoice, reason: str, by: Any = None, *, copy: bool = True) -> Cancelled:
    """Issue a cancellation; the order is open again, and `copy` leaves a draft with the lines to correct.

    :raises NotYet: no reason, a draft, a cancellation itself, or cancelled already.
    """
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("practice", "order").get(pk=invoice.pk)
    _require_cancellable(invoice, reason)
    cancellation = Invoice.objects.create(
        order=invoice.order,
        practice=invoice.practice,
        kind=Kind.CANCELLATION,
        cancels=invoice,
        reason=reason.strip(),
        delivered_on=invoice.delivered_on,
    )
    copy_lines(invoice, cancellation, sign=-1)
    mark_unbilled(invoice.order)
    freeze(cancellation)
    draft = new_draft(invoice.order, invoice.lines.all(), invoice.delivered_on) if copy else None
    return Cancelled(cancellation, draft)


def _require_cancellable(invoice: Invoice, reason: str) -> None:
    if not invoice.is_issued:
        raise NotYet("Ein Entwurf braucht kein Storno. Er lässt sich ändern oder verwerfen.")
    if invoice.is_cancellation:
        raise NotYet("Ein Storno lässt sich nicht stornieren. Bitte eine neue Rechnung ausstellen.")
    if (done := invoice.cancellations.first()) is not None:
        raise NotYet(f"Rechnung {invoice.number} ist mit {done.number} bereits storniert.")
    if not reason.strip():
        raise NotYet("Bitte einen Grund für das Storno angeben. Er steht auf dem Beleg.")
