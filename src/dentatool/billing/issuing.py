"""Issuing: from a draft to a document with a number that nobody changes any more. One transaction or nothing."""

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import localdate, now

from dentatool.billing.checking import require_issuable
from dentatool.billing.drafting import locked_draft
from dentatool.billing.models import Invoice
from dentatool.billing.ranges import locked_range, shown_number
from dentatool.billing.snapshot import checksum, content_of, sealed_text
from dentatool.billing.sums import sums_of
from dentatool.kit.errors import NotYet
from dentatool.orders.actions import mark_billed
from dentatool.protection.access import Account
from dentatool.protection.tenancy import current
from dentatool.values.days import format_day


@transaction.atomic
def issue_invoice(draft: Invoice, by: Any = None, *, on: date | None = None) -> Invoice:
    """Give the draft its number and freeze it. Who did it, the pass knows. `on`: the invoice's date, else today.

    Whoever comes second, with a double click or from another desk, waits for the first and gets AlreadyIssued.
    :raises NotYet: errors in the draft, an order that cannot be billed, or it is issued already.
    """
    draft = locked_draft(draft)
    require_issuable(draft, list(draft.lines.all()))
    mark_billed(draft.order)
    return freeze(draft, on=on)


def freeze(document: Invoice, *, on: date | None = None) -> Invoice:
    """Number, snapshot and checksum onto a locked draft or cancellation. The range stays locked until the commit."""
    lines, issuer = list(document.lines.all()), _issuer()
    day = on or localdate()
    numbers = locked_range(document.kind, day.year)
    if on is not None:
        _require_order_of_days(document.kind, on)
    document.invoice_date, document.issued_at, document.issued_by = day, now(), issuer
    document.year, document.sequence = day.year, numbers.next_number
    document.number = shown_number(document.kind, year=day.year, number=numbers.next_number)
    document.previous_sha256 = numbers.last_sha256
    sums = sums_of(lines)
    document.net_cents, document.vat_cents, document.gross_cents = sums.net_cents, sums.vat_cents, sums.gross_cents
    document.snapshot = sealed_text(content_of(document, lines, issuer))
    document.snapshot_sha256 = checksum(document.snapshot)
    document.save()
    numbers.next_number, numbers.last_sha256 = numbers.next_number + 1, document.snapshot_sha256
    numbers.save(update_fields=["next_number", "last_sha256"])
    return document


def _require_order_of_days(kind: str, on: date) -> None:
    """Numbers and dates rise together: no date before that of the number before, none in the future."""
    if on > localdate():
        raise NotYet(f"Das Rechnungsdatum {format_day(on)} liegt in der Zukunft.")
    last = Invoice.objects.issued().filter(kind=kind).aggregate(last=Max("invoice_date"))["last"]
    if last is not None and on < last:
        raise NotYet(f"Das Rechnungsdatum {format_day(on)} liegt vor dem des letzten Belegs ({format_day(last)}).")


def _issuer() -> Account | None:
    """The person of the pass; commands on the server have none."""
    actor = current().actor_id
    return Account.objects.filter(pk=actor).first() if actor else None
