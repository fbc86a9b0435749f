"""What slices above add to the order's page: they register a function when they start, nothing is imported upwards.

order_panel(lambda request, order: ("billing/_order.html", {"invoices": …}))
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from dentatool.orders.models import Order

Panel = Callable[[HttpRequest, Order], tuple[str, Mapping[str, Any]] | None]
_panels: list[Panel] = []


def order_panel(panel: Panel) -> Panel:
    """Register a panel: given request and order it answers template and facts, or None to show nothing."""
    if panel not in _panels:
        _panels.append(panel)
    return panel


def panels_of(request: HttpRequest, order: Order) -> Iterator[SafeString]:
    """The rendered panels, in the order of registration."""
    for panel in _panels:
        if (shown := panel(request, order)) is not None:
            template, facts = shown
            yield render_to_string(template, {"order": order, **facts}, request=request)
