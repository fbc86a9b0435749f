"""Questions about invoices: the list, an order's documents, what is ready for export, whether the chain holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from dentatool.billing.models import Invoice, Kind
from dentatool.billing.snapshot import checksum, snapshot_of
from dentatool.orders.models import Order
from dentatool.practices.models import Practice
from dentatool.protection.engine.prepared import Prepared

STATES = {"entwurf": "Entwurf", "ausgestellt": "Ausgestellt", "storniert": "Storniert", "storno": "Storno"}
_MOST_MONTHS = 36
TONES = {"entwurf": "accent", "ausgestellt": "good", "storniert": "bad", "storno": "warn"}
_COLUMNS = (
    *("id", "number", "kind", "issued_at", "invoice_date", "delivered_on"),
    *("net_cents", "gross_cents", "order_id", "practice_id"),
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


def rows_of(ids: Sequence[UUID]) -> list[Row]:
    """These documents as lists show them, in this order. Four queries by key, however many there are.

    Not one query with joins: under row-level security the planner knows no statistics of the joined tables and may
    walk through whole laboratories for 25 rows (measured: 0.5 s instead of 4 ms at 20,000 invoices).
    """
    if not ids:
        return []
    found = {values["id"]: values for values in Invoice.objects.filter(pk__in=ids).values(*_COLUMNS)}
    orders = {values["order_id"] for values in found.values()}
    practices = {values["practice_id"] for values in found.values()}
    names = _Names(
        orders={
            key: rest for key, *rest in Order.objects.filter(pk__in=orders).values_list("pk", "number", "order_number")
        },
        practices=dict(Practice.objects.filter(pk__in=practices).values_list("pk", "name")),
        cancelled=set(Invoice.objects.issued().filter(cancels__in=ids).values_list("cancels_id", flat=True)),
    )
    return [_row(found[key], names) for key in ids if key in found]


@dataclass(frozen=True, slots=True)
class _Names:
    """What the rows of one page refer to."""

    orders: dict[UUID, list[str]]
    practices: dict[UUID, str]
    cancelled: set[UUID | None]


def _row(values: dict[str, Any], names: _Names) -> Row:
    number, order_number = names.orders[values["order_id"]]
    is_cancelled = values["id"] in names.cancelled
    return Row(
        id=values["id"],
        number=values["number"] or "Entwurf",
        state=state_of(values["kind"], is_issued=values["issued_at"] is not None, is_cancelled=is_cancelled),
        invoice_date=values["invoice_date"],
        delivered_on=values["delivered_on"],
        order_id=values["order_id"],
        order=number,
        order_number=order_number,
        practice=names.practices[values["practice_id"]],
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
) -> QuerySet[Invoice]:
    """The documents of the list: drafts (no date, so first in falling order), then newest first.

    No joins here: counting, summing and finding the page's ids touch one table and its index by date.
    """
    found = Invoice.objects.all()
    if state == "entwurf":
        found = found.drafts()
    elif state == "storno":
        found = found.issued().filter(kind=Kind.CANCELLATION)
    elif state:
        cancelled = Invoice.objects.issued().filter(kind=Kind.CANCELLATION).values("cancels")
        wanted = Q(pk__in=cancelled)
        found = found.issued().invoices().filter(wanted if state == "storniert" else ~wanted)
    if practice is not None:
        found = found.filter(practice=practice)
    if month is not None:
        found = found.filter(invoice_date__gte=month, invoice_date__lt=_next_month(month))
    for word in text.split()[:4]:
        found = found.filter(_mentions(word))
    return found.order_by("-invoice_date", "-id")


def _mentions(word: str) -> Q:
    """The word in the number, at the start of the order's numbers, or in the practice's name."""
    orders = Order.objects.filter(Q(number__istartswith=word) | Q(order_number__istartswith=word))
    practices = Practice.objects.filter(name__icontains=word)
    return Q(number__icontains=word) | Q(order__in=orders.values("pk")) | Q(practice__in=practices.values("pk"))


def sums_of_list(found: QuerySet[Invoice]) -> dict[str, int]:
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
    """The months of the filter, newest first, at most three years. Reads both ends of the index, not all invoices."""
    ends = Invoice.objects.aggregate(first=Min("invoice_date"), last=Max("invoice_date"))
    if ends["last"] is None:
        return []
    months = [ends["last"].replace(day=1)]
    while months[-1] > ends["first"] and len(months) < _MOST_MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return [month for month in months if _next_month(month) > ends["first"]]


_documents_of = Prepared(
    lambda order_id: Invoice.objects.filter(order=order_id).order_by("created_at").values_list("pk", flat=True)
)


def invoices_of(order: Order) -> list[Row]:
    """All documents of an order, oldest first."""
    return rows_of(_documents_of(order.pk))


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
