"""The list of invoices and the page of one."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dentatool.billing.actions import draft_invoice, hand_out, pdf_of, xml_of
from dentatool.billing.draft_page import show_draft
from dentatool.billing.forms import ListFilter
from dentatool.billing.happenings import happenings_of
from dentatool.billing.models import Invoice
from dentatool.billing.paper.pdf import file_name
from dentatool.billing.paper.wording import words_of
from dentatool.billing.queries import STATES, TONES, listed, months_with_invoices, rows_of, state_of, sums_of_list
from dentatool.billing.snapshot import snapshot_of
from dentatool.kit.lists import clean_search, page_of
from dentatool.orders.models import Order
from dentatool.practices.models import Practice
from dentatool.protection.access import Permission, page
from dentatool.protection.audit import record_event


@page(Permission.BILLING_VIEW)
@require_safe
def invoice_list(request: HttpRequest) -> HttpResponse:
    """All documents, filtered and paged, with the sums of the whole filtered list."""
    practices = list(Practice.objects.order_by("name").values_list("pk", "name"))
    form = ListFilter(request.GET, practices=practices, months=months_with_invoices())
    is_valid = form.is_valid()
    text = clean_search(request.GET.get("suche", ""))
    found = listed(**(form.wanted() if is_valid else {}), text=text)
    shown = page_of(request, found.values_list("pk", flat=True))
    facts = {
        "form": form,
        "search": text,
        "page": shown,
        "rows": rows_of(list(shown)),
        "sums": sums_of_list(found),
        "is_filtered": bool(text or request.GET.get("status") or request.GET.get("praxis") or request.GET.get("monat")),
    }
    return render(request, "billing/list.html", facts, status=200 if is_valid else 422)


@page(Permission.BILLING_VIEW)
@require_safe
def invoice(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A draft to work at, or an issued document to look at."""
    found = invoice_or_404(pk)
    return show_issued(request, found) if found.is_issued else show_draft(request, found)


def invoice_or_404(pk: UUID) -> Invoice:
    """The document with what its page needs; a foreign id is as absent as any."""
    related = ("order", "order__patient", "order__dentist", "practice", "cancels", "issued_by")
    found: Invoice = get_object_or_404(Invoice.objects.with_cancelled().select_related(*related), pk=pk)
    return found


def show_issued(request: HttpRequest, found: Invoice) -> HttpResponse:
    """The document as it stands on paper, with its file, its history and what can be done."""
    words = words_of(snapshot_of(found))
    state = state_of(found.kind, is_issued=True, is_cancelled=found.was_cancelled)  # type: ignore[attr-defined]
    facts: dict[str, Any] = {
        "invoice": found,
        "words": words,
        "state": STATES[state],
        "tone": TONES[state],
        "xml": xml_of(found),
        "cancellation": found.cancellations.issued().first(),
        "is_cancellable": state == "ausgestellt" and request.may(Permission.BILLING_CANCEL),  # type: ignore[attr-defined]
        "entries": happenings_of(found),
    }
    return render(request, "billing/invoice.html", facts)


@page(Permission.BILLING_CHANGE)
@require_POST
def invoice_of_order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make a draft from an order, or open the one that is there."""
    return redirect(draft_invoice(get_object_or_404(Order, pk=pk), request.account))  # type: ignore[attr-defined]


@page(Permission.BILLING_VIEW)
@require_safe
def pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The document as PDF, shown in the browser."""
    found = invoice_or_404(pk)
    content = pdf_of(found)
    record_event("invoice.pdf_opened", found, bytes=len(content))
    return _file(content, "application/pdf", file_name(found), is_shown=True)


@page(Permission.BILLING_VIEW)
@require_safe
def xml(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The Laborabrechnungsdaten file, named after the order number."""
    file = hand_out(invoice_or_404(pk))
    return _file(file.content, "application/xml", file.name)


def _file(content: bytes, kind: str, name: str, *, is_shown: bool = False) -> HttpResponse:
    how = "inline" if is_shown else "attachment"
    # The names are made of letters, digits and hyphens only: nothing to escape.
    return HttpResponse(
        content,
        content_type=kind,
        headers={"Content-Disposition": f'{how}; filename="{name}"', "Cache-Control": "private, no-store"},
    )
