"""A record's history in words, from the trail that the database writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import ForeignKey

from dentatool.kit.lists import shown
from dentatool.protection.access import Account
from dentatool.protection.audit import Entry
from dentatool.protection.engine.prepared import EachOf, Prepared
from dentatool.protection.tenancy import Record

MOST = 200
_ACTIONS = {"insert": "angelegt", "update": "geändert", "delete": "gelöscht"}
_STAMPS = frozenset({"id", "lab_id", "version", "created_at", "changed_at"})


@dataclass(frozen=True)
class Change:
    """One column's old and new value, as shown."""

    label: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Happening:
    """One entry of the history."""

    at: datetime
    person: str
    action: str
    changes: list[Change]


def changes_of(record: Record, most: int = MOST) -> list[Happening]:
    """The newest entries about this record. Sealed values are only named, never shown."""
    entries = _newest(most)(record.pk)
    people = names_of({entry.actor_id for entry in entries if entry.actor_id})
    return [
        Happening(
            entry.at, _person(entry, people), _ACTIONS.get(entry.action, entry.action), list(changes_in(record, entry))
        )
        for entry in entries
    ]


@cache
def _newest(most: int) -> Prepared[Entry]:
    return Prepared(lambda record_id: Entry.objects.filter(record_id=record_id).order_by("-at")[:most])


def names_of(ids: set[UUID]) -> dict[UUID, str]:
    """Account ids → names of the people."""
    return {account.pk: account.display_name for account in _accounts(list(ids))}


_accounts = EachOf(lambda pk: Account.objects.filter(pk=pk).order_by())


def _person(entry: Entry, people: dict[UUID, str]) -> str:
    return "System" if entry.actor_id is None else people.get(entry.actor_id, "gelöschtes Konto")


def changes_in(record: Record | type[Record], entry: Entry) -> Iterator[Change]:
    """The changed columns of an entry about a record of this model, in words."""
    if entry.kind != "row":
        return
    columns = {field.column: field for field in record._meta.local_fields}
    for column, pair in entry.changes.items():
        field = columns.get(column)
        if column in _STAMPS or column.endswith("_token") or not isinstance(pair, list):
            continue
        old, new = pair
        if entry.action == "insert" and new in (None, "", "\\x", [], {}):
            continue
        label = str(field.verbose_name) if field else column
        yield Change(label, _value(field, column, old), _value(field, column, new))


def _value(field: Any, column: str, value: Any) -> Any:
    if value in (None, ""):
        return ""
    if isinstance(value, str) and value.startswith("\\x"):
        return "" if value == "\\x" else "versiegelt"
    if isinstance(field, ForeignKey):
        return "anderer Eintrag"
    if field is not None and field.choices:
        return dict(field.flatchoices).get(value, value)
    try:
        return shown(field.to_python(value) if field else value, column)
    except (ValidationError, ValueError, TypeError):
        return value  # an old value of a column that has another type today
