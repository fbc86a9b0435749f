"""What the people of a practice see of a table: one line on the model, made into row policies by the shield."""

from dataclasses import dataclass
from typing import Any

from django.db import models


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


def condition_of(model: Any) -> str:
    """SQL that holds for the rows that the person sees, whoever they are; the laboratory is compared elsewhere.

    CASE, so that people of the laboratory pay for one question and no more, and because the planner, which cannot look
    inside, then takes every second row to match: with a plain OR it expects one in two hundred, and plans for that.
    """
    scope: PracticeScope = model.practice_scope
    return f"case when (select protection.practice()) is null then true else {_seen(model, scope)} end"


def problem_of(model: Any) -> str:
    """Why the scope of this model would not hold, in German; empty when it does."""
    scope: PracticeScope | None = model.practice_scope
    if scope is None or scope.everyone or (scope.by or scope.person) == "id":
        return ""
    field = model._meta.get_field(scope.by or scope.person)
    if not isinstance(field, models.ForeignKey):
        return f"practice_scope: {field.name} ist kein Fremdschlüssel."
    if field.null:
        return f"practice_scope: {field.name} darf nicht leer sein."
    if scope.by and getattr(field.related_model, "practice_scope", None) is None:
        return f"practice_scope: {field.name} führt zu einer Tabelle, von der Praxen nichts sehen."
    return ""


def _seen(model: Any, scope: PracticeScope) -> str:
    if scope.person:
        return f'"{_column(model, scope.person)}" = (select protection.person())'
    column = _column(model, scope.by)
    parent = None if scope.by == "id" else model._meta.get_field(scope.by).related_model
    if parent is None or parent.practice_scope.by == "id":
        seen = f'"{column}" = (select protection.practice())'
    else:  # the policy on the parent's table says which of its rows are there at all
        table = model._meta.db_table
        seen = (
            f'exists (select from "{parent._meta.db_table}" parent'
            f' where parent.lab_id = "{table}".lab_id and parent.id = "{table}"."{column}")'
        )
    return f'{seen} and "{scope.once}" is not null' if scope.once else seen


def _column(model: Any, name: str) -> str:
    return str(model._meta.get_field(name).column)
