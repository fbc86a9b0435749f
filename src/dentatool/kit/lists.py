"""A list page's find, sort and page: each checked, so that no address leads to a crash or to a foreign column."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property, reduce
from operator import or_
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import F, Model, OrderBy, Q, QuerySet
from django.http import HttpRequest

from dentatool.kit import formatting
from dentatool.kit.errors import BadQuery
from dentatool.protection.vault import DecryptError
from dentatool.values.money import format_money, format_permille, format_quantity

PER_PAGE = 25
LONGEST_SEARCH = 200
MOST_PAGE = 100_000

_BY_ENDING: dict[str, Callable[[Any], str]] = {
    "_cents": format_money,
    "_milli": format_quantity,
    "_permille": format_permille,
}


@dataclass(frozen=True)
class Column:
    """One column of a list. `name` is a field, a property, or a path such as `practice.name`."""

    name: str
    label: str = ""
    sort: bool | str = False
    show: Callable[[Any], Any] | None = None
    numeric: bool = False
    phone: bool = True

    @property
    def sort_field(self) -> str:
        """The database column to sort by; empty when this column cannot be sorted."""
        if self.sort is True:
            return self.name.replace(".", "__")
        return self.sort or ""

    @property
    def is_numeric(self) -> bool:
        return self.numeric or self.name.endswith(tuple(_BY_ENDING))


@dataclass(frozen=True)
class Head:
    """A column's head as the template shows it."""

    label: str
    key: str
    direction: str
    next_key: str
    is_numeric: bool
    phone: bool


@dataclass(frozen=True)
class Cell:
    """One shown value."""

    text: Any
    label: str
    is_numeric: bool
    phone: bool


class Listing:
    """The page of a list that a request asks for.

    Raises BadQuery (400) for a sorting that is not offered and for a page number that is none or beyond the end.
    """

    def __init__(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        columns: Sequence[Column],
        search: Sequence[str] | Callable[[QuerySet[Any], str], Any] = (),
        order: Sequence[str] = (),
        per_page: int = PER_PAGE,
    ) -> None:
        self.columns, self.model = columns, queryset.model
        self.can_search = bool(search)
        self.search_text = clean_search(request.GET.get("suche", ""))
        self.sort_key = request.GET.get("sortierung", "")
        found = found_by(queryset, search, self.search_text) if self.search_text else queryset
        self.page = page_of(request, self._sorted(found, order), per_page)

    @cached_property
    def heads(self) -> list[Head]:
        return [self._head(column) for column in self.columns]

    def _sorted(self, found: Any, order: Sequence[str]) -> Any:
        if isinstance(found, Ranked) and self.sort_key:
            found = found.unranked()
        if not isinstance(found, QuerySet):
            return found  # a search function that ranks keeps its order
        if not self.sort_key:
            return found if found.query.order_by else found.order_by(*order, "id")
        offered = {column.sort_field for column in self.columns if column.sort_field}
        name = self.sort_key.removeprefix("-")
        if name not in offered:
            raise BadQuery("Nach dieser Spalte lässt sich die Liste nicht sortieren.")
        return found.order_by(OrderBy(F(name), descending=self.sort_key.startswith("-"), nulls_last=True), "id")

    def _head(self, column: Column) -> Head:
        key = column.sort_field
        here = self.sort_key.removeprefix("-") == key and bool(key)
        falling = here and self.sort_key.startswith("-")
        return Head(
            label=label_of(self.model, column),
            key=key,
            direction=("descending" if falling else "ascending") if here else "",
            next_key=f"-{key}" if here and not falling else key,
            is_numeric=column.is_numeric,
            phone=column.phone,
        )


def page_of(request: HttpRequest, found: Any, per_page: int = PER_PAGE, key: str = "seite") -> Page[Any]:
    """The page that `?seite=` names. Raises BadQuery for what is no number or beyond the end."""
    typed = request.GET.get(key, "1")
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 6 and 1 <= int(typed) <= MOST_PAGE):
        raise BadQuery("Die Seitenzahl in der Adresse ist keine Zahl, die es gibt.")
    pages = Paginator(found, per_page)
    try:
        return pages.page(int(typed))
    except InvalidPage:
        raise BadQuery("Diese Seite gibt es nicht. Die Liste ist kürzer geworden oder der Filter ist enger.") from None


def clean_search(text: str) -> str:
    """What is searched for: one line, no null bytes, not endless."""
    return " ".join(text.replace("\0", " ").split())[:LONGEST_SEARCH]


def sort_of(request: HttpRequest, offered: Iterable[str], default: str) -> str:
    """The sorting that `?sortierung=` asks for, if it is offered. Raises BadQuery otherwise."""
    wanted = request.GET.get("sortierung", "") or default
    if wanted.removeprefix("-") not in {key.removeprefix("-") for key in (*offered, default)}:
        raise BadQuery("Nach dieser Spalte lässt sich die Liste nicht sortieren.")
    return wanted


def found_by(queryset: QuerySet[Any], search: Any, text: str) -> Any:
    """The records that fit: by a search of the slice's own, or by each word somewhere in these columns."""
    if callable(search):
        return search(queryset, text)
    # Every word must occur somewhere. icontains reads all rows: fine for the hundreds of a laboratory's master data.
    for word in text.split()[:8]:
        queryset = queryset.filter(reduce(or_, (Q(**{f"{name}__icontains": word}) for name in search)))
    return queryset


class Ranked:
    """Records found by a search that ranks. Only the page that is shown is fetched, in the order of the ids."""

    def __init__(self, queryset: QuerySet[Any], ids: Sequence[Any], fetch: Callable[[list[Any]], list[Any]]) -> None:
        self.queryset, self.ids, self._fetch = queryset, ids, fetch

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> list[Any]:
        shown = {record.pk: record for record in self._fetch(list(self.ids[part]))}
        return [shown[key] for key in self.ids[part] if key in shown]

    def unranked(self) -> QuerySet[Any]:
        """The same records for another order."""
        return self.queryset.filter(pk__in=self.ids)


def in_this_order(queryset: QuerySet[Any], ids: Sequence[Any], fetch: Callable[[list[Any]], list[Any]]) -> Ranked:
    """The records with these ids, in this order: for `find_sealed`, which ranks. `fetch`: an `EachOf`."""
    return Ranked(queryset, ids, fetch)


def label_of(model: type[Model], column: Column) -> str:
    """The column's own label, else that of its field. A property needs a label of its own."""
    if column.label:
        return column.label
    try:
        return str(model._meta.get_field(column.name.split(".")[0]).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        raise ImproperlyConfigured(f"Column {column.name!r} of {model.__name__} needs a label") from None


def cells_of(record: Model, columns: Iterable[Column]) -> list[Cell]:
    """One record's values, as shown."""
    with DecryptError.shown():
        return [_cell_of(record, column) for column in columns]


def _cell_of(record: Model, column: Column) -> Cell:
    value = _value_of(record, column.name)
    text = column.show(value) if column.show and value is not None else shown(value, column.name)
    return Cell(text, column.label, column.is_numeric, column.phone)


def _value_of(record: Model, path: str) -> Any:
    value: Any = record
    for step in path.split("."):
        labels = _labels_of(type(value), step)
        value = getattr(value, step, None)
        if labels is not None:
            value = labels.get(value, value)
        value = value() if callable(value) else value
        if value is None:
            break
    return value


@cache
def _labels_of(kind: type, step: str) -> dict[Any, str] | None:
    """A choice is shown by its label. Django's own get_…_display makes this dictionary anew for each value."""
    if not hasattr(kind, f"get_{step}_display"):
        return None
    return {value: str(label) for value, label in kind._meta.get_field(step).flatchoices}  # type: ignore[attr-defined]


def shown(value: Any, name: str = "") -> Any:
    """A value as Germans read it, by its type and by the unit in its name."""
    if value is None or value == "":
        return formatting.NOTHING
    if isinstance(value, bool):
        return "ja" if value else "nein"
    if isinstance(value, int):
        for ending, show in _BY_ENDING.items():
            if name.endswith(ending):
                return show(value)
    if isinstance(value, datetime):
        return formatting.moment(value)
    if isinstance(value, date):
        return formatting.day(value)
    return value
