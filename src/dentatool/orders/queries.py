"""Looking for orders: the worklist, written for speed.

One page is four statements (count, rows, their practices, their patients), whatever the number of rows or of
laboratories. Rows are plain values; cells are formatted here, since filters in the template would double the time.
Sealed names are fetched and opened only when the person asks to see them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OrderBy, Q, QuerySet

from dentatool.kit.formatting import NOTHING, short_day
from dentatool.kit.lists import PER_PAGE
from dentatool.orders.models import NumberState, Order, Patient
from dentatool.orders.workflow import BILLABLE, LABELS, OPEN, PAUSED, TONES, State
from dentatool.practices.models import Practice
from dentatool.protection.engine.prepared import EachOf, Prepared
from dentatool.protection.vault import find_sealed
from dentatool.values.order_number import normalise

SORTS = {
    "termin": "due_on",
    "auftrag": "number",
    "eingang": "received_on",
    "praxis": "practice__name",
    "status": "state",
}
VIEWS = {
    "offen": "Offen",
    "heute": "Heute fällig",
    "ueberfaellig": "Überfällig",
    "wartet": "Rückfrage oder angehalten",
    "ohne_nummer": "Ohne gültige Auftragsnummer",
    "abzurechnen": "Abzurechnen",
    "alle": "Alle",
}
_COLUMNS = (
    *("id", "number", "state", "due_on", "order_number", "number_state", "kind", "teeth_text", "tray"),
    *("practice_id", "patient_id"),
)
_PRACTICE = ("name", "customer_number")
_MOST_FOUND = 500
_UNFINISHED = [state.value for state in OPEN - {State.FINISHED}]

Named = dict[UUID, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the worklist is to show. `view` is one of VIEWS or a state."""

    view: str = ""
    practice_id: UUID | None = None
    due_from: date | None = None
    due_until: date | None = None
    area: str = ""
    kind: str = ""
    search: str = ""
    sort: str = "termin"


def orders_wanted(wanted: Wanted, *, today: date, may_see_patients: bool) -> QuerySet[Order]:
    """The orders to show, sorted. A search without a chosen view looks at all of them."""
    found = _in_view(wanted.view or ("alle" if wanted.search else "offen"), today)
    if wanted.practice_id:
        found = found.filter(practice_id=wanted.practice_id)
    if wanted.due_from:
        found = found.filter(due_on__gte=wanted.due_from)
    if wanted.due_until:
        found = found.filter(due_on__lte=wanted.due_until)
    if wanted.area:
        found = found.filter(area=wanted.area)
    if wanted.kind:
        found = found.filter(kind__icontains=wanted.kind)
    if wanted.search:
        found = found.filter(_meant_by(wanted.search, may_see_patients=may_see_patients))
    field = SORTS[wanted.sort.removeprefix("-")]
    falling = wanted.sort.startswith("-")
    return found.order_by(OrderBy(F(field), descending=falling, nulls_last=True if falling else None), "id")


class Rows:
    """The rows' columns, page first: practices and patients are looked up for the rows that are shown.

    Joined into one statement, the planner under row-level security may start from the practices, read every order of
    the laboratory and sort them (docs/benchmarks.md): three times the pages at 1,000 laboratories.
    """

    def __init__(self, found: QuerySet[Order], practices: Named | None, *, with_names: bool) -> None:
        self._found, self._practices, self._with_names = found, practices, with_names

    def count(self) -> int:
        return self._found.count()

    def _part(self, part: slice) -> list[dict[str, Any]]:
        return list(self._found.values(*_COLUMNS)[part])

    def __getitem__(self, part: slice) -> list[dict[str, Any]]:
        rows = self._part(part)
        practices = self._practices
        if practices is None:
            practices = _looked_up(_practices_with, {row["practice_id"] for row in rows})
        asked = _named_patients if self._with_names else _patients_with
        patients = _looked_up(asked, {row["patient_id"] for row in rows} - {None})
        for row in rows:
            row |= {f"practice__{name}": value for name, value in practices[row["practice_id"]].items()}
            patient = patients.get(row["patient_id"], {"pseudonym": None})
            row |= {f"patient__{name}": value for name, value in patient.items()}
        return rows


def _as_opened() -> QuerySet[Order]:
    """What the worklist shows without any filter: open orders, of which neither day nor person decides."""
    return orders_wanted(Wanted(), today=date.max, may_see_patients=False)


class _AsOpened(Rows):
    """The worklist without any filter, as it is opened all day: its first page and its count are prepared."""

    def count(self) -> int:
        return sum(count for _lab_id, count in _open_count())

    def _part(self, part: slice) -> list[dict[str, Any]]:
        return _open_first() if (part.start, part.stop) == (0, PER_PAGE) else super()._part(part)


def worklist(wanted: Wanted, practices: Named | None, *, today: date, may_see_patients: bool, with_names: bool) -> Rows:
    """The rows of the orders to show. `practices`: when the caller has them all anyway."""
    found = orders_wanted(wanted, today=today, may_see_patients=may_see_patients)
    return (_AsOpened if wanted == Wanted() else Rows)(found, practices, with_names=with_names)


def row_values(found: QuerySet[Order], practices: Named | None = None, *, with_names: bool) -> Rows:
    """The rows' columns only; sealed names only on demand. `practices`: when the caller has them all anyway."""
    return Rows(found, practices, with_names=with_names)


def practices_by_name() -> Named:
    """All practices of the laboratory: for the filter's choice and for the rows."""
    return _by_id(_practices())


_open_count = Prepared(
    lambda: _as_opened().order_by().values_list("lab_id").annotate(count=Count("*")).values_list("lab_id", "count")
)
_open_first = Prepared(lambda: _as_opened().values(*_COLUMNS)[:PER_PAGE])
_practices = Prepared(lambda: Practice.objects.order_by("name").values("id", *_PRACTICE))
_practices_with = EachOf(lambda pk: Practice.objects.filter(pk=pk).order_by().values("id", *_PRACTICE))
_patients_with = EachOf(lambda pk: Patient.objects.filter(pk=pk).order_by().values("id", "pseudonym"))
_named_patients = EachOf(lambda pk: Patient.objects.filter(pk=pk).order_by().values("id", "pseudonym", "name"))


def _looked_up(each: EachOf[dict[str, Any]], ids: set[UUID]) -> Named:
    return _by_id(each(list(ids)))


def _by_id(rows: Iterable[dict[str, Any]]) -> Named:
    return {row.pop("id"): row for row in rows}


def shown_row(row: dict[str, Any], today: date) -> dict[str, Any]:
    """One row as the template prints it."""
    state, due = State(row["state"]), row["due_on"]
    is_late = due is not None and due < today and row["state"] in _UNFINISHED
    return {
        "id": row["id"],
        "address": f"/auftraege/{row['id']}/",
        "number": row["number"],
        "due": short_day(due),
        "due_tone": "bad" if is_late else "warn" if due == today and state in OPEN else "",
        "due_note": "überfällig" if is_late else "heute" if due == today else "morgen" if due == today + _DAY else "",
        "practice": row["practice__name"],
        "customer": row["practice__customer_number"],
        "patient": row["patient__pseudonym"] or ("Name verdeckt" if row["patient_id"] else NOTHING),
        "name": _opened(row),
        "kind": row["kind"] or NOTHING,
        "teeth": row["teeth_text"],
        "order_number": row["order_number"],
        "number_problem": "" if row["number_state"] == NumberState.VALID else NumberState(row["number_state"]).label,
        "tray": row["tray"],
        "state": LABELS[state],
        "tone": TONES[state],
    }


def due_between(first: date, last: date) -> QuerySet[Order]:
    """Unfinished orders due from one day to the other, the first due first."""
    return Order.objects.filter(state__in=_UNFINISHED, due_on__gte=first, due_on__lte=last).order_by("due_on", "id")


def overdue(today: date) -> QuerySet[Order]:
    """Unfinished orders whose day has passed, the oldest first."""
    return Order.objects.filter(state__in=_UNFINISHED, due_on__lt=today).order_by("due_on", "id")


def billable() -> QuerySet[Order]:
    """Finished or delivered orders without an invoice."""
    return Order.objects.filter(state__in=[state.value for state in BILLABLE]).order_by("due_on", "id")


_DAY = timedelta(days=1)


def _in_view(view: str, today: date) -> QuerySet[Order]:
    if view == "alle":
        return Order.objects.all()
    if view == "heute":
        return due_between(today, today)
    if view == "ueberfaellig":
        return overdue(today)
    if view == "wartet":
        return Order.objects.filter(state__in=[state.value for state in PAUSED])
    if view == "abzurechnen":
        return billable()
    if view == "ohne_nummer":
        return Order.objects.without_valid_number().exclude(state__in=[State.CANCELLED, State.CLOSED])
    if view in LABELS:
        return Order.objects.filter(state=view)
    return Order.objects.open()


def _meant_by(text: str, *, may_see_patients: bool) -> Q:
    """Order number, Auftragsnummer, tray, practice; patients only for those who may know them.

    Beginnings are asked as ranges: LIKE would not reach an index under row-level security.
    """
    practices = Practice.objects.filter(Q(name__icontains=text) | Q(customer_number=text)).values_list("id", flat=True)
    meant = _begins("number", text) | _begins("order_number", normalise(text)) | Q(tray=text)
    meant |= Q(practice_id__in=list(practices[:_MOST_FOUND]))
    if may_see_patients:
        meant |= Q(patient_id__in=find_sealed(Patient, "name", text, limit=_MOST_FOUND, also="pseudonym"))
    return meant


def _begins(field: str, text: str) -> Q:
    if not text:
        return Q(pk__in=[])
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + "\U0010ffff"})


def _opened(row: dict[str, Any]) -> str:
    sealed = row.get("patient__name")
    return Patient._meta.get_field("name").shown(sealed, row["patient_id"]) if sealed else ""  # type: ignore[union-attr]
