"""What a laboratory wants to know in the morning: what is due, what is late, what hinders."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Q

from dentatool.billing.models import Invoice
from dentatool.orders.models import NumberState, Order
from dentatool.orders.queries import due_between, overdue, row_values, shown_row
from dentatool.orders.workflow import BILLABLE, OPEN, PAUSED, State

MOST_ROWS = 8
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders stand where."""

    due_today: int
    due_next: int
    overdue: int
    paused: int
    without_number: int
    billable: int
    in_the_house: int


def next_workday(today: date) -> date:
    """Tomorrow, or Monday after a Friday or Saturday."""
    return today + timedelta(days=7 - today.weekday() if today.weekday() >= _FRIDAY else 1)


def counts(today: date) -> Counts:
    """All figures of the start page in one statement."""
    unfinished = Q(state__in=[state.value for state in OPEN - {State.FINISHED}])
    following = next_workday(today)
    found = Order.objects.filter(state__in=[state.value for state in OPEN | BILLABLE]).aggregate(
        due_today=Count("id", filter=unfinished & Q(due_on=today)),
        due_next=Count("id", filter=unfinished & Q(due_on__gt=today, due_on__lte=following)),
        overdue=Count("id", filter=unfinished & Q(due_on__lt=today)),
        paused=Count("id", filter=Q(state__in=[state.value for state in PAUSED])),
        without_number=Count("id", filter=Q(number_state__in=[NumberState.MISSING, NumberState.WRONG])),
        billable=Count("id", filter=Q(state__in=[state.value for state in BILLABLE])),
        in_the_house=Count("id", filter=unfinished),
    )
    return Counts(**found)


def lists(today: date) -> list[dict[str, Any]]:
    """The three lists of the start page: late, today, next; each with its first rows."""
    following = next_workday(today)
    asked = [
        ("Überfällig", "ueberfaellig", overdue(today)),
        ("Heute fällig", "heute", due_between(today, today)),
        ("Als Nächstes fällig", "offen", due_between(today + timedelta(days=1), following)),
    ]
    return [
        {
            "title": title,
            "address": f"/auftraege/?status={view}",
            "rows": [shown_row(row, today) for row in row_values(found, with_names=False)[:MOST_ROWS]],
        }
        for title, view, found in asked
    ]


def draft_invoices() -> int:
    """Invoices begun and not issued."""
    return Invoice.objects.drafts().count()
