"""Taking an order from one state to the next, as the workflow's table permits."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import localdate

from dentatool.kit.errors import NotAllowed, NotYet
from dentatool.orders.checking import facts_of
from dentatool.orders.lines import Repriced, reprice
from dentatool.orders.models import Order
from dentatool.orders.workflow import PAUSED, STEPS, NotPermitted, State, Step, require_step, steps_from
from dentatool.protection.audit.refusals import note_refusal
from dentatool.values.days import format_day

_AFTERWARDS = timedelta(days=14)


def names_of(permissions: Collection[Any]) -> set[str]:
    """Permissions → the names that the workflow's table uses."""
    return {permission.name for permission in permissions}


def next_steps(order: Order, permissions: Collection[Any], **known: Any) -> tuple[Step, ...]:
    """The steps this person may take now, the most usual first."""
    return steps_from(order.state_now, facts_of(order, **known), names_of(permissions))


@transaction.atomic
def transition(order: Order, to: State, *, by: Collection[Any], reason: str = "", on: date | None = None) -> Repriced:
    """Take the order to a state. `by`: the permissions of the person who asks.

    Delivery sets the day of delivery (`on`, else the proposed one) and prices by it; what that changed is answered.
    :raises NotYet: the table has no such step or a guard objects. :raises NotAllowed: the person lacks the permission.
    """
    order = _locked(order)
    step = _step(order, to, reason=reason)
    if step.permission not in names_of(by):
        raise NotAllowed(f"„{step.verb}“ ist Ihrem Konto nicht erlaubt. Bitte die Inhaberin oder den Inhaber fragen.")
    _move(order, to, reason=reason)
    if to is not State.DELIVERED:
        return Repriced()
    day = on or proposed_delivery(order)
    _require_delivery_day(order, day)
    if day == order.delivered_on:
        return Repriced()
    order.delivered_on = day
    order.save(update_fields=["delivered_on"])
    return reprice(order)


def proposed_delivery(order: Order) -> date:
    """The day that was typed, else today; work written down long after it was due was delivered when it was due."""
    if order.delivered_on is not None:
        return order.delivered_on
    if order.due_on is not None and order.due_on < localdate(order.created_at) - _AFTERWARDS:
        return order.due_on
    return localdate()


def _require_delivery_day(order: Order, day: date) -> None:
    if day > localdate():
        raise NotYet(f"Der Liefertag {format_day(day)} liegt in der Zukunft. Bitte das Datum prüfen.")
    if day < order.received_on:
        raise NotYet(
            f"Der Liefertag {format_day(day)} liegt vor dem Eingang am {format_day(order.received_on)}. "
            "Bitte eines der Daten unter „Bearbeiten“ ändern."
        )


def mark_billed(order: Order, *, by: Any = None) -> None:
    """The order's invoice is issued. Called by billing only, inside its transaction; who did it, the pass knows.

    :raises NotYet: errors in the positions, no positions, no day of delivery, or not finished.
    """
    order = _locked(order)
    _step(order, State.BILLED, by_billing=True)
    _move(order, State.BILLED)


def mark_unbilled(order: Order, *, by: Any = None) -> None:
    """The invoice is cancelled: the order is again where it stood before."""
    order = _locked(order)
    to = State(order.came_from) if order.came_from else State.DELIVERED
    _step(order, to, by_billing=True)
    _move(order, to)


def _locked(order: Order) -> Order:
    """Nobody else moves it meanwhile; the caller's object sees the stored state."""
    stored = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    order.state, order.came_from, order.delivered_on = stored.state, stored.came_from, stored.delivered_on
    return order


def _step(order: Order, to: State, *, reason: str = "", by_billing: bool = False) -> Step:
    try:
        return require_step(order.state_now, to, facts_of(order), reason=reason, by_billing=by_billing)
    except NotPermitted as objection:
        if not any(
            step.before is order.state_now and step.after is to for step in STEPS
        ):  # no button of ours does that
            note_refusal("sequence_fail", record=order.pk, before=order.state_now.value, after=to.value)
        raise NotYet(str(objection)) from objection


def _move(order: Order, to: State, *, reason: str = "") -> None:
    before = order.state_now
    if to in PAUSED or (to is State.BILLED and before is not State.CLOSED):
        order.came_from = before  # whoever returns from a question, a hold or an invoice must find the way
    elif {before, to} != {State.BILLED, State.CLOSED}:
        order.came_from = ""
    order.reason = reason
    order.state = to
    order.save(update_fields=["state", "came_from", "reason"])
