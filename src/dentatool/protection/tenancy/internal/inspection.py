"""Is the database still as protect_database left it? Compares the live catalogue with the program's own blueprint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps

from dentatool.protection.tenancy.internal.blueprint import Catalogue, blueprint, plain
from dentatool.protection.tenancy.internal.record import Record

_QUESTION = Path(__file__).parent / "sql" / "catalogue.sql"
# Of these kinds there may be more than the protection needs.
_MAY_HAVE_MORE = {"Bedingung", "Statistik", "Spalte"}
# Without them the backup reads less, not more; only a superuser can grant them, and the doctor says when it matters.
_MAY_BE_MISSING = {("Mitgliedschaft", f"dentatool_backup in pg_read_all_{what}") for what in ("data", "stats")}
_SHOWN = 160


class Cursor(Protocol):
    """psycopg's cursor or Django's."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as the program made it. `str()` is a German sentence that names it."""

    kind: str
    name: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.problem}"


def inspect_database(cursor: Cursor) -> list[Deviation]:
    """Everything in the live database that differs from what protect_database would make; empty when all is well.

    Looks at tables, policies, triggers, keys, functions (to the letter), rights, roles, memberships and settings,
    and at what should not be there at all. Only reads catalogues, takes no lock, about 30 ms. Needs a cursor in the
    owner's role. Does not see: the text of CHECK conditions, and whoever changes PostgreSQL itself.
    """
    records = [model for model in apps.get_models() if issubclass(model, Record)]
    wanted = blueprint(records)
    cursor.execute(_QUESTION.read_text())
    found: Catalogue = {(kind, name): value for kind, name, value in cursor.fetchall()}
    return [*_missing(wanted, found), *_different(wanted, found), *_not_ours(wanted, found)]


class DatabaseChanged(RuntimeError):
    """The protection in the database is not what the program made."""


def require_sound_database(cursor: Cursor) -> None:
    """Refuse to start on a database that someone changed. Raises DatabaseChanged, in German, with every object's name."""
    if deviations := inspect_database(cursor):
        raise DatabaseChanged(
            "DentaTool startet nicht: Der Schutz in der Datenbank ist nicht so, wie das Programm ihn anlegt.\n"
            + "".join(f"- {deviation}\n" for deviation in deviations)
            + "Entfernen Sie, was nicht zum Programm gehört. Was fehlt oder abweicht, stellt „dentatool migrate“ wieder her.\n"
            "Klären Sie, wer das geändert hat: Bis dahin können fremde Daten sichtbar gewesen sein."
        )


def _missing(wanted: Catalogue, found: Catalogue) -> list[Deviation]:
    return [Deviation(*name, "fehlt.") for name in wanted if name not in found and name not in _MAY_BE_MISSING]


def _different(wanted: Catalogue, found: Catalogue) -> list[Deviation]:
    return [
        Deviation(*name, f"weicht ab. Gefunden: {found[name][:_SHOWN]}. Nötig: {wanted[name][:_SHOWN]}.")
        for name in wanted
        if name in found and plain(found[name]) != wanted[name]
    ]


def _not_ours(wanted: Catalogue, found: Catalogue) -> list[Deviation]:
    return [
        Deviation(*name, f"gehört nicht zum Programm ({value[:_SHOWN]})." if value else "gehört nicht zum Programm.")
        for name, value in found.items()
        if name not in wanted and name[0] not in _MAY_HAVE_MORE
    ]
