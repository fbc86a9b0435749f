"""A table of its own for the tests of sealed fields: one of each kind, protected like every Record."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

APP = "vault_specimen"  # no installed app: neither migrations nor the walk over all models know it


def _model() -> Any:
    from django.apps import apps
    from django.db import models

    from dentatool.protection.tenancy import Record
    from dentatool.protection.vault import SealedDate, SealedFile, SealedText

    if known := apps.all_models.get(APP, {}).get("specimen"):
        return known

    class Specimen(Record):
        """A patient, as far as sealing goes."""

        name = SealedText("Patient", search=True)
        remarks = SealedText("Bemerkung", blank=True, max_length=2000)
        birth_date = SealedDate("Geburtsdatum", null=True, blank=True)
        scan = SealedFile("Scan", blank=True)
        box = models.CharField("Schale", max_length=20, blank=True)
        twin = models.ForeignKey("self", models.SET_NULL, null=True, blank=True)

        class Meta:
            app_label = APP
            db_table = "vault_specimen"
            constraints = [
                models.CheckConstraint(name="specimen_silent", condition=models.Q(remarks="") | ~models.Q(box="still")),
                models.CheckConstraint(
                    name="specimen_grown", condition=models.Q(birth_date__isnull=True) | ~models.Q(box="kind")
                ),
            ]

        def __str__(self) -> str:
            return self.name

    return Specimen


@pytest.fixture(scope="module")
def specimens(database: dict) -> Iterator[Any]:
    """The model, with its table made and protected by the same code as every other.

    Gone at the end of the module: the doctor names every table that is not the program's.
    """
    from django.apps import apps
    from django.db import connection

    from dentatool.protection.tenancy.internal import shield
    from harness.database import connect_as

    model = _model()
    table = model._meta.db_table
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        editor.create_model(model)
    with connect_as(database, "owner", autocommit=True) as owner:
        for statement in editor.collected_sql:
            owner.execute(statement)
        with owner.cursor() as cursor:
            for statement in shield._shield_table(model, shield._constraints_of(cursor, table)):
                cursor.execute(statement)
            for statement in shield._tie_to_own_laboratory(model, shield._constraints_of(cursor, table)):
                cursor.execute(statement)
        owner.execute(f"grant {', '.join(model.grants)} on {table} to dentatool_app")
        owner.execute(f"grant select on {table} to dentatool_backup")
        for statement in shield.grants_to_reseal(model):
            owner.execute(statement)
    yield model
    with connect_as(database, "owner", autocommit=True) as owner:
        owner.execute(f"drop table {table}")
        with owner.cursor() as cursor:  # as the next migrate would: the function for its new rows goes, too
            shield._drop_forgotten(cursor, [each._meta.db_table for each in apps.get_models()])


def overwrite(superuser: psycopg.Connection, row_id: Any, **columns: bytes) -> None:
    """What the database's owner can do: change stored bytes past every policy and trigger."""
    superuser.execute("set session_replication_role = replica")
    for column, raw in columns.items():
        superuser.execute(f"update vault_specimen set {column} = %s where id = %s", [raw, row_id])
    superuser.execute("set session_replication_role = origin")
