"""Letting a wrong Auftragsnummer pass, and taking that back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.errors import NotYet
from dentatool.kit.forms import posted
from dentatool.orders.forms import OverrideForm
from dentatool.orders.models import Order
from dentatool.orders.number_override import override_number, withdraw_override
from dentatool.orders.order_page import number_problems
from dentatool.protection.access import Permission, page


@page(Permission.ORDERS_OVERRIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def override(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for the reason, then let the number pass."""
    order = get_object_or_404(Order, pk=pk)
    form = OverrideForm(posted(request))
    if form.is_valid():
        try:
            override_number(order, form.cleaned_data["reason"])
        except NotYet as reason:
            form.add_error(None, str(reason))
        else:
            messages.success(request, f"Die Auftragsnummer {order.order_number} ist freigegeben.")
            return redirect(order)
    facts = {"form": form, "order": order, "problems": number_problems(order)}
    return render(request, "orders/override.html", facts, status=422 if form.is_bound else 200)


@page(Permission.ORDERS_OVERRIDE)
@require_POST
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The number is wrong again."""
    order = get_object_or_404(Order, pk=pk)
    withdraw_override(order)
    messages.success(request, "Die Freigabe ist zurückgenommen. Bis die Nummer stimmt, gibt es keine XML-Datei.")
    return redirect(order)
