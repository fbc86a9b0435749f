"""ATK-34: a practice's person with arbitrary SQL in the app's own role. Nothing of another practice comes out, nothing goes in.

Sommer and Winter are two customers of the same laboratory; Winter's person holds the pass.
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.apps import apps

from billing.conftest import make_order
from dentatool.protection.tenancy import Record
from dentatool.protection.tenancy.internal.passes import PRACTICE, Pass, sign
from pages.test_matrix import fingerprint

MODELS = {model._meta.db_table: model for model in apps.get_models() if issubclass(model, Record)}
SCOPED = sorted(table for table, model in MODELS.items() if model.practice_scope is not None)
CLOSED = sorted(table for table, model in MODELS.items() if model.practice_scope is None)


@dataclass
class Scene:
    """Two practices of Anna's with the same things each, and Winter's person with SQL."""

    lab_id: UUID
    sommer: dict[str, set[UUID]]  # table → ids of its rows
    winter: dict[str, set[UUID]]
    person: UUID
    sql: Any = None  # once it has entered


@pytest.fixture
def scene(anna, app_connection):
    return _entered(_furnished(anna), app_connection)


@pytest.fixture(scope="module")
def furnished(new_laboratory):
    """For the many tests in which nothing must change: furnished once."""
    return _furnished(new_laboratory("Dentallabor Anna Huber", region="BY", place="D-München", city="München"))


@pytest.fixture
def still(furnished, app_connection):
    return _entered(furnished, app_connection)


def _furnished(lab: Any) -> Scene:
    with lab.at_work():
        practices = [_practice(number) for number in ("100", "200")]
    sommer, winter = (_fill(lab, practice) for practice in practices)
    return Scene(lab.lab_id, sommer, winter, lab.practice_person(practices[1].pk).id)


def _entered(scene: Scene, sql: psycopg.Connection) -> Scene:
    (winter,) = scene.winter["practices_practice"]
    enter(sql, scene.lab_id, scene.person, winter)
    return replace(scene, sql=sql)


def _practice(number: str) -> Any:
    from dentatool.practices.models import Practice

    return Practice.objects.create(customer_number=number, name=f"Praxis {number}", city="Rosenheim")


def _fill(lab: Any, practice: Any) -> dict[str, set[UUID]]:
    """An order with everything, an issued invoice with its file, and a draft that is the laboratory's own business."""
    from dentatool.billing.actions import draft_invoice, hand_out, issue_invoice
    from dentatool.orders.models import OrderTooth
    from dentatool.practices.models import Dentist, KnownLocation

    with lab.at_work():
        order = make_order(practice=practice)
        tooth = OrderTooth.objects.create(order=order, tooth=36, part="krone")
        dentist = Dentist.objects.create(practice=practice, last_name="Geheimrat")
        KnownLocation.objects.create(practice=practice, number="565901")
        invoice = issue_invoice(draft_invoice(order))
        hand_out(invoice)
        draft_invoice(make_order(practice=practice))
    with lab.at_work():
        orders = list(practice.order_set.all())
        return {
            "practices_practice": {practice.pk},
            "practices_dentist": {dentist.pk},
            "orders_order": {each.pk for each in orders},
            "orders_patient": {each.patient_id for each in orders},
            "orders_ordertooth": {tooth.pk},
            "orders_position": {line.pk for each in orders for line in each.positions.all()},
            "billing_invoice": {invoice.pk},
            "billing_invoiceline": {line.pk for line in invoice.lines.all()},
            "billing_xmlexport": {file.pk for file in invoice.exports.all()},
        }


def enter(connection, lab_id, person, practice_id, **facts):
    """Begin as the Gate does: the pass, and the role for the people of practices."""
    connection.rollback()
    held = Pass(lab_id, person, PRACTICE, practice_id=practice_id)
    signed = sign(held, backend_pid=connection.info.backend_pid, **facts)
    connection.execute("select set_config('dentatool.pass', %s, true)", [signed])
    connection.execute("set local role dentatool_practice")


def refused(connection, statement, parameters=None):
    """Run it in a savepoint; the error's SQLSTATE, or None when the database let it happen."""
    try:
        with connection.transaction():
            connection.execute(statement, parameters)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_winter_sees_its_own_rows_and_no_others(scene):
    seen = {table: {row_id for (row_id,) in scene.sql.execute(f"select id from {table}")} for table in scene.winter}

    assert seen == scene.winter
    assert all(scene.sommer[table] and not scene.sommer[table] & seen[table] for table in seen)


@pytest.mark.parametrize("table", CLOSED)
def test_what_declares_nothing_is_empty(table, still):
    assert still.sql.execute(f"select count(*) from {table}").fetchone() == (0,)


def test_a_person_of_a_practice_sees_of_the_people_only_themselves(scene, superuser):
    assert superuser.execute(
        "select count(*) > 5 from protection_account where lab_id = %s", [scene.lab_id]
    ).fetchone() == (True,)

    assert scene.sql.execute("select id from protection_account").fetchall() == [(scene.person,)]


def test_every_table_that_shows_something_is_known_here():
    """Whoever opens a table to practices adds it to this test, or to those about the person alone."""
    personal = {
        table for table in SCOPED if MODELS[table].practice_scope.person or MODELS[table].practice_scope.everyone
    }

    assert set(SCOPED) - personal == {
        "practices_practice", "practices_dentist", "orders_order", "orders_patient", "orders_ordertooth",
        "orders_position", "billing_invoice", "billing_invoiceline", "billing_xmlexport",
    }  # fmt: skip


@pytest.mark.parametrize("table", sorted(MODELS))
@pytest.mark.parametrize("escape", ["", "reset role", "set local role dentatool_app"])
def test_no_row_of_the_laboratory_is_changed_added_or_deleted(table, escape, still, superuser):
    """Also not after leaving the role again: then there is nothing to be seen at all."""
    before = fingerprint(superuser, still.lab_id)
    if escape:
        assert refused(still.sql, escape) in (None, "42501")
        still.sql.execute("reset role")
    is_personal = MODELS[table].practice_scope is not None and bool(MODELS[table].practice_scope.person)

    for statement in (
        f"update {table} set lab_id = lab_id",
        f"update {table} set lab_id = '{still.lab_id}' where lab_id = '{still.lab_id}'",
        f"delete from {table}",
        f"insert into {table} select * from {table}",
        f"insert into {table} (id, lab_id) values (gen_random_uuid(), '{still.lab_id}')",
    ):
        if is_personal and statement.startswith(("update", "delete")):
            continue  # their own: the tests below
        answer = refused(still.sql, f"with done as ({statement} returning 1) select 1 / (select count(*) from done)")
        # Refused outright, or done to no row at all, which divides by zero.
        assert answer in ("42501", "DT004", "DT008", "22012", "23502", *(["23505"] if is_personal else [])), statement
    assert refused(still.sql, f"truncate {table}") == "42501"
    still.sql.commit()

    assert fingerprint(superuser, still.lab_id) == before


@pytest.mark.parametrize("table", sorted(MODELS))
def test_out_of_the_role_everything_is_empty(table, still):
    still.sql.execute("reset role")

    assert still.sql.execute(f"select count(*) from {table}").fetchone() == (0,)


@pytest.mark.parametrize("place", range(8))
def test_a_pass_with_one_part_changed_is_refused(place, scene):
    """Another practice, no practice, another mode, another person: each part is under the signature."""
    (signed,) = scene.sql.execute("select current_setting('dentatool.pass')").fetchone()
    for value in ("", "work", str(uuid4()), "9999999999"):
        parts = signed.split("|")
        if parts[place] == value:
            continue
        parts[place] = value
        scene.sql.execute("select set_config('dentatool.pass', %s, true)", ["|".join(parts)])

        assert refused(scene.sql, "select count(*) from orders_order") == "DT001"


def test_a_pass_exchanged_within_the_statement_opens_nothing(scene):
    """Each question is answered from a verified pass, whatever the statement does to the setting meanwhile."""
    (signed,) = scene.sql.execute("select current_setting('dentatool.pass')").fetchone()
    without = "|".join([*signed.split("|")[:7], "", signed.split("|")[8]])

    statement = (
        f"with changed as materialized (select set_config('dentatool.pass', '{without}', true) as pass)"
        " select o.id from changed, orders_order o where changed.pass <> ''"
    )
    assert refused(scene.sql, statement) in (None, "DT001")
    enter(scene.sql, scene.lab_id, scene.person, next(iter(scene.winter["practices_practice"])))
    try:
        found = {row_id for (row_id,) in scene.sql.execute(statement)}
    except psycopg.Error:
        found = set()

    assert not found & scene.sommer["orders_order"]


def test_existing_foreign_rows_answer_as_absent_ones_do(scene):
    """Keys, locks and errors: Sommer's order is to Winter what no order is."""
    sommers = next(iter(scene.sommer["orders_order"]))

    def answers(order_id):
        return [
            refused(scene.sql, statement.format(id=order_id, lab=scene.lab_id))
            for statement in (
                "select id from orders_order where id = '{id}' for update",
                "insert into orders_order (id, lab_id) values ('{id}', '{lab}')",
                "insert into orders_ordertooth (id, lab_id, order_id, tooth, part) values (gen_random_uuid(), '{lab}', '{id}', 11, '')",
                "insert into protection_session (id, lab_id, account_id, token_hash, device, origin, started_at,"
                " last_action_at, expires_at, level, method, confirmed_at)"
                " values (gen_random_uuid(), '{lab}', '{id}', '\\x01', '', '', now(), now(), now(), 'full', 'x', now())",
                "select 1 / (select count(*) from orders_order where id = '{id}')",
            )
        ]

    assert answers(sommers) == answers(uuid4())


def test_the_own_account_and_session_can_be_changed_but_no_right_of_it(scene):
    assert scene.sql.execute("update protection_account set password_hash = 'x'").rowcount == 1
    assert scene.sql.execute("update protection_session set ended_at = now()").rowcount == 0  # there is none yet
    for change, state in (
        ("role = 'owner'", "DT008"),
        ("role = 'owner', practice_id = null", "DT008"),
        ("practice_id = gen_random_uuid()", "DT008"),
        ("practice_id = null", "DT008"),
        ("id = gen_random_uuid()", "DT005"),
    ):
        assert refused(scene.sql, f"update protection_account set {change}") == state, change


def test_what_practices_do_is_in_the_trail_with_their_mode(scene, superuser):
    scene.sql.execute("select protection.record_event('invoice.pdf_opened', null, null, '{}')")
    scene.sql.commit()

    assert superuser.execute(
        "select actor_id, mode, what from protection_entry where lab_id = %s order by at desc limit 1", [scene.lab_id]
    ).fetchone() == (scene.person, "practice", "invoice.pdf_opened")


def test_the_laboratory_sees_everything_as_before(anna, scene):
    from dentatool.billing.models import Invoice
    from dentatool.orders.models import Order

    with anna.at_work():
        assert (
            set(Order.objects.values_list("pk", flat=True))
            == scene.sommer["orders_order"] | scene.winter["orders_order"]
        )
        assert Invoice.objects.count() == 4


def test_a_search_by_name_finds_for_winter_what_is_winters(anna, scene):
    """The names that a process keeps in memory are kept apart for each practice."""
    from dentatool.orders.models import Patient
    from dentatool.practices.models import Practice
    from dentatool.protection.vault import find_sealed

    with anna.at_work():
        assert len(find_sealed(Patient, "name", "Mustermann")) == 4
        winter = Practice.objects.get(customer_number="200")
    for whole in (False, True):
        with anna.at_practice(winter.pk):
            assert set(find_sealed(Patient, "name", "Erika Mustermann", whole=whole)) == scene.winter["orders_patient"]
