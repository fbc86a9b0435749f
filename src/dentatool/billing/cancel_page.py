"""Cancelling an invoice: a page that asks why, and leaves a draft to correct."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dentatool.billing.actions import cancel_invoice
from dentatool.billing.forms import ReasonForm
from dentatool.billing.models import Invoice
from dentatool.billing.views import invoice_or_404
from dentatool.kit.errors import NotYet
from dentatool.protection.access import Permission, page


@page(Permission.BILLING_CANCEL)
@require_http_methods(["GET", "HEAD", "POST"])
def cancellation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for the reason; then cancellation and, unless told otherwise, a new draft in one go."""
    invoice = invoice_or_404(pk)
    if request.method != "POST":
        return _ask(request, invoice, ReasonForm())
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _ask(request, invoice, form, status=422)
    try:
        done = cancel_invoice(
            invoice,
            form.cleaned_data["reason"],
            request.account,
            copy=request.POST.get("art") != "nur",  # type: ignore[attr-defined]
        )
    except NotYet as reason:
        form.add_error(None, str(reason))
        return _ask(request, invoice, form, status=409)
    if done.draft is None:
        messages.success(request, f"Rechnung {invoice.number} ist mit {done.cancellation.number} storniert.")
        return redirect(done.cancellation)
    messages.success(
        request,
        f"Rechnung {invoice.number} ist mit {done.cancellation.number} storniert. Das ist der neue Entwurf zum Berichtigen.",
    )
    return redirect(done.draft)


def _ask(request: HttpRequest, invoice: Invoice, form: ReasonForm, status: int = 200) -> HttpResponse:
    return render(request, "billing/cancel.html", {"invoice": invoice, "form": form}, status=status)
