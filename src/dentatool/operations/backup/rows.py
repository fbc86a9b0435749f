"""The tables of a laboratory's work, and single rows of them, for bringing back one laboratory."""

from collections.abc import Iterable
from graphlib import TopologicalSorter

import psycopg
from django.apps import apps
from django.db import models
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from dentatool.operations.backup import BackupError
from dentatool.protection.tenancy import Record

# Accounts, rights and the trail say what is; jobs, mail and drafts what was to be done then. Neither is business data.
_NOT_OF = ("protection", "kit")


def german_name(table: str) -> str:
    """What people call the rows of a table."""
    model = next(model for model in _records() if model._meta.db_table == table)
    return str(model._meta.verbose_name_plural)


def _records() -> Iterable[type[models.Model]]:
    return (model for model in apps.get_models() if issubclass(model, Record) and model._meta.app_label not in _NOT_OF)


def in_order() -> list[type[models.Model]]:
    """What is referred to before what refers to it."""
    records = list(_records())
    graph = {
        model: {
            each.related_model
            for each in model._meta.concrete_fields
            if isinstance(each, models.ForeignKey) and each.related_model in records and each.related_model is not model
        }
        for model in records
    }
    return list(TopologicalSorter(graph).static_order())  # type: ignore[arg-type]


def rows_of(table: str) -> sql.Composed:
    """In the order in which they came into being: one that refers to another of its table comes after it."""
    return sql.SQL("select to_jsonb(t) from {} t where lab_id = %s and id = any(%s) order by id").format(
        sql.Identifier(table)
    )


_COLUMNS = (
    "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
    " and attgenerated = '' order by attname"
)


def columns_of(source: psycopg.Connection, living: CursorWrapper, table: str) -> list[str]:
    then = [name for (name,) in source.execute(_COLUMNS, [table])]
    living.execute(_COLUMNS, [table])
    now = [name for (name,) in living.fetchall()]
    if then != now:
        raise BackupError(
            f"Die Tabelle {table} hat heute andere Spalten als damals. Spielen Sie das Ganze mit --into ein und übertragen Sie"
            " von Hand."
        )
    return now
