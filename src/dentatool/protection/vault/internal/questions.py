"""What the database may be asked about a sealed column: whether it is empty, and nothing else.

Sorting, comparing or computing with ciphertext gives answers that look right and are noise, so it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models.expressions import Col, Expression
from django.db.models.lookups import Exact, IsNull

if TYPE_CHECKING:
    from dentatool.protection.vault.internal.fields import SealedField


class SealedFieldError(FieldError):
    """A sealed field was asked for something that only its plain value could answer."""


class _OnlyForSelect(str):
    """The column as SQL, usable only where rows are fetched: there `select_format` takes `bare`.

    Everywhere else Django writes it into a text (error in Python) or joins it (unknown function in PostgreSQL).
    """

    bare: str
    place: str

    def __new__(cls, bare: str, place: str) -> _OnlyForSelect:
        made = super().__new__(cls, f"protection.sealed_values_have_no_order_and_no_sum({bare})")
        made.bare, made.place = bare, place
        return made

    def __str__(self) -> str:
        raise SealedFieldError(f"{self.place} ist versiegelt: damit lässt sich nicht sortieren, rechnen, vergleichen.")

    def __format__(self, _spec: str) -> str:
        return str(self)


class SealedColumn(Col):
    """A sealed column in a query: may be fetched, may be asked whether it is empty."""

    target: SealedField

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        sql, params = self.bare_sql(compiler, connection)
        return _OnlyForSelect(sql, str(self.target.place)), params

    def bare_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """The column itself, for the two permitted questions."""
        sql, params = super().as_sql(compiler, connection)
        return sql, list(params)


class AsItIs(Expression):
    """In an UPDATE: this column keeps what the row holds."""

    def __init__(self, field: SealedField) -> None:
        super().__init__(output_field=field)
        self._column = str(field.column)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return connection.ops.quote_name(self._column), []


class _BareColumn:
    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, list[Any]]:
        asked = lhs or self.lhs  # type: ignore[attr-defined]
        if isinstance(asked, SealedColumn):
            return asked.bare_sql(compiler, connection)
        # full_clean asks a constraint about a value that waits to be saved: only whether there is one may show.
        value = asked.value
        return "%s::bytea", [None if value is None else b"-" if value else b""]


class IsEmpty(_BareColumn, Exact):  # type: ignore[misc]
    """`filter(name="")`"""

    def get_prep_lookup(self) -> Any:
        if self.rhs is None:
            return None  # Django asks `isnull` instead
        if self.rhs not in ("", b""):
            raise SealedFieldError(f"{self.lhs.output_field.place} ist versiegelt: gesucht wird mit find_sealed.")
        return b""

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [connection.Database.Binary(b"")]


class IsAbsent(_BareColumn, IsNull):  # type: ignore[misc]
    """`filter(birth_date__isnull=True)`"""


def lookup_of(field: SealedField, lookup_name: str) -> Any:
    """The lookup class; raises SealedFieldError for every question but the two."""
    if lookup_name == "exact":
        return IsEmpty
    if lookup_name == "isnull":
        return IsAbsent
    raise SealedFieldError(f"{field.place} ist versiegelt: „{lookup_name}“ geht nicht, gesucht wird mit find_sealed.")
