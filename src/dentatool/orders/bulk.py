"""Several orders at once: each takes the step for itself, and whoever cannot is named with the reason."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dentatool.kit.errors import NotAllowed, NotYet
from dentatool.orders.lines import Repriced
from dentatool.orders.models import Order
from dentatool.orders.moving import names_of, transition
from dentatool.orders.workflow import STEPS, State
from dentatool.protection.audit.refusals import note_refusal

MOST = 100  # the worklist shows 25 a page
_OFFERED = (State.PLANNING, State.WORKING, State.CHECKING, State.FINISHED, State.DELIVERED)


@dataclass(frozen=True, slots=True)
class Moved:
    """Which orders took the step, and which did not and why; by their numbers."""

    done: tuple[str, ...]
    stuck: tuple[str, ...]
    refused: tuple[str, ...]
    repriced: tuple[Repriced, ...]


def steps_for_many(permissions: Collection[Any]) -> list[tuple[State, str]]:
    """The states that several orders can be taken to at once, with their German names; none that needs a reason."""
    held = names_of(permissions)
    reachable = {
        step.after
        for step in STEPS
        if step.permission in held and not (step.needs_reason or step.by_billing or "returns" in step.guards)
    }
    return [(state, state.label) for state in _OFFERED if state in reachable]


def move_many(ids: Iterable[UUID], to: State, *, by: Collection[Any]) -> Moved:
    """Take every order that may to the state; the others stay as they are.

    :raises NotYet: nothing or too much chosen, or a state that is not offered for many.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        raise NotYet("Bitte zuerst Aufträge auswählen: mit dem Kästchen vor der Nummer oder mit der Taste X.")
    if len(wanted) > MOST:
        raise NotYet(f"Höchstens {MOST} Aufträge auf einmal. Bitte weniger auswählen.")
    if to not in _OFFERED:
        raise NotYet("Diesen Schritt gibt es nicht für mehrere Aufträge. Bitte die Seite neu laden.")
    done, stuck, refused, repriced = [], [], [], []
    # In the order of their ids: two people with crossing choices wait for each other instead of blocking each other.
    orders = Order.objects.filter(pk__in=wanted).select_related("practice", "patient").order_by("id")
    for order in orders:
        try:
            repriced.append(transition(order, to, by=by))
        except (NotYet, NotAllowed) as reason:
            stuck.append(order.number)
            refused.append(f"{order.number}: {reason}")
        else:
            done.append(order.number)
    for absent in set(wanted) - {order.pk for order in orders}:
        note_refusal("malicious_direct_reference", record=absent)
    if len(done) + len(refused) < len(wanted):
        refused.append("Ein ausgewählter Auftrag ist nicht vorhanden.")
    return Moved(tuple(done), tuple(stuck), tuple(refused), tuple(repriced))
