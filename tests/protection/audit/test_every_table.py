"""TOM 6, master data and orders: no table can be changed without an entry, and the entries suffice to rebuild a record."""

from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import models
from psycopg import sql

from dentatool.protection.tenancy import Record
from dentatool.protection.tenancy.internal.passes import Pass, sign
from pages.test_matrix import records_of

STAMPS = {"id", "lab_id", "created_at", "changed_at", "version"}
AUDITED = [model for model in apps.get_models() if issubclass(model, Record) and model.audited]
# Of what a column can be changed to without asking which values make sense.
OTHER = {
    models.IntegerField: "{0} + 1",
    models.BooleanField: "not {0}",
    models.DateTimeField: "now()",
    models.DateField: "current_date - 1",
    models.CharField: "left({0}, 3)",
    models.JSONField: "'[]'",
}


@pytest.fixture
def full_house(anna):
    """Anna's laboratory with a record of each kind."""
    from team.test_people_pages import invite, with_app

    records_of(anna)
    with_app(anna)
    client = anna.reading_trail()
    invite(client)
    client.post("/team/rollen/neu/", {"name": "Annahme", "rechte": ["orders:view"]})
    client.post("/protokoll/ausgabe/", {"file_format": "csv"})
    anna.token()
    return anna


@pytest.fixture
def program(full_house, app_connection):
    """The app's own role, in the program's name: no person whose rights would be in the way."""
    signed = sign(Pass(full_house.lab_id), backend_pid=app_connection.info.backend_pid)
    app_connection.execute("select set_config('dentatool.pass', %s, true)", [signed])
    return app_connection


def entries(connection, action, table):
    (count,) = connection.execute(
        "select count(*) from protection_entry where what = %s and action = %s", [table, action]
    ).fetchone()
    return count


def attempted(connection, statement):
    """How many rows it changed; None when the database refused it."""
    try:
        with connection.transaction():
            return connection.execute(statement).rowcount
    except psycopg.Error:
        return None


def changes_of(model):
    """A statement for each column that can be set to something else."""
    table = sql.Identifier(model._meta.db_table)
    for field in model._meta.local_concrete_fields:
        rule = next((text for kind, text in OTHER.items() if isinstance(field, kind)), None)
        if rule and field.column not in STAMPS | set(model.audit_skip):
            column = sql.Identifier(field.column)
            yield sql.SQL("update {} set {} = ").format(table, column) + sql.SQL(rule).format(column)


def test_every_row_that_exists_has_the_entry_of_its_making(program):
    without = {
        model._meta.db_table: program.execute(
            sql.SQL(
                "select count(*) from {0} t where not exists (select from protection_entry e where e.what = %s"
                " and e.action = 'insert' and e.record_id = t.id)"
            ).format(sql.Identifier(model._meta.db_table)),
            [model._meta.db_table],
        ).fetchone()[0]
        for model in AUDITED
    }

    assert {table: count for table, count in without.items() if count} == {}


def test_every_update_past_the_program_leaves_an_entry_for_each_row_or_is_refused(program):
    changed: dict[str, int] = {}

    for model in AUDITED:
        table = model._meta.db_table
        for statement in changes_of(model):
            before = entries(program, "update", table)
            rows = program.execute(
                sql.SQL("select to_jsonb(t) - 'changed_at' - 'version' from {} t order by id").format(
                    sql.Identifier(table)
                )
            ).fetchall()
            if not attempted(program, statement):
                continue
            after = program.execute(
                sql.SQL("select to_jsonb(t) - 'changed_at' - 'version' from {} t order by id").format(
                    sql.Identifier(table)
                )
            ).fetchall()
            differing = sum(old != new for old, new in zip(rows, after, strict=True))
            assert entries(program, "update", table) - before == differing, statement.as_string()
            changed[table] = changed.get(table, 0) + differing

    assert {table for table, count in changed.items() if count} >= {
        "protection_account", "protection_laboratoryrole", "practices_practice", "catalogue_article", "orders_order",
        "orders_position", "team_laboratoryprofile",
    }  # fmt: skip
    assert len([count for count in changed.values() if count]) > 15


def test_every_deletion_past_the_program_leaves_an_entry_for_each_row_or_is_refused(program):
    deleted: dict[str, Any] = {}

    for model in reversed(AUDITED):  # what belongs to something before what it belongs to
        table = model._meta.db_table
        before = entries(program, "delete", table)
        if rows := attempted(program, sql.SQL("delete from {}").format(sql.Identifier(table))):
            assert entries(program, "delete", table) - before == rows, table
            deleted[table] = rows

    assert len(deleted) > 8


def test_the_entries_rebuild_an_order_with_all_that_belongs_to_it(full_house, superuser):
    from dentatool.orders.models import Order

    client = full_house.client()
    with full_house.at_work():
        order = Order.objects.latest("created_at")
    address = f"/auftraege/{order.pk}/"
    with full_house.at_work():
        order.kind, order.shade = "Brücke", "A2"
        order.save()
        first = order.positions.first()
        first.quantity_milli += 1000
        first.save()
    assert client.get(address).status_code == 200
    with full_house.at_work():
        order.positions.exclude(pk=first.pk).delete()

    for table, column in (("orders_order", "id"), ("orders_position", "order_id"), ("orders_ordertooth", "order_id")):
        rows = superuser.execute(
            f"select id, to_jsonb(t) from {table} t where lab_id = %s and {column} = %s", [full_house.lab_id, order.pk]
        ).fetchall()
        stored = {key: {name: value for name, value in row.items() if name not in STAMPS} for key, row in rows}
        assert rebuilt(superuser, full_house.lab_id, table, column, order.pk) == stored


def rebuilt(superuser, lab_id, table, column, order):
    """The rows of an order as the trail tells them, entry by entry."""
    columns = [
        name
        for (name,) in superuser.execute(
            "select column_name from information_schema.columns where table_name = %s", [table]
        )
        if name not in STAMPS
    ]
    found: dict[Any, dict[str, Any]] = {}
    for record, action, changes in superuser.execute(
        "select record_id, action, changes from protection_entry where lab_id = %s and what = %s order by at, id",
        [lab_id, table],
    ):
        if action == "delete":
            found.pop(record)
            continue
        row = found.setdefault(record, dict.fromkeys(columns))
        row.update({name: new for name, (_old, new) in changes.items()})
    return {key: row for key, row in found.items() if (key if column == "id" else row[column]) in (order, str(order))}
