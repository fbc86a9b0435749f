"""The worklist, the order's page, changing an order and moving it on."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.changes import changes_of
from dentatool.kit.conflicts import both_values
from dentatool.kit.errors import NotYet
from dentatool.kit.forms import posted
from dentatool.kit.lists import clean_search, page_of, sort_of
from dentatool.orders import queries
from dentatool.orders.actions import teeth_of, transition
from dentatool.orders.bulk import steps_for_many
from dentatool.orders.filtering import FilterForm
from dentatool.orders.formed import store_changes
from dentatool.orders.forms import OrderForm, StepForm
from dentatool.orders.intake import CHANGEABLE_WHEN_SETTLED
from dentatool.orders.models import Order
from dentatool.orders.order_page import show_order, tell_prices, tell_receipt
from dentatool.orders.workflow import State
from dentatool.protection.access import Permission, page
from dentatool.protection.engine.prepared import Prepared
from dentatool.values.days import format_day


@page(Permission.ORDERS_VIEW)
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """All orders, found, filtered, sorted, 25 a page. The filter is the address."""
    form = FilterForm.of(request.GET)
    valid = form.is_valid()
    search = clean_search(request.GET.get("suche", ""))
    wanted = form.wanted(search=search, sort=sort_of(request, queries.SORTS, "termin")) if valid else queries.Wanted()
    is_practice = request.person.practice_id is not None  # type: ignore[attr-defined]
    may_see = is_practice or request.may(Permission.PATIENTS_VIEW)  # type: ignore[attr-defined]
    with_names = is_practice or (may_see and request.GET.get("namen") == "1")  # a practice knows its patients by name
    today = localdate()
    practices = queries.practices_by_name()
    rows = queries.worklist(wanted, practices, today=today, may_see_patients=may_see, with_names=with_names)
    shown = page_of(request, rows)
    here = wanted.view or ("alle" if search else "offen")
    facts = {
        "form": form,
        "page": shown,
        "rows": [queries.shown_row(row, today) for row in shown],
        "views": [(key, label, key == here) for key, label in queries.VIEWS.items()],
        "wanted": wanted,
        "search": search,
        "with_names": with_names,
        **form.shown(practices),
        "many_steps": steps_for_many(request.permissions),  # type: ignore[attr-defined]
        "chosen": request.GET.get("auswahl", "").split(","),
        "heads": [("auftrag", "Auftrag"), ("termin", "Termin"), ("praxis", "Praxis")],
    }
    return render(request, "orders/list.html", facts, status=200 if valid else 422)


@page(Permission.ORDERS_VIEW)
@require_safe
def order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One order with everything about it."""
    return show_order(request, _order(pk))


@page(Permission.ORDERS_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change what was ordered. Two at once: the second sees both values."""
    order = _order(pk, lock=request.method == "POST")
    teeth = teeth_of(order)
    form = OrderForm(posted(request), instance=order, initial={"teeth": teeth}, settled_fields=CHANGEABLE_WHEN_SETTLED)
    facts = {"form": form, "order": order, "record": order, "back": order.get_absolute_url()}
    if request.method != "POST":
        return render(request, "orders/edit.html", facts)
    if not form.is_valid():
        if form.conflict:
            stored = _order(pk)
            facts |= {"stored": stored, "differences": both_values(form, stored)}
            return render(request, "kit/record_conflict.html", facts, status=409)
        return render(request, "orders/edit.html", facts, status=422)
    try:
        tell_prices(request, store_changes(_order(pk), form))
    except NotYet as reason:
        form.add_error(None, str(reason))
        return render(request, "orders/edit.html", facts, status=422)
    messages.success(request, "Die Änderung ist gespeichert.")
    tell_receipt(request, form.received_for_due)
    return redirect(order)


@page(Permission.ORDERS_MOVE)
@require_POST
def step(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the order to its next state."""
    order, form = _order(pk), StepForm(request.POST)
    if not form.is_valid() and "on" in form.errors:
        raise NotYet(f"Geliefert am: {form.errors['on'][0]}")
    if not form.is_valid() or form.cleaned_data["to"] not in set(State):
        raise NotYet("Diesen Status gibt es nicht. Bitte die Seite neu laden.")
    to = State(form.cleaned_data["to"])
    typed = form.cleaned_data
    repriced = transition(order, to, by=request.permissions, reason=typed["reason"], on=typed["on"])  # type: ignore[attr-defined]
    tell_prices(request, repriced)
    messages.success(request, f"Auftrag {order.number}: {_arrived(order)}.")
    return redirect(order)


def _arrived(order: Order) -> str:
    """The new state in words; for a delivery with its day, which decides prices and tax."""
    if order.state_now is State.DELIVERED and order.delivered_on:
        return f"{order.state_label} am {format_day(order.delivered_on)}"
    return order.state_label


@page(Permission.ORDERS_VIEW)
@require_safe
def history(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything that happened to the order itself, newest first."""
    order = _order(pk)
    facts = {"record": order, "entries": changes_of(order), "back": order.get_absolute_url()}
    return render(request, "kit/record_history.html", facts)


_one = Prepared(lambda pk: Order.objects.select_related("practice", "dentist", "patient").filter(pk=pk).order_by())


def _order(pk: UUID, *, lock: bool = False) -> Order:
    if lock:
        found = Order.objects.select_related("practice", "dentist", "patient").select_for_update(of=("self",))
        return get_object_or_404(found, pk=pk)
    for order in _one(pk):
        return order
    raise Http404
