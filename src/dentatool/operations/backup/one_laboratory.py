"""Brings back what one laboratory deleted: the rows that were there at a minute and are missing now.

Promise: one transaction under that laboratory's own pass, in the app's rights: row-level security lets no row of another
laboratory in or out, foreign keys must hold, and each row that comes back has an entry in the trail like any new row,
with one more that says from when and how many. What was added since stays as it is, and what was changed unless its setting back is
asked for (changed_rows.py).
Not brought back: accounts, sessions and rights, the trail, jobs and mail. What nobody can delete (issued documents) is not
missing either.
How it could be broken: two versions of the program with different columns; refused.
Test that tries: tests/project/test_restore_laboratory.py.

Needs Django in the worker's role, connected to the living database.
"""

import json
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import psycopg
from django.apps import apps
from django.db import IntegrityError, connection
from psycopg import sql

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.changed_rows import changed_rows, set_back
from dentatool.operations.backup.rows import columns_of, german_name, in_order, rows_of
from dentatool.protection.audit import record_event
from dentatool.protection.key_status import RootKeyError, unwrap
from dentatool.protection.tenancy import laboratory

_AT_ONCE = 500


def missing_rows(source: psycopg.Connection, lab_id: UUID) -> dict[str, list[UUID]]:
    """By table, in an order in which they can be inserted; tables without a missing row are left out."""
    found = {}
    with laboratory(lab_id), connection.cursor() as living:
        for model in in_order():
            table = model._meta.db_table
            then = {row[0] for row in source.execute(_ids(table), [lab_id])}
            living.execute(sql.SQL("select id from {}").format(sql.Identifier(table)))
            if missing := then - {row[0] for row in living.fetchall()}:
                found[table] = sorted(missing)
    return found


def rows_changed(source: psycopg.Connection, lab_id: UUID) -> dict[str, list[UUID]]:
    """By table, what was there and is another now; it stays unless `bring_back` is given it."""
    with laboratory(lab_id):
        return changed_rows(source, lab_id)


def bring_back(
    source: psycopg.Connection, lab_id: UUID, missing: dict[str, list[UUID]], until: datetime,
    changed: dict[str, list[UUID]] | None = None, tell: Callable[[str], None] = lambda _: None,
) -> int:  # fmt: skip
    """All of them or none. A row that cannot come back (its number was given away since) undoes everything.

    `changed`: rows that are set back to what they were as well.
    """
    count = 0
    with laboratory(lab_id), connection.cursor() as living:
        _bring_back_keys(source, lab_id)
        for table, ids in missing.items():
            columns = columns_of(source, living, table)
            for begin in range(0, len(ids), _AT_ONCE):
                some = ids[begin : begin + _AT_ONCE]
                rows = source.execute(rows_of(table), [lab_id, some]).fetchall()
                try:
                    living.execute(_insert(table, columns), [json.dumps([row for (row,) in rows])])
                except IntegrityError as error:
                    raise _cannot(table, error) from error
                count += len(some)
            tell(f"  {table}: {len(ids)}")
        count += set_back(source, lab_id, changed or {})
        record_event("restore_done", until=until.isoformat(), count=count)
    return count


def _bring_back_keys(source: psycopg.Connection, lab_id: UUID) -> None:
    """The versions that sealed what comes back and were destroyed since; the next rotation seals it anew."""
    held = apps.get_model("protection", "LabKey")._default_manager
    there = set(held.values_list("kind", "key_version"))
    then = source.execute("select kind, key_version, wrapped from protection_labkey where lab_id = %s", [lab_id])
    for kind, version, wrapped in then.fetchall():
        if (kind, version) in there:
            continue
        try:
            unwrap(wrapped, lab_id, kind, version)
        except RootKeyError as problem:
            raise BackupError(
                f"Der Schlüssel von damals öffnet sich nicht: {problem} Legen Sie den Hauptschlüssel von damals dazu; siehe"
                " docs/runbooks/schluessel.md. Nichts wurde zurückgeholt."
            ) from problem
        held.create(lab_id=lab_id, kind=kind, key_version=version, wrapped=wrapped)
        record_event("crypt_key_event", kind=kind, version=version, result="aus einer Sicherung zurückgeholt")


def _ids(table: str) -> sql.Composed:
    return sql.SQL("select id from {} where lab_id = %s").format(sql.Identifier(table))


def _insert(table: str, columns: list[str]) -> sql.Composed:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("insert into {0} ({1}) select {1} from jsonb_populate_recordset(null::{0}, %s::jsonb)").format(
        sql.Identifier(table), named
    )


def _cannot(table: str, error: IntegrityError) -> BackupError:
    cause = error.__cause__
    constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    return BackupError(
        f"{german_name(table)}: Mindestens eine Zeile passt nicht mehr zu dem, was seitdem entstanden ist ({constraint or 'Regel'})."
        " Nichts wurde zurückgeholt."
    )
