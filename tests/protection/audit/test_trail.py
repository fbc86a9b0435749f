"""The database writes the trail, whatever road a change takes; nobody takes anything back."""

from datetime import date

import psycopg
import pytest
from django.db import connection, models

from dentatool.kit.models import Job
from dentatool.orders.models import Order, Patient
from dentatool.practices.models import Practice
from dentatool.protection.access import Account
from dentatool.protection.audit import Entry, history_of, record_event
from dentatool.protection.tenancy.internal.passes import Pass, sign

STAMPS = {"id", "lab_id", "created_at", "changed_at", "version"}


def practice(**facts):
    return Practice.objects.create(customer_number="1001", name="Praxis am Inn", city="Rosenheim", **facts)


def test_a_new_record_is_in_the_trail_with_person_and_place(anna):
    with anna.at_work("technician"):
        made = practice()
    with anna.at_work():
        entry = history_of(made).get()

    assert (entry.action, entry.actor_id, entry.origin) == ("insert", anna.technician.id, "192.0.2.1")
    assert entry.changes["name"] == [None, "Praxis am Inn"]


def test_the_entry_of_a_new_record_holds_every_column_that_is_not_empty(anna, superuser):
    """Whatever the kind of column: numbers, days, documents, ciphertexts, references."""
    with anna.at_work():
        made = [practice(skonto_days=14)]
        patient = Patient.objects.create(practice=made[0], name="Rosina Müller", birth_date=date(1970, 2, 1))
        order = Order.objects.create(number="26-0001", practice=made[0], patient=patient, due_on=date(2026, 12, 1),
                                     received_on=date(2026, 11, 23), remarks="bitte {\"nicht\": null}")  # fmt: skip
        made += [
            patient,
            order,
            Job.objects.create(name="x", facts={"a": None, "b": [None, 1]}, actor_id=anna.owner.id),
            Job.objects.create(name="y", actor_id=anna.owner.id),
        ]
        entries = [history_of(each).get().changes for each in made]

    for record, changes in zip(made, entries, strict=True):
        (row,) = superuser.execute(
            f"select to_jsonb(t) from {record._meta.db_table} t where lab_id = %s and id = %s", [anna.lab_id, record.pk]
        ).fetchone()
        kept = {key: value for key, value in row.items() if key not in STAMPS and value is not None}
        assert changes == {key: [None, value] for key, value in kept.items()}


def test_a_change_shows_old_and_new_of_the_changed_columns_only(anna):
    with anna.at_work():
        made = practice()
    with anna.at_work():
        made.city = "Bad Aibling"
        made.save()
    with anna.at_work():
        assert history_of(made).first().changes == {"city": ["Rosenheim", "Bad Aibling"]}


@pytest.mark.parametrize("road", ["update", "raw", "bulk"])
def test_no_road_leads_past_the_trail(anna, road):
    with anna.at_work():
        made = practice()
    with anna.at_work():
        if road == "update":
            Practice.objects.update(city="Bad Aibling")
        elif road == "bulk":
            made.city = "Bad Aibling"
            Practice.objects.bulk_update([made], ["city"])
        else:
            with connection.cursor() as cursor:
                cursor.execute("update practices_practice set city = 'Bad Aibling'")
    with anna.at_work():
        assert history_of(made).first().changes == {"city": ["Rosenheim", "Bad Aibling"]}


def test_one_statement_over_many_rows_leaves_an_entry_for_each(anna):
    with anna.at_work():
        made = Practice.objects.bulk_create(
            [Practice(customer_number=str(n), name=f"Praxis {n}", city="Rosenheim") for n in range(3)]
        )
    with anna.at_work():
        Practice.objects.update(
            city=models.Case(models.When(customer_number="1", then=models.F("city")), default=models.Value("Prien"))
        )
    with anna.at_work():
        Practice.objects.all().delete()
    with anna.at_work():
        told = [[(e.action, e.changes.get("city")) for e in history_of(each).order_by("at")] for each in made]
    moved = [("insert", [None, "Rosenheim"]), ("update", ["Rosenheim", "Prien"]), ("delete", ["Prien", None])]
    stayed = [("insert", [None, "Rosenheim"]), ("delete", ["Rosenheim", None])]
    assert told == [moved, stayed, moved]


@pytest.mark.parametrize("statement", ["update practices_practice set city = 'X'", "delete from practices_practice"])
def test_a_statement_that_meets_no_row_leaves_no_entry(anna, statement):
    with anna.at_work(), connection.cursor() as cursor:
        before = Entry.objects.count()
        cursor.execute(statement)
        assert Entry.objects.count() == before


def test_a_deleted_record_leaves_what_it_was(anna):
    with anna.at_work():
        made = practice()
        key = made.pk
        made.delete()
    with anna.at_work():
        entry = Entry.objects.filter(record_id=key).order_by("-at").first()
    assert (entry.action, entry.changes["name"]) == ("delete", ["Praxis am Inn", None])


def test_sealed_stays_sealed(anna):
    with anna.at_work():
        account = Account.objects.get(pk=anna.technician.id)
        account.display_name = "Geheimrat Unsichtbar"
        account.save()
    with anna.at_work():
        assert "Unsichtbar" not in str(history_of(account).first().changes)
        assert history_of(account).first().changes["display_name"][1].startswith("\\x01")


@pytest.mark.parametrize(
    "statement",
    ["update protection_entry set what = 'x'", "delete from protection_entry", "truncate protection_entry"],
)
def test_the_app_cannot_change_the_trail(anna, statement):
    with anna.at_work():
        practice()
    with pytest.raises(Exception, match="permission denied"), anna.at_work(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_bert_does_not_see_annas_trail(anna, bert):
    with anna.at_work():
        record_event("order.exported", format="xml")
    with bert.at_work():
        assert not Entry.objects.filter(what="order.exported").exists()
    with anna.at_work():
        assert Entry.objects.get(what="order.exported").changes == {"format": "xml"}


def test_without_the_trigger_the_test_would_fail(anna, superuser):
    """Sabotage: with the trigger gone, nothing is written. So the tests above do look at the trigger."""
    superuser.execute("alter table practices_practice disable trigger dentatool_audit_insert")
    try:
        with anna.at_work():
            made = practice()
        with anna.at_work():
            assert list(history_of(made)) == []
    finally:
        superuser.execute("alter table practices_practice enable trigger dentatool_audit_insert")


def test_an_event_needs_a_pass(app_connection):
    with pytest.raises(psycopg.Error):
        app_connection.execute("select protection.record_event('x', null, null, '{}')")


def test_a_table_without_exceptions_records_every_update(anna, superuser):
    """A trigger without arguments gets TG_ARGV = NULL, and "key = ANY (NULL)" is never false."""
    assert not Practice.audit_skip and not Practice.audit_hide
    (arguments,) = superuser.execute(
        "select tgnargs from pg_trigger where tgname = 'dentatool_audit_update'"
        " and tgrelid = 'practices_practice'::regclass"
    ).fetchone()
    assert arguments == 0
    with anna.at_work():
        made = practice()

    for city in ("Prien", "Chieming", "Seeon"):
        with anna.at_work():
            Practice.objects.filter(pk=made.pk).update(city=city)

    with anna.at_work():
        told = [entry.changes for entry in history_of(made).filter(action="update").order_by("at")]
    assert [changes["city"][1] for changes in told] == ["Prien", "Chieming", "Seeon"]


@pytest.mark.parametrize(("guard", "entries"), [("coalesce(TG_ARGV, '{}')", 1), ("TG_ARGV", 0)])
def test_without_its_guard_the_trigger_would_lose_these_updates(anna, superuser, guard, entries):
    """Sabotage, rolled back: so the test above does look at the guard."""
    with anna.at_work():
        made = practice()

    with superuser.transaction(force_rollback=True):
        (body,) = superuser.execute("select pg_get_functiondef('protection.audit_rows()'::regprocedure)").fetchone()
        assert "coalesce(TG_ARGV, '{}')" in body
        superuser.execute(body.replace("coalesce(TG_ARGV, '{}')", guard))
        signed = sign(Pass(anna.lab_id), backend_pid=superuser.info.backend_pid)
        superuser.execute("select set_config('dentatool.pass', %s, true)", [signed])
        superuser.execute("update practices_practice set city = 'Prien' where id = %s", [made.pk])
        (found,) = superuser.execute(
            "select count(*) from protection_entry where record_id = %s and action = 'update'", [made.pk]
        ).fetchone()

    assert found == entries
