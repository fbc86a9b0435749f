"""Every column that holds sealed values, and how SQL reads from a stored value which key sealed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, LiteralString

from django.apps import apps
from psycopg import sql

from dentatool.protection.tenancy import Record

if TYPE_CHECKING:
    from dentatool.protection.vault.internal.fields import SealedField

_MANY, _FEW = 500, 25  # rows at a time; where a single value may hold megabytes, few
_LONG: Final = 20_000


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table and its sealed fields."""

    model: type[Record]
    fields: tuple[SealedField, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def columns(self) -> list[str]:
        return [str(field.column) for field in self.fields]

    @property
    def batch(self) -> int:
        """How many rows are taken at a time, so that a process needs some megabytes and a lock lasts some milliseconds."""
        return _FEW if any(map(_may_be_long, self.fields)) else _MANY


def _may_be_long(field: Any) -> bool:
    return field.kind == "file" or (hasattr(field, "search") and (field.max_length or _LONG) >= _LONG)


def sealed_tables(models: Iterable[type[Any]] | None = None) -> list[SealedTable]:
    """Of all models of the program, unless some are named."""
    from dentatool.protection.vault.internal.fields import SealedField  # noqa: PLC0415  (it needs us, too)

    found = []
    asked: Iterable[Any] = apps.get_models() if models is None else models
    for model in asked:
        fields = tuple(f for f in model._meta.local_concrete_fields if isinstance(f, SealedField))
        if fields:
            found.append(SealedTable(model, fields))
    return sorted(found, key=lambda table: table.name)


def version_in(column: sql.Composable) -> sql.Composed:
    """SQL: the four bytes of the key version in front of a stored value; NULL where nothing is sealed."""
    text: LiteralString = (
        "case substr({0}, 1, 1) when '\\x01' then substr({0}, 2, 4) when '\\x02' then substr({0}, 5, 4) end"
    )
    return sql.SQL(text).format(column)


def token_in(column: sql.Composable) -> sql.Composed:
    """SQL: the byte that says which index key made the search token."""
    return sql.SQL("case substr({0}, 1, 1) when '\\x02' then substr({0}, 2, 1) end").format(column)


def is_older(table: SealedTable, newest: dict[str, int]) -> sql.Composed:
    """SQL: whether any value of a row is sealed, or can be found, with another key than the newest of its kind."""
    asked = []
    for field in table.fields:
        column = sql.Identifier(str(field.column))
        asked.append(sql.SQL("{} <> {}").format(version_in(column), _bytes(newest[field.kind].to_bytes(4, "big"))))
        if getattr(field, "search", False):
            asked.append(sql.SQL("{} <> {}").format(token_in(column), _bytes(bytes([newest["index"] % 256]))))
    return sql.SQL(" or ").join(asked)


def _bytes(value: bytes) -> sql.Composable:
    return sql.SQL("'\\x" + value.hex() + "'::bytea")  # type: ignore[arg-type]
