"""One step for all orders that are ticked in the worklist."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dentatool.kit.errors import NotYet
from dentatool.orders.bulk import MOST, Moved, move_many
from dentatool.orders.models import Order
from dentatool.orders.order_page import tell_prices
from dentatool.orders.workflow import State
from dentatool.protection.access import Permission, page

CHOSEN, STEP = (
    "auswahl",
    "auf",
)  # in the list's address: numbers of orders that stay ticked, and what was to become of them


@page(Permission.ORDERS_MOVE)
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Move what may be moved, say of each other order why not, and show the same list again with these still chosen."""
    wanted, still_chosen = request.POST.get("to", ""), ()
    try:
        if wanted not in set(State):
            raise NotYet("Bitte wählen, auf welchen Status die Aufträge gesetzt werden sollen.")
        moved = move_many(_ids(request), State(wanted), by=request.permissions)  # type: ignore[attr-defined]
    except NotYet as reason:
        messages.warning(request, str(reason))
        still_chosen = _numbers(request)
    else:
        _tell(request, moved, State(wanted))
        still_chosen = moved.stuck
    shown = QueryDict(request.POST.get("liste", "")[:2000], mutable=True)
    for name, value in ((CHOSEN, ",".join(still_chosen)), (STEP, wanted if still_chosen else "")):
        shown.setlist(name, [value] if value else [])
    return redirect(f"{reverse('order_list')}?{query}" if (query := shown.urlencode()) else reverse("order_list"))


def _numbers(request: HttpRequest) -> tuple[str, ...]:
    """Of the orders that were ticked; none when the choice itself was the mistake."""
    try:
        ids = _ids(request)
    except NotYet:
        return ()
    return tuple(Order.objects.filter(pk__in=ids[:MOST]).order_by("number").values_list("number", flat=True))


def _ids(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist("auftrag")]
    except ValueError:
        raise NotYet("Die Auswahl ist nicht lesbar. Bitte die Seite neu laden und noch einmal auswählen.") from None


def _tell(request: HttpRequest, moved: Moved, to: State) -> None:
    if moved.done:
        count = "1 Auftrag" if len(moved.done) == 1 else f"{len(moved.done)} Aufträge"
        messages.success(request, f"{count} auf „{to.label}“ gesetzt: {', '.join(moved.done)}.")
    for refused in moved.refused:
        messages.warning(request, refused)
    for repriced in moved.repriced:
        tell_prices(request, repriced)
