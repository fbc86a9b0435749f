"""Lines of an order: adding, changing, removing, moving, service chains."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.forms import posted
from dentatool.orders.actions import (
    add_position,
    apply_chain,
    change_position,
    move_position,
    remove_position,
    reprice,
    teeth_of,
)
from dentatool.orders.forms import PositionForm, StoredPositionForm
from dentatool.orders.lines import ChangedMeanwhile, require_open
from dentatool.orders.models import Order, Position
from dentatool.orders.order_page import chain_form, show_order, tell_prices
from dentatool.orders.typed_lines import NotUnderstood, line_of, suggestion
from dentatool.protection.access import Permission, page


@page(Permission.ORDERS_CHANGE)
@require_POST
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Append a line; focus comes back to its number field."""
    order, form = _order(pk), PositionForm(request.POST)
    require_open(order)
    if form.is_valid():
        try:
            add_position(order, **line_of(order, form.cleaned_data))
            return redirect(f"{order.get_absolute_url()}#id_number")
        except NotUnderstood as reason:
            form.add_error(reason.field, str(reason))
    return show_order(request, order, adding=form, status=422)


@page(Permission.ORDERS_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: UUID, position_pk: UUID) -> HttpResponse:
    """Change a line."""
    order = _order(pk)
    position = get_object_or_404(Position.objects.select_related("order__practice"), pk=position_pk, order_id=pk)
    if request.method != "POST":
        return _position_page(request, order, position, StoredPositionForm.of(position))
    require_open(order)
    form, status = StoredPositionForm(request.POST), 422
    if form.is_valid():
        typed = form.cleaned_data
        try:
            change_position(position, line_of(order, typed), version=typed["version"])
            return redirect(order)
        except NotUnderstood as reason:
            form.add_error(reason.field, str(reason))
        except ChangedMeanwhile as reason:
            form, status = StoredPositionForm({**request.POST.dict(), "version": reason.stored.version}), 409
            form.add_error(None, str(reason))
    return _position_page(request, order, position, form, status)


def _position_page(
    request: HttpRequest, order: Order, position: Position, form: StoredPositionForm, status: int = 200
) -> HttpResponse:
    return render(request, "orders/position.html", {"form": form, "order": order, "position": position}, status=status)


@page(Permission.ORDERS_CHANGE)
@require_POST
def remove(request: HttpRequest, pk: UUID, position_pk: UUID) -> HttpResponse:
    """Take a line off."""
    position = get_object_or_404(Position.objects.select_related("order"), pk=position_pk, order_id=pk)
    remove_position(position)
    messages.success(request, f"Die Position „{position}“ ist entfernt.")
    return redirect(position.order)


@page(Permission.ORDERS_CHANGE)
@require_POST
def move(request: HttpRequest, pk: UUID, position_pk: UUID) -> HttpResponse:
    """Move a line up or down."""
    position = get_object_or_404(Position.objects.select_related("order"), pk=position_pk, order_id=pk)
    move_position(position, up=request.POST.get("richtung") != "ab")
    return redirect(position.order)


@page(Permission.ORDERS_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def chain(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add the lines of a service chain, with the counts of the tooth chart."""
    order = _order(pk)
    require_open(order)
    form = chain_form(teeth_of(order), posted(request))
    if not form.is_valid():
        facts = {"form": form, "order": order}
        return render(request, "orders/chain.html", facts, status=422 if form.is_bound else 200)
    added = apply_chain(order, form.cleaned_data["chain"], form.variables())
    messages.success(request, f"{len(added)} Positionen aus „{form.cleaned_data['chain']}“ übernommen.")
    return redirect(order)


@page(Permission.ORDERS_CHANGE)
@require_POST
def prices(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Look all prices up again."""
    order = _order(pk)
    repriced = reprice(order)
    tell_prices(request, repriced)
    if not repriced.differences:
        messages.success(request, "Alle Preise sind auf dem Stand der Preisliste.")
    return redirect(order)


@page(Permission.ORDERS_CHANGE)
@require_safe
def suggest(request: HttpRequest, pk: UUID) -> JsonResponse:
    """What a typed number stands for: text, price and tax as they would be stored."""
    found: dict[str, Any] = suggestion(_order(pk), request.GET.get("nummer", "")[:20])
    return JsonResponse(found)


def _order(pk: UUID) -> Order:
    return get_object_or_404(Order.objects.select_related("practice", "dentist", "patient"), pk=pk)
