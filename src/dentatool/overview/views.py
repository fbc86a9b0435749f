"""The start page: each role sees what it may."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from dentatool.kit.formatting import day
from dentatool.overview import queries
from dentatool.protection.access import Permission, page
from dentatool.values.days import WEEKDAYS


@page(Permission.OVERVIEW_VIEW)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What is due, what is late, what hinders."""
    today = localdate()
    may = request.may  # type: ignore[attr-defined]
    facts: dict[str, Any] = {
        "today": f"{WEEKDAYS[today.weekday()]}, {day(today)}",
        "following": queries.next_workday(today),
    }
    if may(Permission.ORDERS_VIEW):
        facts |= {"counts": queries.counts(today), "lists": queries.lists(today)}
    if may(Permission.BILLING_VIEW) and request.person.practice_id is None:  # type: ignore[attr-defined]
        facts["drafts"] = queries.draft_invoices()
    return render(request, "overview/overview.html", facts)
