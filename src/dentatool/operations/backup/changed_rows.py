"""Sets back what one laboratory changed since a moment; only when it is asked for, since work done since goes with it.

What counts as changed: the row's version has risen and its content differs (a rotation of keys leaves the version).
Never set back: issued documents and all that they refer to (an invoice must fit its order), and the counters of numbers.
Promise and rights as in one_laboratory.py, which calls this inside of its transaction.
"""

import json
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection, models
from psycopg import sql

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.rows import columns_of, german_name, in_order, rows_of

_COUNTERS = ("orders.OrderCounter", "billing.NumberRange")  # a number that was given away stays given away
_STAMPS = ("id", "lab_id", "created_at", "changed_at", "version")
_CONTENT = sql.SQL(
    "select id, version, md5((to_jsonb(t) - {}::text[])::text) from {} t where lab_id = %s order by id"
)  # equal rows have equal texts: jsonb sorts its keys


def changed_rows(source: psycopg.Connection, lab_id: UUID) -> dict[str, list[UUID]]:
    """By table; needs the laboratory's pass."""
    found = {}
    for model in in_order():
        if getattr(model, "frozen", None) or model._meta.label in _COUNTERS:
            continue
        table = model._meta.db_table
        question = _CONTENT.format(sql.Literal(list(_STAMPS)), sql.Identifier(table))
        then = {row_id: (version, content) for row_id, version, content in source.execute(question, [lab_id])}
        with connection.cursor() as living:
            living.execute(question, [lab_id])
            now = {row_id: (version, content) for row_id, version, content in living.fetchall()}
        changed = {
            row_id
            for row_id, (version, content) in now.items()
            if row_id in then and version > then[row_id][0] and content != then[row_id][1]
        }
        if left := changed - _referred_to_by_documents(model, changed):
            found[table] = sorted(left)
    return found


def set_back(source: psycopg.Connection, lab_id: UUID, changed: dict[str, list[UUID]]) -> int:
    """How many rows have their content of then; inside of the transaction in force."""
    for table, ids in changed.items():
        rows = [row for (row,) in source.execute(rows_of(table), [lab_id, ids])]
        try:
            with connection.cursor() as living:
                living.execute(_update(table, columns_of(source, living, table)), [json.dumps(rows)])
        except DatabaseError as error:
            raise BackupError(
                f"{german_name(table)}: Mindestens eine Zeile lässt sich nicht zurücksetzen"
                f" ({str(error).splitlines()[0]}). Nichts wurde zurückgeholt."
            ) from error
    return sum(map(len, changed.values()))


def _referred_to_by_documents(model: type[models.Model], ids: set[UUID]) -> set[UUID]:
    held: set[UUID] = set()
    for each in in_order():
        if getattr(each, "frozen", None):
            for field in each._meta.concrete_fields:
                if isinstance(field, models.ForeignKey) and field.related_model is model:
                    named = each._default_manager.filter(**{f"{field.attname}__in": ids})
                    held |= set(named.values_list(field.attname, flat=True))
    return held


def _update(table: str, columns: list[str]) -> sql.Composed:
    assigned = sql.SQL(", ").join(
        sql.SQL("{0} = was.{0}").format(sql.Identifier(name)) for name in columns if name not in _STAMPS
    )
    return sql.SQL(
        "update {0} set {1} from jsonb_populate_recordset(null::{0}, %s::jsonb) was where {0}.id = was.id"
    ).format(sql.Identifier(table), assigned)
