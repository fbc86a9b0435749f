"""What the people of a practice see of a table: one line on the model, made into row policies by the shield."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models

from dentatool.protection.tenancy.internal.passes import PRACTICE_ROLE


@dataclass(frozen=True, slots=True)
class PracticeScope:
    """What of a table's rows a practice's own people see. A model without it shows them nothing.

    `PracticeScope(by="id")`: the practice itself.
    `PracticeScope(by="practice")`: rows whose foreign key names the practice, or a row that the practice sees.
    `PracticeScope(by="practice", once="issued_at")`: the same, as soon as that column holds a value.
    `PracticeScope(person="account")`: what is the person's own; only this they may also write.
    `PracticeScope(everyone=True)`: all rows of the laboratory, such as the keys that open the others.
    """

    by: str = ""
    once: str = ""
    person: str = ""
    everyone: bool = False

    def __post_init__(self) -> None:
        if sum(map(bool, (self.by, self.person, self.everyone))) != 1:
            raise ValueError("PracticeScope needs exactly one of by=, person= and everyone=")


def policies_of(model: Any) -> Iterator[str]:
    """The policies for the people of practices, who work in a database role of their own.

    A role of their own, so that the policies for the laboratory's people stay as they are: not a question more for each
    statement, and nothing that the planner would have to guess. Whoever steps back out of the role sees nothing at all.
    """
    scope: PracticeScope | None = model.practice_scope
    if scope is None:
        return
    table = model._meta.db_table
    yield from (f'drop policy if exists practice_{command} on "{table}"' for command in ("select", "own"))
    if scope.person:
        own = f'lab_id = (select protection.own_lab()) and "{_column(model, scope.person)}" = (select protection.person())'
        yield f'create policy practice_own on "{table}" for all to {PRACTICE_ROLE} using ({own}) with check ({own})'
    else:
        seen = " and ".join(("lab_id = (select protection.any_lab())", *_seen(model, scope)))
        yield f'create policy practice_select on "{table}" for select to {PRACTICE_ROLE} using ({seen})'


def grants_of(model: Any) -> tuple[str, ...]:
    """They may ask for everything, and are shown what the policies say; they may write what is their own."""
    scope: PracticeScope | None = model.practice_scope
    if scope is None or not scope.person:
        return ("SELECT",)
    return ("SELECT", "UPDATE") if scope.person == "id" else tuple(model.grants)  # nobody adds or removes themselves


def problem_of(model: Any) -> str:
    """Why the scope of this model would not hold, in German; empty when it does."""
    scope: PracticeScope | None = model.practice_scope
    if scope is None or scope.everyone or (scope.by or scope.person) == "id":
        return ""
    field = model._meta.get_field(scope.by or scope.person)
    if not isinstance(field, models.ForeignKey):
        return f"practice_scope: {field.name} ist kein Fremdschlüssel."
    if scope.by and getattr(field.related_model, "practice_scope", None) is None:
        return f"practice_scope: {field.name} führt zu einer Tabelle, von der Praxen nichts sehen."
    return ""


def _seen(model: Any, scope: PracticeScope) -> Iterator[str]:
    if scope.everyone:
        return
    column = _column(model, scope.by)
    parent = None if scope.by == "id" else model._meta.get_field(scope.by).related_model
    if parent is None or parent.practice_scope.by == "id":
        yield f'"{column}" = (select protection.practice())'
    else:  # the policy on the parent's table says which of its rows are there at all
        table = model._meta.db_table
        yield (
            f'exists (select from "{parent._meta.db_table}" parent'
            f' where parent.lab_id = "{table}".lab_id and parent.id = "{table}"."{column}")'
        )
    if scope.once:
        yield f'"{scope.once}" is not null'


def _column(model: Any, name: str) -> str:
    return str(model._meta.get_field(name).column)
