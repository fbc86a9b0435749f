"""Invoices: drafts from orders, issuing, cancelling, the document as PDF and XML."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from dentatool.api.body import Body
from dentatool.api.kinds import Kind, Unfit, choice, flag, identifier
from dentatool.api.operation import Call, Facts, File, ListOf, operation
from dentatool.api.refusals import Unfitting
from dentatool.api.shape import FLAG, NUMBER, TEXT, Made, Shape, list_of, object_of, or_null
from dentatool.billing.actions import (
    cancel_invoice,
    change_lines,
    discard_draft,
    discount_private,
    draft_invoice,
    findings_of,
    hand_out,
    issue_invoice,
    pdf_of,
    renew_draft,
)
from dentatool.billing.drafting import AlreadyIssued
from dentatool.billing.forms import FIELDS, MOST_ROWS, DiscountForm, LineForm, LinesForm, ReasonForm
from dentatool.billing.models import Invoice, InvoiceLine
from dentatool.billing.paper.pdf import file_name
from dentatool.billing.queries import STATES, listed, state_of
from dentatool.orders.models import Order
from dentatool.protection.access import Permission
from dentatool.protection.audit import record_event

LOOK, CHANGE = Permission.BILLING_VIEW, Permission.BILLING_CHANGE
RELATED = ("order", "order__patient", "order__dentist", "practice", "cancels")
INVOICE = Shape(
    "Invoice", Invoice,
    (
        *("order", "practice", "kind", "number", "invoice_date", "issued_at", "delivered_on", "cancels"),
        *("net_cents", "vat_cents", "gross_cents", "snapshot_sha256"),
    ),
    made={
        "state": Made(
            {"type": "string", "enum": list(STATES)},
            lambda one: state_of(one.kind, is_issued=one.is_issued, is_cancelled=one.was_cancelled),
        )
    },
    place="invoices",
)  # fmt: skip
LINE = Shape("InvoiceLine", InvoiceLine, ("rank", *FIELDS, "amount_cents"))
_FINDING = object_of(is_error=FLAG, message=TEXT, rank=NUMBER)
_ROW = Body("InvoiceLineSent", LineForm, without=frozenset({"remove"}))


def _rows() -> Kind:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > MOST_ROWS or not all(isinstance(row, dict) for row in value):
            raise Unfit(f"Hier müssen höchstens {MOST_ROWS} Zeilen stehen.")
        return value

    return Kind({"type": "array", "maxItems": MOST_ROWS, "items": _ROW.described()}, read)


@operation(
    "GET", "invoices", LOOK, "Rechnungen auflisten", gives=ListOf(INVOICE),
    query={"state": choice(STATES), "practice": identifier(), "order": identifier()},
)  # fmt: skip
def invoices(call: Call) -> QuerySet[Invoice]:
    found: QuerySet[Invoice] = listed(state=call.query.get("state", ""), practice=call.query.get("practice"))
    return found.filter(**call.query_for("order")).with_cancelled()  # type: ignore[attr-defined,no-any-return]


@operation(
    "POST", "invoices", CHANGE, "Rechnungsentwurf aus einem Auftrag",
    takes=Body("InvoiceNew", more={"order": identifier()}, needs=("order",)), gives=INVOICE, status=201,
)  # fmt: skip
def invoice_draft(call: Call) -> Invoice:
    """Gibt es schon einen Entwurf, ist er die Antwort."""
    order = Order.objects.filter(pk=call.sent["order"]).first()
    if order is None:
        raise Unfitting.absent("/order", call.sent["order"])
    return _invoice(draft_invoice(order).pk)


@operation("GET", "invoices/{pk}", LOOK, "Rechnung lesen", gives=INVOICE)
def invoice(call: Call, pk: UUID) -> Invoice:
    return _invoice(pk)


@operation("DELETE", "invoices/{pk}", CHANGE, "Entwurf verwerfen")
def invoice_discard(call: Call, pk: UUID) -> None:
    discard_draft(_draft(call, pk))


@operation("GET", "invoices/{pk}/lines", LOOK, "Zeilen einer Rechnung", gives=ListOf(LINE))
def invoice_lines(call: Call, pk: UUID) -> QuerySet[InvoiceLine]:
    return InvoiceLine.objects.filter(invoice=_invoice(pk))


@operation(
    "PUT", "invoices/{pk}/lines", CHANGE, "Zeilen eines Entwurfs ersetzen",
    takes=Body("InvoiceLines", more={"lines": _rows()}, needs=("lines",)), gives=INVOICE,
)  # fmt: skip
def invoice_lines_replace(call: Call, pk: UUID) -> Invoice:
    """In dieser Reihenfolge. Eine BEL-Zeile ohne Preis bekommt den der Liste."""
    draft = _draft(call, pk)
    held, sent = list(draft.lines.all()), call.sent["lines"]
    typed = [_ROW.checked(row, f"/lines/{place}") for place, row in enumerate(sent)]
    form = LinesForm(draft, held, _as_typed(typed, len(held), draft.version))
    wrong = {
        f"/lines/{row.rank - 1}/{name}": list(messages)
        for row in form.rows
        if not row.is_blank
        for name, messages in row.errors.items()
    }
    if wrong:
        raise Unfitting(wrong)
    change_lines(draft, form.typed_rows(), version=draft.version)
    return _invoice(pk)


@operation(
    "POST", "invoices/{pk}/discount", CHANGE, "Nachlass auf Privatleistungen",
    takes=Body("Discount", DiscountForm), gives=INVOICE,
)  # fmt: skip
def invoice_discount(call: Call, pk: UUID) -> Invoice:
    draft = _draft(call, pk)
    discount_private(draft, call.form(lambda data: DiscountForm(data)).cleaned_data["permille"])
    return _invoice(pk)


@operation("POST", "invoices/{pk}/renewal", CHANGE, "Entwurf neu aus dem Auftrag holen", gives=INVOICE)
def invoice_renew(call: Call, pk: UUID) -> Invoice:
    return _invoice(renew_draft(_draft(call, pk)).pk)


@operation(
    "GET", "invoices/{pk}/findings", LOOK, "Was gegen das Ausstellen spricht",
    gives=Facts("InvoiceFindings", object_of(items=list_of(_FINDING))),
)  # fmt: skip
def invoice_findings(call: Call, pk: UUID) -> dict[str, Any]:
    """Eine ausgestellte Rechnung hat keine mehr."""
    found = _invoice(pk)
    findings = [] if found.is_issued else findings_of(found)
    return {"items": [{"is_error": each.is_error, "message": each.message, "rank": each.rank} for each in findings]}


@operation("POST", "invoices/{pk}/issue", Permission.BILLING_ISSUE, "Rechnung ausstellen", gives=INVOICE)
def invoice_issue(call: Call, pk: UUID) -> Invoice:
    """Vergibt die Nummer; danach ändert sich die Rechnung nie mehr."""
    issue_invoice(_draft(call, pk))
    return _invoice(pk)


@operation(
    "POST", "invoices/{pk}/cancellation", Permission.BILLING_CANCEL, "Rechnung stornieren",
    takes=Body("Cancellation", ReasonForm, more={"copy": flag()}),
    gives=Facts(
        "Cancelled",
        object_of(cancellation={"$ref": "#/components/schemas/Invoice"}, draft=or_null({"type": "string", "format": "uuid"})),
    ),
    status=201,
)  # fmt: skip
def invoice_cancel(call: Call, pk: UUID) -> dict[str, Any]:
    """Ein eigener Beleg mit negativen Beträgen; `copy` (sonst true) lässt einen Entwurf zum Berichtigen zurück."""
    held = call.locked(Invoice.objects.all(), pk)
    reason = call.form(lambda data: ReasonForm(data)).cleaned_data["reason"]
    done = cancel_invoice(held, reason, copy=call.sent.get("copy", True))
    return {
        "cancellation": INVOICE.show(_invoice(done.cancellation.pk), call.held),
        "draft": str(done.draft.pk) if done.draft else None,
    }


@operation("GET", "invoices/{pk}/pdf", LOOK, "Rechnung als PDF", gives=File("application/pdf"))
def invoice_pdf(call: Call, pk: UUID) -> tuple[str, bytes]:
    found = _invoice(pk)
    content = pdf_of(found)
    record_event("invoice.pdf_opened", found, bytes=len(content))
    return file_name(found), content


@operation("GET", "invoices/{pk}/xml", LOOK, "Laborabrechnungsdaten (XML)", gives=File("application/xml"))
def invoice_xml(call: Call, pk: UUID) -> tuple[str, bytes]:
    """Der Dateiname im Content-Disposition ist der, den die Praxissoftware erwartet: die Auftragsnummer."""
    file = hand_out(_invoice(pk))
    return file.name, file.content


def _invoice(pk: UUID) -> Invoice:
    return get_object_or_404(Invoice.objects.with_cancelled().select_related(*RELATED), pk=pk)


def _draft(call: Call, pk: UUID) -> Invoice:
    """:raises AlreadyIssued: it is none any more."""
    held: Invoice = call.locked(Invoice.objects.select_related("practice", "order"), pk)
    if held.is_issued:
        raise AlreadyIssued(held)
    return held


def _as_typed(rows: list[dict[str, Any]], held: int, version: int) -> dict[str, Any]:
    """The lines as the page's form has them; stored lines beyond the last that was sent are taken off."""
    data: dict[str, Any] = {"version": version, "zeilen": max(len(rows), held)}
    for place in range(1, data["zeilen"] + 1):
        row = rows[place - 1] if place <= len(rows) else {"remove": True}
        data |= {f"z{place}-{name}": value for name, value in row.items() if value is not None}
    return data
