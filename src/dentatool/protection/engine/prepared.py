"""Queries whose SQL Django writes once, for the pages that are opened all day.

Writing a statement anew costs Django 100 to 800 µs, more than PostgreSQL needs to answer it (docs/benchmarks.md).
Pass, policies and sealed fields are where they always are, in the connection, the database and the model's fields:
a prepared query sees what the same queryset would see at that moment.
"""

import re
from collections.abc import Callable, Iterable
from copy import copy
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import F, Lookup, QuerySet
from django.db.models.expressions import Expression
from django.db.models.query import ValuesListIterable
from psycopg.sql import Literal

Row = TypeVar("Row")


class Prepared(Generic[Row]):
    """`orders = Prepared(lambda pk: Order.objects.filter(pk=pk))`, then `orders(pk)` is the list of rows.

    The function is called once, with placeholders: it may hand them to lookups, not look at them; `any_of("number", numbers)`
    takes the place of `__in` (for keys: EachOf). Values go to the driver as they are: ids, texts, numbers, days, lists of
    these; None matches nothing. Raises TypeError for another number of values.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Row]]) -> None:
        self._build, self._count = build, build.__code__.co_argcount

    def __call__(self, *values: Any) -> list[Row]:
        if len(values) != self._count:
            raise TypeError(f"{self._count} values are wanted, not {len(values)}")
        queryset, compiler, statement, places = self._written
        connection = connections[queryset.db]
        with connection.cursor() as cursor:
            cursor.execute(statement, tuple(values[place] for place in places))
            rows: list[Any] = cursor.fetchall()
        if queryset._iterable_class is ValuesListIterable and not compiler.get_converters(()):
            return rows
        ours: Any = copy(compiler)
        ours.connection, ours.execute_sql = connection, lambda *_, **__: [rows]
        # What Django's own iterables look at.
        asked = SimpleNamespace(
            db=queryset.db,
            model=queryset.model,
            query=_Query(queryset.query, ours),
            _fields=queryset._fields,
            _known_related_objects={},
        )
        return list(queryset._iterable_class(asked))

    @cached_property
    def _written(self) -> tuple[Any, Any, str, list[int]]:
        queryset: Any = self._build(*self._placeholders())
        compiler = queryset.query.get_compiler(using=queryset.db)
        statement, places = _with_constants(*self._asked(*compiler.as_sql()), connections[queryset.db])
        assert not compiler.has_extra_select, "rows are given out as they come"
        converters = compiler.get_converters([column for column, *_ in compiler.select[: compiler.col_count]])
        compiler.get_converters = lambda _columns: converters
        return queryset, compiler, statement, places

    def _placeholders(self) -> Iterable[Expression]:
        return map(_Placeholder, range(self._count))

    def _asked(self, sql: str, params: Iterable[Any]) -> tuple[str, Iterable[Any]]:
        return sql, params


class EachOf(Prepared[Row]):
    """`patients = EachOf(lambda pk: Patient.objects.filter(pk=pk).order_by())`, then `patients(ids)`: what there is of each,
    in any order, by one statement.

    Each key is looked up by itself (OFFSET 0 keeps PostgreSQL from joining otherwise). It may know nothing of how large a
    laboratory is, and for `= any(…)` it reads the whole index of a large one among small ones: 148 pages for 25 of 20,000.
    """

    def __call__(self, *values: Any) -> list[Row]:
        return super().__call__(*values) if values != ([],) else []

    def _placeholders(self) -> Iterable[Expression]:
        return [_Key()]

    def _asked(self, sql: str, params: Iterable[Any]) -> tuple[str, Iterable[Any]]:
        each = f"SELECT found.* FROM unnest(%s) AS sought (key) CROSS JOIN LATERAL ({sql} OFFSET 0) AS found"  # noqa: S608 (Django wrote it)
        return each, (_Slot(0), *params)


def _with_constants(statement: str, params: Iterable[Any], connection: Any) -> tuple[str, list[int]]:
    """The statement with what no call changes written into it, and which value takes each place that is left.

    PostgreSQL keeps one plan for all calls, and such a plan uses a partial index only for what the statement itself says:
    with the open states as values it planned the worklist anew each time, for longer than it read.
    """
    connection.ensure_connection()
    left, places = iter(params), []

    def fill(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%%"
        if isinstance(param := next(left), _Slot):
            places.append(param.place)
            return "%s"
        return Literal(param).as_string(connection.connection).replace("%", "%%")

    return re.sub("%[%s]", fill, statement), places


def any_of(name: str, values: Any) -> Lookup:  # type: ignore[type-arg]
    """A condition for `filter` in a prepared query: one statement, however many values there are.

    By a sub-select, so that PostgreSQL does not hope to plan better each time for knowing how many there are.
    """
    return _AnyOf(F(name), values)


class _Query:
    """The query as it is, except that its compiler has done its work."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query, self._compiler = query, compiler

    def get_compiler(self, *_: Any, **__: Any) -> Any:
        return self._compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)


class _Slot:
    """Stands for a value among a statement's parameters."""

    def __init__(self, place: int) -> None:
        self.place = place


class _Placeholder(Expression):
    """What the building function is given in place of a value."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place

    def as_sql(self, _compiler: Any, _connection: Any) -> Any:
        return "%s", [_Slot(self.place)]


class _Key(Expression):
    """The key that is being looked up."""

    def as_sql(self, _compiler: Any, _connection: Any) -> Any:
        return "sought.key", []


class _AnyOf(Lookup):  # type: ignore[type-arg]  # Django's own cannot be subscripted
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, before = self.process_lhs(compiler, connection)
        right, values = self.process_rhs(compiler, connection)
        kind = self.lhs.output_field.db_type(connection)
        kind = "text" if kind.startswith("varchar") else kind  # a cast to varchar(n) would cut what is too long
        return f"{left} = any(array(select unnest({right}::{kind}[])))", [*before, *values]
