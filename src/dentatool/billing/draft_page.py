"""The pages of a draft: lines, discount, issuing, throwing away."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.billing.actions import (
    change_lines,
    discard_draft,
    discount_private,
    findings_of,
    issue_invoice,
    renew_draft,
)
from dentatool.billing.drafting import AlreadyIssued, ChangedMeanwhile
from dentatool.billing.forms import DiscountForm, LinesForm, is_editable
from dentatool.billing.models import Invoice
from dentatool.billing.paper.wording import words_of
from dentatool.billing.snapshot import content_of
from dentatool.billing.sums import PRIVATE, sums_of
from dentatool.kit.errors import BadQuery, NotYet
from dentatool.protection.access import Permission, page

MOST_FINDINGS = 12


def show_draft(
    request: HttpRequest,
    draft: Invoice,
    *,
    form: LinesForm | None = None,
    discount: DiscountForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The draft's lines in a form (or to look at), what stands against issuing it, and its sums."""
    lines = list(draft.lines.all())
    findings = findings_of(draft, lines)
    facts = {
        "invoice": draft,
        "form": form or (LinesForm(draft, lines) if is_editable(lines) else None),
        "discount": discount or DiscountForm(),
        "has_private": any(line.art == PRIVATE for line in lines),
        "sums": sums_of(lines),
        "words": words_of(content_of(draft, lines), is_draft=True),
        **findings_facts(findings),
    }
    return render(request, "billing/draft.html", facts, status=status)


def findings_facts(findings: list[Any]) -> dict[str, Any]:
    """Errors and warnings as the template shows them; a flood is cut short."""
    errors = [finding for finding in findings if finding.is_error]
    warnings = [finding for finding in findings if not finding.is_error]
    return {
        "problems": errors[:MOST_FINDINGS],
        "warnings": warnings[:MOST_FINDINGS],
        "more": max(0, len(errors) - MOST_FINDINGS) + max(0, len(warnings) - MOST_FINDINGS),
        "is_issuable": not errors,
    }


def draft_or_404(pk: UUID) -> Invoice:
    """A draft, for a POST. Raises AlreadyIssued when it is none any more."""
    related = ("order", "order__patient", "order__dentist", "practice")
    found: Invoice = get_object_or_404(Invoice.objects.select_related(*related), pk=pk)
    if found.is_issued:
        raise AlreadyIssued(found)
    return found


@page(Permission.BILLING_CHANGE)
@require_POST
def lines(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Store the typed lines; with `danach=ausstellen` go on to the last look before issuing."""
    draft = draft_or_404(pk)
    try:
        form = LinesForm(draft, list(draft.lines.all()), request.POST)
    except ValidationError as broken:
        raise BadQuery(str(broken.messages[0])) from broken
    if not form.is_valid():
        return show_draft(request, draft, form=form, status=422)
    try:
        change_lines(draft, form.typed_rows(), version=form.version)
    except ChangedMeanwhile as reason:
        form.at_large.append(str(reason))
        return show_draft(request, draft, form=form, status=409)
    if request.POST.get("danach") == "ausstellen":
        return redirect("invoice_issue", pk)
    messages.success(request, "Der Entwurf ist gespeichert.")
    return redirect("invoice", pk)


@page(Permission.BILLING_CHANGE)
@require_POST
def discount(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a percentage off the private services."""
    draft = draft_or_404(pk)
    form = DiscountForm(request.POST)
    if not form.is_valid():
        return show_draft(request, draft, discount=form, status=422)
    try:
        discount_private(draft, form.cleaned_data["permille"])
    except NotYet as reason:
        form.add_error("permille", str(reason))
        return show_draft(request, draft, discount=form, status=409)
    messages.success(request, "Der Nachlass steht als eigene Zeile am Ende.")
    return redirect("invoice", pk)


@page(Permission.BILLING_CHANGE)
@require_POST
def renewal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take over the order's positions again; what was typed into the draft is gone."""
    renew_draft(draft_or_404(pk))
    messages.success(request, "Der Entwurf zeigt jetzt wieder die Positionen des Auftrags.")
    return redirect("invoice", pk)


@page(Permission.BILLING_CHANGE)
@require_POST
def disposal(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Throw the draft away."""
    draft = draft_or_404(pk)
    order = draft.order
    discard_draft(draft)
    messages.success(request, "Der Entwurf ist verworfen. Eine Rechnungsnummer war noch nicht vergeben.")
    return redirect(order)


@page(Permission.BILLING_ISSUE)
@require_http_methods(["GET", "HEAD", "POST"])
def issue(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The last look, then the number. Whoever comes second is shown the invoice that is there."""
    if request.method == "POST":
        return _issue(request, pk)
    draft = draft_or_404(pk)
    lines = list(draft.lines.all())
    return _last_look(
        request, draft, findings_facts(findings_of(draft, lines)) | {"sums": sums_of(lines), "count": len(lines)}
    )


def _issue(request: HttpRequest, pk: UUID) -> HttpResponse:
    draft = get_object_or_404(Invoice.objects.select_related("order", "practice"), pk=pk)
    try:
        issued = issue_invoice(draft, request.account)  # type: ignore[attr-defined]
    except AlreadyIssued as already:
        return render(request, "billing/already.html", {"invoice": already.invoice, "reason": str(already)}, status=409)
    except NotYet as reason:
        lines = list(draft.lines.all())
        facts = findings_facts(findings_of(draft, lines)) | {
            "sums": sums_of(lines),
            "count": len(lines),
            "refusal": str(reason),
        }
        return _last_look(request, draft, facts, status=409)
    messages.success(request, f"Rechnung {issued.number} ist ausgestellt.")
    return redirect("invoice", pk)


def _last_look(request: HttpRequest, draft: Invoice, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "billing/issue.html", {"invoice": draft, **facts}, status=status)
