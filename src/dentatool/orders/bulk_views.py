"""One step for all orders that are ticked in the worklist."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dentatool.kit.errors import NotYet
from dentatool.orders.bulk import Moved, move_many
from dentatool.orders.order_page import tell_prices
from dentatool.orders.workflow import State
from dentatool.protection.access import Permission, page


@page(Permission.ORDERS_MOVE)
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Move what may be moved, say of each other order why not, and show the same list again."""
    wanted = request.POST.get("to", "")
    try:
        if wanted not in set(State):
            raise NotYet("Bitte wählen, auf welchen Status die Aufträge gesetzt werden sollen.")
        moved = move_many(_ids(request), State(wanted), by=request.permissions)  # type: ignore[attr-defined]
    except NotYet as reason:
        messages.warning(request, str(reason))
    else:
        _tell(request, moved, State(wanted))
    filters = QueryDict(request.POST.get("liste", "")[:2000])
    return redirect(f"{reverse('order_list')}?{filters.urlencode()}" if filters else reverse("order_list"))


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
