"""Several new records of several tables in one statement: what belongs together is stored in one round trip.

Each table's rows travel as one JSON text, so the statement is the same for one position and for forty, and PostgreSQL
plans it once. Nothing else differs from save(): policies, keys within the laboratory, stamps and trail are the
database's, and sealed fields seal themselves.
"""

import json
from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import NOT_PROVIDED, Model
from django.utils.functional import Promise


def write_together(records: Iterable[Model]) -> None:
    """Insert new records: all or none. References among them may point either way, PostgreSQL checks them at the end.

    What the database sets (the stamps) is read when it is first asked for. Raises what save() raises: IntegrityError
    with the constraint's name, ValidationError and SealedFieldError for a value that cannot be sealed.
    """
    by_model: dict[type[Model], list[Model]] = {}
    for record in records:
        by_model.setdefault(type(record), []).append(record)
    if not by_model:
        return
    with connection.cursor() as cursor:
        cursor.execute(_statement(tuple(by_model)), [_rows(*each) for each in by_model.items()])
    for model, group in by_model.items():
        for record in group:
            record._state.adding, record._state.db = False, connection.alias
            for name in _set_by_database(model):
                record.__dict__.pop(name, None)


@cache
def _statement(models: tuple[type[Model], ...]) -> str:
    inserts = [_insert(model) for model in models]
    parts = [f"t{place} as ({insert})" for place, insert in enumerate(inserts[:-1])]
    return (f"with {', '.join(parts)} " if parts else "") + inserts[-1]


def _insert(model: type[Model]) -> str:
    table = f'"{model._meta.db_table}"'
    columns = ", ".join(f'"{field.column}"' for field in _fields(model))
    return f"insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, %s::json)"  # noqa: S608


@cache
def _fields(model: type[Model]) -> tuple[Any, ...]:
    """Those whose value comes from here."""
    return tuple(field for field in model._meta.local_concrete_fields if field.db_default is NOT_PROVIDED)


@cache
def _set_by_database(model: type[Model]) -> tuple[str, ...]:
    return tuple(f.attname for f in model._meta.local_concrete_fields if f.db_default is not NOT_PROVIDED)


def _rows(model: type[Model], records: list[Model]) -> str:
    fields = _fields(model)
    return json.dumps([{f.column: f.pre_save(record, True) for f in fields} for record in records], default=_as_json)


def _as_json(value: Any) -> Any:
    """What JSON does not know, as PostgreSQL reads it for the column's type."""
    if isinstance(value, (bytes, memoryview)):  # sealed by its field
        return rf"\x{value.hex()}"
    if isinstance(
        value, (UUID, date, time, Decimal, Promise)
    ):  # a datetime is a date, a promise a text to be translated
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written together; use save()")
