"""Questions about invoices: the list, an order's documents, what is ready for export, whether the chain holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from dentatool.billing.models import Invoice, Kind
from dentatool.billing.snapshot import checksum, snapshot_of
from dentatool.orders.models import Order

STATES = {"entwurf": "Entwurf", "ausgestellt": "Ausgestellt", "storniert": "Storniert", "storno": "Storno"}
TONES = {"entwurf": "accent", "ausgestellt": "good", "storniert": "bad", "storno": "warn"}
_COLUMNS = (
    *("id", "number", "kind", "issued_at", "invoice_date", "delivered_on", "created_at"),
    *("net_cents", "vat_cents", "gross_cents", "was_cancelled", "order_id"),
    *("order__number", "order__order_number", "practice__name", "practice__customer_number"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A document in a list."""

    id: UUID
    number: str
    state: str
    invoice_date: date | None
    delivered_on: date | None
    order_id: UUID
    order: str
    order_number: str
    practice: str
    net_cents: int
    gross_cents: int

    @property
    def state_label(self) -> str:
        return STATES[self.state]

    @property
    def state_tone(self) -> str:
        return TONES[self.state]

    @property
    def address(self) -> str:
        return f"/rechnungen/{self.id}/"


def row_of(values: dict[str, Any]) -> Row:
    """A row of `values()` as a list shows it."""
    return Row(
        id=values["id"],
        number=values["number"] or "Entwurf",
        state=state_of(values["kind"], is_issued=values["issued_at"] is not None, is_cancelled=values["was_cancelled"]),
        invoice_date=values["invoice_date"],
        delivered_on=values["delivered_on"],
        order_id=values["order_id"],
        order=values["order__number"],
        order_number=values["order__order_number"],
        practice=values["practice__name"],
        net_cents=values["net_cents"],
        gross_cents=values["gross_cents"],
    )


def state_of(kind: str, *, is_issued: bool, is_cancelled: bool) -> str:
    """The word for where a document stands: a key of STATES."""
    if not is_issued:
        return "entwurf"
    if kind == Kind.CANCELLATION:
        return "storno"
    return "storniert" if is_cancelled else "ausgestellt"


def listed(
    *, state: str = "", practice: UUID | None = None, month: date | None = None, text: str = ""
) -> QuerySet[Any]:
    """The documents of the list as plain values: drafts (no date, so first in falling order), then newest first."""
    found = Invoice.objects.with_cancelled()
    if state == "entwurf":
        found = found.drafts()
    elif state == "storno":
        found = found.issued().filter(kind=Kind.CANCELLATION)
    elif state:
        found = found.issued().invoices().filter(was_cancelled=state == "storniert")
    if practice is not None:
        found = found.filter(practice=practice)
    if month is not None:
        found = found.filter(invoice_date__gte=month, invoice_date__lt=_next_month(month))
    for word in text.split()[:4]:
        found = found.filter(
            Q(number__icontains=word)
            | Q(order__number__istartswith=word)
            | Q(order__order_number__istartswith=word)
            | Q(practice__name__icontains=word)
        )
    return found.order_by("-invoice_date", "-id").values(*_COLUMNS)


def sums_of_list(found: QuerySet[Any]) -> dict[str, int]:
    """Count and sums of the whole filtered list, drafts left out: they are no claims yet. One query."""
    issued = Q(issued_at__isnull=False)
    sums = found.order_by().aggregate(
        documents=Count("id", filter=issued),
        net=Sum("net_cents", filter=issued),
        vat=Sum("vat_cents", filter=issued),
        gross=Sum("gross_cents", filter=issued),
    )
    return {name: value or 0 for name, value in sums.items()}


def months_with_invoices() -> list[date]:
    """The months of the filter, newest first."""
    return list(Invoice.objects.issued().dates("invoice_date", "month", order="DESC")[:36])


def invoices_of(order: Order) -> list[Row]:
    """All documents of an order, oldest first."""
    found = Invoice.objects.with_cancelled().filter(order=order).order_by("created_at")
    return [row_of(values) for values in found.values(*_COLUMNS)]


def ready_for_export() -> QuerySet[Invoice]:
    """Invoices whose file may be in the next run: in force and not fetched yet. A cancelled one never is."""
    return Invoice.objects.in_force().filter(exports__isnull=True, gross_cents__gt=0).order_by("invoice_date", "id")


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Where a range of numbers does not hold, in German."""

    kind: str
    year: int
    sequence: int
    message: str


def chain_faults() -> Iterator[ChainFault]:
    """Check every range of the laboratory: gapless from 1, each checksum right, each naming the one before."""
    before: dict[tuple[str, int], tuple[int, str]] = {}
    for invoice in Invoice.objects.issued().order_by("kind", "year", "sequence").iterator(chunk_size=200):
        assert invoice.year is not None and invoice.sequence is not None  # the database's own constraint
        key = (invoice.kind, invoice.year)
        sequence, sha256 = before.get(key, (0, ""))
        for message in _faults(invoice, sequence, sha256):
            yield ChainFault(invoice.kind, invoice.year, invoice.sequence, message)
        before[key] = (invoice.sequence, invoice.snapshot_sha256)


def _faults(invoice: Invoice, sequence: int, sha256: str) -> Iterator[str]:
    if invoice.sequence != sequence + 1:
        yield f"Nach der laufenden Nummer {sequence} folgt {invoice.sequence}."
    if invoice.previous_sha256 != sha256:
        yield f"{invoice.number} nennt nicht die Prüfsumme des Belegs davor."
    if checksum(invoice.snapshot) != invoice.snapshot_sha256:
        yield f"{invoice.number}: Beleg und Prüfsumme stimmen nicht überein."
        return
    content = snapshot_of(invoice)
    stored = (invoice.number, invoice.net_cents, invoice.vat_cents, invoice.gross_cents, invoice.previous_sha256)
    told = tuple(content[name] for name in ("number", "net_cents", "vat_cents", "gross_cents", "previous_sha256"))
    if stored != told:
        yield f"{invoice.number}: Nummer oder Beträge weichen vom Beleg ab."


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
