"""Drafts: made from an order's positions, edited freely, thrown away without a trace of a number."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Max

from dentatool.billing.models import Art, Invoice, InvoiceLine, Kind
from dentatool.billing.sums import amount_of, private_discounts, sums_of
from dentatool.kit.errors import Gone, NotYet
from dentatool.orders.lines import finder
from dentatool.orders.models import Order
from dentatool.orders.pricing import PriceMissing
from dentatool.orders.workflow import BILLABLE
from dentatool.values.money import format_permille

COPIED = ("rank", "art", "number", "text", "price_cents", "quantity_milli", "vat_permille", "tooth")


@transaction.atomic
def draft_invoice(order: Order, by: Any = None) -> Invoice:
    """A draft with a copy of the order's positions; the one that is there already, if there is one.

    Who did it, the pass knows; `by` is for the reader of the call.
    :raises NotYet: the order is not finished, is billed already, or has no positions.
    """
    order = Order.objects.select_for_update(of=("self",)).select_related("practice").get(pk=order.pk)
    if (draft := Invoice.objects.drafts().invoices().filter(order=order).first()) is not None:
        return draft
    _require_billable(order)
    positions = list(order.positions.all())
    if not positions:
        raise NotYet(f"Der Auftrag {order.number} hat keine Positionen. Bitte zuerst Positionen eintragen.")
    return new_draft(order, positions, order.priced_on)


def new_draft(order: Order, sources: Iterable[Any], delivered_on: date | None) -> Invoice:
    """A draft with these lines; its sums stand in it from the first entry of its history on."""
    copied = list(sources)
    sums = sums_of(copied)
    draft = Invoice.objects.create(
        order=order,
        practice=order.practice,
        kind=Kind.INVOICE,
        delivered_on=delivered_on,
        net_cents=sums.net_cents,
        vat_cents=sums.vat_cents,
        gross_cents=sums.gross_cents,
    )
    for rank, source in enumerate(copied, start=1):
        _line(draft, source, rank=rank).save(force_insert=True)
    return draft


def _require_billable(order: Order) -> None:
    if order.state_now in BILLABLE:
        return
    if in_force := Invoice.objects.in_force().filter(order=order).first():
        raise NotYet(f"Der Auftrag {order.number} ist mit Rechnung {in_force.number} schon abgerechnet.")
    raise NotYet(
        f"Der Auftrag {order.number} ist „{order.state_label}“. "
        "Eine Rechnung gibt es, sobald er fertig oder geliefert ist. Bitte zuerst den Status weiterschalten."
    )


def _line(invoice: Invoice, source: Any, **changed: Any) -> InvoiceLine:
    line = InvoiceLine(invoice=invoice, **{name: getattr(source, name) for name in COPIED} | changed)
    line.amount_cents = amount_of(line)
    return line


def copy_lines(source: Invoice, target: Invoice, *, sign: int = 1) -> None:
    """Copy all lines, with `sign=-1` turned round by their quantity (a cancellation)."""
    for line in source.lines.all():
        _line(target, line, quantity_milli=sign * line.quantity_milli).save(force_insert=True)


def locked_draft(invoice: Invoice) -> Invoice:
    """The draft as it is stored now, locked until the transaction ends.

    :raises NotYet: somebody has issued it meanwhile.
    :raises Gone: somebody has thrown it away meanwhile.
    """
    known = Invoice.objects.select_for_update(of=("self",)).select_related("practice", "order")
    stored = known.filter(pk=invoice.pk).first()
    if stored is None:
        raise Gone("Dieser Entwurf ist inzwischen verworfen. Der Auftrag lässt sich neu abrechnen.")
    if stored.is_issued:
        raise AlreadyIssued(stored)
    return stored


class AlreadyIssued(NotYet):
    """Two people, or one who clicked twice: the invoice stands, with the number that it has."""

    title = "Bereits ausgestellt"

    def __init__(self, invoice: Invoice) -> None:
        self.invoice = invoice
        super().__init__(
            f"{invoice.get_kind_display()} {invoice.number} ist bereits ausgestellt und ändert sich nicht mehr. "
            f"Sie finden den Beleg unter {invoice.get_absolute_url()}."
        )


def store_sums(draft: Invoice) -> None:
    """Sum the lines into the draft. Writing it also makes its version new, so that nobody overwrites it unseen."""
    sums = sums_of(draft.lines.all())
    draft.net_cents, draft.vat_cents, draft.gross_cents = sums.net_cents, sums.vat_cents, sums.gross_cents
    draft.save()
    draft.refresh_from_db(fields=["version"])


@transaction.atomic
def change_lines(draft: Invoice, rows: Iterable[Mapping[str, Any]], *, version: int | None = None) -> Invoice:
    """Replace the draft's lines by these rows, in this order. `place` of a row names the line it changes (from 0).

    A BEL line without price gets that of the price list. `version` is the one that was shown to the person.
    :raises NotYet: the draft was issued or changed by somebody else meanwhile.
    """
    draft = locked_draft(draft)
    if version is not None and version != draft.version:
        raise ChangedMeanwhile
    kept = dict(enumerate(draft.lines.all()))
    for rank, row in enumerate(rows, start=1):
        line = kept.pop(row.get("place", -1), None)
        is_new = line is None
        line = line or InvoiceLine(invoice=draft)
        _fill(line, row)
        line.rank, line.amount_cents = rank, amount_of(line)
        line.save(force_insert=is_new)
    for line in kept.values():
        line.delete()
    store_sums(draft)
    return draft


class ChangedMeanwhile(NotYet):
    """Two people at one draft: the second is told, and nothing of the first is lost."""

    title = "Inzwischen geändert"

    def __init__(self) -> None:
        super().__init__(
            "Jemand anderes hat diesen Entwurf inzwischen geändert. Gespeichert ist von Ihren Eingaben nichts. "
            "Bitte die Seite neu laden und die Änderung noch einmal eingeben."
        )


def _fill(line: InvoiceLine, row: Mapping[str, Any]) -> None:
    for name in COPIED[1:]:
        if name in row:
            setattr(line, name, row[name])
    if line.art == Art.TEXT:
        line.number, line.price_cents = "", 0
    if line.price_cents is None:
        try:
            line.price_cents = finder(line.invoice.order)(line.number).cents
        except PriceMissing:
            line.price_cents = 0


@transaction.atomic
def discount_private(draft: Invoice, permille: int) -> int:
    """Take a percentage off the private services: one line per tax rate with the amount stored. How many lines.

    :raises NotYet: there is no private service, or the draft was issued meanwhile.
    """
    draft = locked_draft(draft)
    found = private_discounts(draft.lines.all(), permille)
    if not found:
        raise NotYet("Der Entwurf enthält keine Privatleistung, auf die ein Nachlass möglich ist.")
    last = draft.lines.aggregate(last=Max("rank"))["last"] or 0
    for rank, (vat, cents) in enumerate(found.items(), start=last + 1):
        text = f"Nachlass {format_permille(permille)} auf Privatleistungen"
        line = InvoiceLine(invoice=draft, rank=rank, art=Art.RBT, text=text, price_cents=cents, vat_permille=vat)
        line.amount_cents = amount_of(line)
        line.save(force_insert=True)
    store_sums(draft)
    return len(found)


@transaction.atomic
def renew_draft(draft: Invoice) -> Invoice:
    """Throw the draft's lines away and copy the order's positions and day of delivery again.

    :raises NotYet: the draft was issued meanwhile.
    """
    draft = locked_draft(draft)
    draft.lines.all().delete()
    for rank, source in enumerate(draft.order.positions.all(), start=1):
        _line(draft, source, rank=rank).save(force_insert=True)
    draft.delivered_on = draft.order.priced_on
    store_sums(draft)
    return draft


@transaction.atomic
def discard_draft(draft: Invoice) -> None:
    """Delete a draft. It never had a number, so nothing is missing afterwards.

    :raises NotYet: the draft was issued meanwhile.
    """
    draft = locked_draft(draft)
    draft.lines.all().delete()
    draft.delete()
