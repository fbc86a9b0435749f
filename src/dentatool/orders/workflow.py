"""How an order moves through the laboratory: one table of permitted steps, no exceptions elsewhere.

Pure: knows neither Django nor database. `steps_from` says what may follow, `require_step` refuses the rest.
Complaints (Reklamation) and declarations of conformity have no state here yet; they come with their own slices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where an order stands. The value is what the database holds."""

    DRAFT = "entwurf"
    RECEIVED = "eingegangen"
    PLANNING = "in_planung"
    WORKING = "in_arbeit"
    AWAY = "ausser_haus"
    CHECKING = "endkontrolle"
    FINISHED = "fertig"
    DELIVERED = "geliefert"
    BILLED = "abgerechnet"
    CLOSED = "abgeschlossen"
    QUESTION = "rueckfrage"
    HELD = "angehalten"
    CANCELLED = "storniert"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS: Final = {
    State.DRAFT: "Entwurf",
    State.RECEIVED: "Eingegangen",
    State.PLANNING: "In Planung",
    State.WORKING: "In Arbeit",
    State.AWAY: "Außer Haus",
    State.CHECKING: "Endkontrolle",
    State.FINISHED: "Fertig",
    State.DELIVERED: "Geliefert",
    State.BILLED: "Abgerechnet",
    State.CLOSED: "Abgeschlossen",
    State.QUESTION: "Rückfrage",
    State.HELD: "Angehalten",
    State.CANCELLED: "Storniert",
}
TONES: Final = {
    State.DRAFT: "quiet",
    State.RECEIVED: "accent",
    State.PLANNING: "accent",
    State.WORKING: "neutral",
    State.AWAY: "warn",
    State.CHECKING: "neutral",
    State.FINISHED: "good",
    State.DELIVERED: "good",
    State.BILLED: "quiet",
    State.CLOSED: "quiet",
    State.QUESTION: "warn",
    State.HELD: "warn",
    State.CANCELLED: "bad",
}

IN_THE_HOUSE: Final = frozenset(
    {State.RECEIVED, State.PLANNING, State.WORKING, State.AWAY, State.CHECKING, State.QUESTION, State.HELD}
)
OPEN: Final = IN_THE_HOUSE | {State.DRAFT, State.FINISHED}
BILLABLE: Final = frozenset({State.FINISHED, State.DELIVERED})
SETTLED: Final = frozenset({State.BILLED, State.CLOSED, State.CANCELLED})
PAUSED: Final = frozenset({State.QUESTION, State.HELD})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guards need to know about an order."""

    came_from: State | None = None
    has_kind: bool = True
    has_due_date: bool = True
    has_delivery_date: bool = True
    has_positions: bool = True
    trade_errors: tuple[str, ...] = ()
    is_goodwill: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One permitted step. `verb` is the button; `permission` the name of a permission; guards must all be content."""

    before: State
    after: State
    verb: str
    permission: str = "ORDERS_MOVE"
    guards: tuple[str, ...] = ()
    needs_reason: bool = False
    by_billing: bool = False

    @property
    def is_onward(self) -> bool:
        """Whether the step brings the work closer to its end, or back from a pause."""
        order = list(State)
        returns = self.before in PAUSED or self.before is State.AWAY
        return not self.needs_reason and (returns or order.index(self.after) > order.index(self.before))


class NotPermitted(ValueError):
    """The table has no such step, or a guard objects; the message is German and says what to do."""


def _step_table() -> tuple[Step, ...]:
    s, change, bill = State, "ORDERS_CHANGE", "BILLING_CHANGE"
    table = [
        Step(s.DRAFT, s.RECEIVED, "Annehmen", change),
        Step(s.RECEIVED, s.WORKING, "Arbeit beginnen", guards=("work",)),
        Step(s.RECEIVED, s.PLANNING, "Einplanen", change),
        Step(s.PLANNING, s.WORKING, "Arbeit beginnen", guards=("work",)),
        Step(s.WORKING, s.FINISHED, "Fertig melden", guards=("rules",)),
        Step(s.WORKING, s.CHECKING, "Zur Endkontrolle"),
        Step(s.WORKING, s.AWAY, "Außer Haus geben"),
        Step(s.AWAY, s.WORKING, "Zurück im Haus"),
        Step(s.CHECKING, s.FINISHED, "Fertig melden", guards=("rules",)),
        Step(s.CHECKING, s.WORKING, "Nacharbeiten"),
        Step(s.FINISHED, s.WORKING, "Wieder in Arbeit nehmen", change),
        Step(s.FINISHED, s.DELIVERED, "Als geliefert melden"),
        Step(s.DELIVERED, s.FINISHED, "Lieferung zurücknehmen", change),
        Step(s.DELIVERED, s.CLOSED, "Ohne Rechnung abschließen", bill, ("goodwill",), needs_reason=True),
        Step(s.BILLED, s.CLOSED, "Abschließen", bill),
        Step(s.CLOSED, s.BILLED, "Wieder öffnen", bill, ("was_billed",)),
        Step(s.FINISHED, s.BILLED, "Abrechnen", bill, ("rules", "lines", "delivery"), by_billing=True),
        Step(s.DELIVERED, s.BILLED, "Abrechnen", bill, ("rules", "lines", "delivery"), by_billing=True),
        Step(s.BILLED, s.FINISHED, "Abrechnung zurücknehmen", bill, ("returns",), by_billing=True),
        Step(s.BILLED, s.DELIVERED, "Abrechnung zurücknehmen", bill, ("returns",), by_billing=True),
        Step(s.CLOSED, s.FINISHED, "Abrechnung zurücknehmen", bill, ("returns",), by_billing=True),
        Step(s.CLOSED, s.DELIVERED, "Abrechnung zurücknehmen", bill, ("returns",), by_billing=True),
    ]
    for state in (s.RECEIVED, s.PLANNING, s.WORKING):
        table.append(Step(state, s.QUESTION, "Rückfrage an die Praxis", needs_reason=True))
        table.append(Step(s.QUESTION, state, "Rückfrage geklärt", guards=("returns",)))
    for state in (s.RECEIVED, s.PLANNING, s.WORKING, s.AWAY, s.CHECKING):
        table.append(Step(state, s.HELD, "Anhalten", needs_reason=True))
        table.append(Step(s.HELD, state, "Fortsetzen", guards=("returns",)))
    table.extend(
        Step(state, s.CANCELLED, "Stornieren", change, needs_reason=True)
        for state in (s.DRAFT, *sorted(IN_THE_HOUSE), s.FINISHED)
    )
    return tuple(table)


STEPS: Final = _step_table()


def steps_from(state: State, facts: Facts, held: Collection[str]) -> tuple[Step, ...]:
    """The steps a person with these permissions (names) may see as buttons, in the order of the table.

    Steps whose guard objects are shown too, so that the person learns why; those that lead back to another state
    than the one the order came from are not.
    """
    return tuple(
        step
        for step in STEPS
        if step.before is state
        and not step.by_billing
        and step.permission in held
        and not ("returns" in step.guards and facts.came_from is not step.after)
        and not ("goodwill" in step.guards and not facts.is_goodwill)
        and not ("was_billed" in step.guards and facts.came_from not in BILLABLE)
    )


def require_step(before: State, after: State, facts: Facts, *, reason: str = "", by_billing: bool = False) -> Step:
    """The step from one state to the other.

    :raises NotPermitted: no such step, an objecting guard, or a missing reason.
    """
    found = next((step for step in STEPS if step.before is before and step.after is after), None)
    if found is None or found.by_billing is not by_billing:
        raise NotPermitted(_no_step(before, after))
    for guard in found.guards:
        if objection := GUARDS[guard](facts, found):
            raise NotPermitted(objection)
    if found.needs_reason and not reason.strip():
        raise NotPermitted(f"{found.verb}: Bitte einen Grund angeben.")
    return found


def _no_step(before: State, after: State) -> str:
    if after is State.BILLED:
        return "„Abgerechnet“ wird ein Auftrag nur durch eine ausgestellte Rechnung."
    return f"Ein Auftrag im Status „{before.label}“ kann nicht auf „{after.label}“ gesetzt werden."


def _ready_for_work(facts: Facts, _step: Step) -> str:
    if not facts.has_kind:
        return "Vor dem Arbeitsbeginn bitte die Art der Arbeit angeben."
    return "" if facts.has_due_date else "Vor dem Arbeitsbeginn bitte den Liefertermin angeben."


def _keeps_the_rules(facts: Facts, _step: Step) -> str:
    if not facts.trade_errors:
        return ""
    return "Bitte zuerst die Fehler in den Positionen beheben: " + " ".join(facts.trade_errors)


def _has_lines(facts: Facts, _step: Step) -> str:
    return "" if facts.has_positions else "Ohne Positionen gibt es nichts abzurechnen. Bitte Positionen eintragen."


def _has_delivery(facts: Facts, _step: Step) -> str:
    return "" if facts.has_delivery_date else "Für die Rechnung fehlt das Lieferdatum. Bitte im Auftrag eintragen."


def _returns(facts: Facts, step: Step) -> str:
    return "" if facts.came_from is step.after else _no_step(step.before, step.after)


def _was_billed(facts: Facts, step: Step) -> str:
    return "" if facts.came_from in BILLABLE else _no_step(step.before, step.after)


def _is_goodwill(facts: Facts, _step: Step) -> str:
    return "" if facts.is_goodwill else "Ohne Rechnung lassen sich nur Kulanzaufträge abschließen."


GUARDS: Final[dict[str, Callable[[Facts, Step], str]]] = {
    "work": _ready_for_work,
    "rules": _keeps_the_rules,
    "lines": _has_lines,
    "delivery": _has_delivery,
    "returns": _returns,
    "goodwill": _is_goodwill,
    "was_billed": _was_billed,
}
