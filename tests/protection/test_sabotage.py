"""Whoever weakens the protection inside the database is named: by the doctor, and by a start that refuses.

Each sabotage is done by the superuser in a transaction that is rolled back: the real catalogue, no trace afterwards.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dentatool.operations.doctor import GOOD, WRONG, examine
from dentatool.protection.tenancy import inspect_database

# What is done → words of the German sentence that must name it.
SABOTAGE = {
    # Rows
    "drop policy own_lab_select on orders_patient": "Zeilenregel own_lab_select an public.orders_patient: fehlt",
    "drop policy own_lab_update on billing_invoice": "Zeilenregel own_lab_update an public.billing_invoice: fehlt",
    "alter policy own_lab_select on orders_order using (true)": "Zeilenregel own_lab_select an public.orders_order: weicht ab",
    "alter policy own_lab_insert on orders_order with check (true)": "own_lab_insert an public.orders_order: weicht ab",
    "alter policy door on kit_job to dentatool_app": "Zeilenregel door an public.kit_job: weicht ab",
    "alter policy own_lab_select on orders_order to dentatool_doors": "own_lab_select an public.orders_order: weicht ab",
    "create policy guest on orders_patient for select using (true)": "guest an public.orders_patient: gehört nicht",
    "create policy guest on protection_laboratory for select using (true)": "guest an public.protection_laboratory: gehört",
    "alter table orders_order no force row level security": "Tabelle public.orders_order: weicht ab",
    "alter table orders_order disable row level security": "Tabelle public.orders_order: weicht ab",
    "alter table protection_laboratory no force row level security": "Tabelle public.protection_laboratory: weicht ab",
    "alter table orders_order owner to dentatool_app": "Tabelle public.orders_order: weicht ab",
    # Keys
    "alter table orders_order drop constraint orders_order_patient_id_same_lab": "Schlüssel orders_order_patient_id_same_lab",
    "alter table billing_invoiceline drop constraint billing_invoiceline_pkey": "Schlüssel billing_invoiceline_pkey",
    "alter table billing_invoice drop constraint invoice_number_once": "Bedingung invoice_number_once an public.billing",
    "alter table billing_invoice drop constraint invoice_gross_is_sum": "Bedingung invoice_gross_is_sum an public.billing",
    "create unique index nosy on orders_order (id)": "Eindeutigkeit nosy an public.orders_order: gehört nicht",
    "alter table orders_order add constraint nosy exclude (id with =)": "nosy an public.orders_order: gehört",
    "alter table orders_order alter lab_id drop default": "Spalte public.orders_order.lab_id: weicht ab",
    "alter table orders_order enable replica trigger dentatool_stamp": "Trigger dentatool_stamp an public.orders_order: weicht",
    "alter table orders_order alter order_number set statistics 100": "Statistik public.orders_order.order_number: weicht ab",
    "create statistics nosy on number, order_number from orders_order": "Sonderstatistik nosy: gehört nicht",
    # The trail
    "grant update on protection_entry to dentatool_app": "Recht public.protection_entry für dentatool_app: weicht ab",
    "grant update (what) on protection_entry to dentatool_app": "Recht public.protection_entry.what für dentatool_app: gehört",
    "grant delete on protection_entry to dentatool_worker": "Recht public.protection_entry für dentatool_worker: gehört",
    # Rights
    "grant select on protection.pass_secret to dentatool_app": "Recht protection.pass_secret für dentatool_app: gehört",
    "grant select on orders_order to public": "Recht public.orders_order für alle: gehört",
    "grant select on orders_order to dentatool_app with grant option": "für dentatool_app: weicht ab",
    "grant truncate on orders_order to dentatool_app": "Recht public.orders_order für dentatool_app: weicht ab",
    "grant update on orders_order to dentatool_practice": "Recht public.orders_order für dentatool_practice: weicht ab",
    "drop policy practice_select on orders_order": "Zeilenregel practice_select an public.orders_order: fehlt",
    "alter policy practice_select on billing_invoice using (lab_id = (select protection.any_lab()))": "practice_select an",
    "create policy more on team_laboratoryprofile to dentatool_practice using (true)": "more an public.team_laboratoryprofile",
    "grant dentatool_practice to dentatool_backup": "Mitgliedschaft dentatool_backup in dentatool_practice: gehört nicht",
    "revoke execute on function protection.lab() from dentatool_app": "Recht protection.lab() für dentatool_app: fehlt",
    "grant execute on function protection.door_laboratories() to dentatool_app": "door_laboratories() für dentatool_app",
    "grant execute on function protection.verified_pass() to public": "Recht protection.verified_pass() für alle: gehört",
    "grant create on schema public to dentatool_app": "Recht Schema public für dentatool_app: weicht ab",
    "grant usage on schema protection to public": "Recht Schema protection für alle: gehört",
    "grant create on schema protection to dentatool_doors": "Recht Schema protection für dentatool_doors: weicht ab",
    "grant temporary on database dentatool to dentatool_app": "Recht Datenbank für dentatool_app: weicht ab",
    "grant set on parameter session_replication_role to dentatool_app": "Recht Parameter session_replication_role für",
    "alter default privileges for role dentatool_owner grant select on tables to dentatool_app": "Vorgabe für Rechte",
    # Roles
    "alter role dentatool_app bypassrls": "Rolle dentatool_app: weicht ab. Gefunden: login bypassrls",
    "alter role dentatool_app superuser": "Rolle dentatool_app: weicht ab. Gefunden: login superuser",
    "alter role dentatool_owner bypassrls": "Rolle dentatool_owner: weicht ab",
    "alter role dentatool_worker createrole": "Rolle dentatool_worker: weicht ab",
    "alter role dentatool_app replication": "Rolle dentatool_app: weicht ab",
    "alter role dentatool_doors login": "Rolle dentatool_doors: weicht ab",
    "grant dentatool_owner to dentatool_app": "Mitgliedschaft dentatool_app in dentatool_owner: gehört nicht",
    "grant pg_read_all_data to dentatool_app": "Mitgliedschaft dentatool_app in pg_read_all_data: gehört nicht",
    "grant pg_execute_server_program to dentatool_worker": "dentatool_worker in pg_execute_server_program: gehört nicht",
    # Settings
    "alter role dentatool_app set search_path = evil, public": "Einstellung search_path für dentatool_app: gehört nicht",
    "alter database dentatool set search_path = evil": "Einstellung search_path für die Datenbank: gehört nicht",
    "alter role dentatool_app set session_replication_role = replica": "session_replication_role für dentatool_app",
    'alter role dentatool_app set "dentatool.pass" = "x"': "Einstellung dentatool.pass für dentatool_app: gehört nicht",
    "set local session_replication_role = replica": "Einstellung session_replication_role für diese Verbindung",
    # Functions
    "alter function protection.lab() set search_path = public": "Funktion protection.lab(): weicht ab",
    "alter function protection.lab() reset search_path": "Funktion protection.lab(): weicht ab",
    "alter function protection.door_find_accounts(bytea) security invoker": "Funktion protection.door_find_accounts",
    "alter function protection.stamp() security definer": "Funktion protection.stamp(): weicht ab",
    "alter function protection.lab() owner to dentatool_doors": "Funktion protection.lab(): weicht ab",
    "alter function protection.lab() leakproof": "Funktion protection.lab(): weicht ab",
    "alter function protection.lab() immutable": "Funktion protection.lab(): weicht ab",
    """create or replace function protection.lab() returns uuid language plpgsql stable parallel restricted
    security definer set search_path = pg_catalog as $$ begin return (select min(id::text)::uuid
    from public.protection_laboratory); end $$""": "Funktion protection.lab(): weicht ab",
    """create or replace function protection.refuse_change() returns trigger language plpgsql
    set search_path = pg_catalog as $$ begin return new; end $$""": "Funktion protection.refuse_change(): weicht ab",
    """create or replace function protection.audit_rows() returns trigger language plpgsql security definer
    set search_path = pg_catalog set plan_cache_mode = force_generic_plan
    as $$ begin return null; end $$""": "Funktion protection.audit_rows(): weicht ab",
    "create function public.peek() returns setof orders_patient language sql security definer"
    " as 'select * from orders_patient'": "Funktion public.peek(): gehört nicht",
    "create function protection.lab(int) returns uuid language sql as 'select null::uuid'": "Funktion protection.lab(integer)",
    "create function pg_catalog.peek() returns int language sql as 'select 1'": "Funktion pg_catalog.peek(): gehört nicht",
    "drop function protection.lab() cascade": "Funktion protection.lab(): fehlt",
    # Things beside
    "create table public.stolen as select * from orders_patient": "Tabelle public.stolen: gehört nicht",
    "create table orders_child () inherits (orders_patient)": "Tabelle public.orders_child: gehört nicht",
    "create view public.peek as select * from orders_patient": "Tabelle public.peek: gehört nicht",
    "create materialized view public.peek as select * from orders_patient": "Tabelle public.peek: gehört nicht",
    "create schema dentatool_app": "Schema dentatool_app: gehört nicht",
    "create rule peek as on update to orders_patient do instead nothing": "Regel peek an public.orders_patient: gehört",
    "create publication leak for all tables": "Veröffentlichung leak: gehört nicht",
    "create foreign data wrapper w; create server away foreign data wrapper w": "Fremder Server away: gehört nicht",
    "create cast (bytea as uuid) with inout": "Umwandlung bytea nach uuid: gehört nicht",
    "create operator public.=== (leftarg = uuid, rightarg = uuid, function = uuid_eq)": "Operator public.===: gehört nicht",
    """create function public.e() returns event_trigger language plpgsql as 'begin end';
    create event trigger e on ddl_command_end execute function public.e()""": "Ereignistrigger e: gehört nicht",
}


@pytest.fixture
def saboteur(superuser: psycopg.Connection) -> Any:
    """Does something forbidden, and asks the program what it thinks of it; afterwards nothing has happened."""

    def sabotage(statement: str) -> list[str]:
        (name,) = superuser.execute("select current_database()").fetchone()
        with superuser.transaction(force_rollback=True), superuser.cursor() as cursor:
            cursor.execute("set local lock_timeout = '4s'")
            cursor.execute(statement.replace("database dentatool ", f'database "{name}" '))
            return look(cursor)

    return sabotage


def look(cursor: psycopg.Cursor) -> list[str]:
    cursor.execute("set role dentatool_owner")
    told = [str(deviation) for deviation in inspect_database(cursor)]
    cursor.execute("reset role")
    return told


def test_an_untouched_database_is_as_the_program_made_it(saboteur: Any) -> None:
    assert saboteur("select 1") == []


@pytest.mark.parametrize(("statement", "named"), SABOTAGE.items(), ids=[" ".join(s.split())[:70] for s in SABOTAGE])
def test_a_sabotage_is_named(saboteur: Any, statement: str, named: str) -> None:
    assert [told for told in saboteur(statement) if named in told]


def _triggers(superuser: psycopg.Connection) -> list[tuple[str, str]]:
    return superuser.execute(
        "select tgname, tgrelid::regclass::text from pg_trigger where not tgisinternal order by 2, 1"
    ).fetchall()


def test_each_trigger_is_missed_when_it_is_dropped_or_switched_off(
    saboteur: Any, superuser: psycopg.Connection
) -> None:
    triggers = _triggers(superuser)
    assert len(triggers) > 60
    for trigger, table in triggers:
        thing = f"Trigger {trigger} an {table if '.' in table else f'public.{table}'}"
        assert saboteur(f"drop trigger {trigger} on {table}") == [f"{thing}: fehlt."]
        (told,) = saboteur(f"alter table {table} disable trigger {trigger}")
        assert told.startswith(f"{thing}: weicht ab") and "ABGESCHALTET" in told


def test_each_policy_and_each_composite_key_is_missed_when_it_is_dropped(
    saboteur: Any, superuser: psycopg.Connection
) -> None:
    policies = superuser.execute("select polname, polrelid::regclass::text from pg_policy order by 2, 1").fetchall()
    keys = superuser.execute(
        "select conname, conrelid::regclass::text from pg_constraint where contype = 'f' order by 2, 1"
    ).fetchall()
    assert len(policies) > 80 and len(keys) > 15
    for name, table in policies:
        assert saboteur(f"drop policy {name} on {table}") == [f"Zeilenregel {name} an public.{table}: fehlt."]
    for name, table in keys:
        assert saboteur(f"alter table {table} drop constraint {name}") == [
            f"Schlüssel {name} an public.{table}: fehlt."
        ]


def test_switched_off_checks_of_foreign_keys_are_named(saboteur: Any) -> None:
    told = saboteur("alter table orders_order disable trigger all")

    assert [line for line in told if line.startswith("Prüfung des Fremdschlüssels orders_order_patient_id_same_lab")]


def test_a_trigger_that_does_something_else_is_named(saboteur: Any) -> None:
    told = saboteur(
        "create or replace trigger dentatool_frozen before delete on billing_invoice"
        " for each row execute function protection.refuse_change()"
    )

    assert len(told) == 1 and told[0].startswith("Trigger dentatool_frozen an public.billing_invoice: weicht ab")


def _status(what: str) -> tuple[str, str]:
    findings = examine(Path(os.environ["DENTATOOL_VAR"]), production=False)
    (finding,) = [finding for finding in findings if finding.what == what]
    return finding.status, finding.found


def test_the_doctor_turns_red_and_names_the_object(superuser: psycopg.Connection) -> None:
    assert _status("Mandantenschutz")[0] == GOOD
    superuser.execute("alter table orders_position disable trigger dentatool_audit_update")
    try:
        status, found = _status("Mandantenschutz")
    finally:
        superuser.execute("alter table orders_position enable trigger dentatool_audit_update")

    assert status == WRONG and "Trigger dentatool_audit_update an public.orders_position" in found
    assert _status("Mandantenschutz")[0] == GOOD


def _dentatool(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_the_start_refuses_a_database_with_a_door_of_somebody_elses(
    superuser: psycopg.Connection, command: str
) -> None:
    superuser.execute(
        "create function public.peek() returns setof orders_patient language sql security definer"
        " as 'select * from orders_patient'"
    )
    try:
        done = _dentatool(command)
    finally:
        superuser.execute("drop function public.peek()")

    assert done.returncode == 1
    assert "DentaTool startet nicht" in done.stderr
    assert "Funktion public.peek(): gehört nicht zum Programm" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_start_mends_what_is_missing_and_does_not_keep_quiet_about_it(superuser: psycopg.Connection) -> None:
    superuser.execute("drop trigger dentatool_frozen on billing_invoice")

    done = _dentatool("migrate")

    assert done.returncode == 0, done.stderr
    assert "!   Trigger dentatool_frozen an public.billing_invoice: fehlt." in done.stdout
    (facts,) = superuser.execute(
        "select facts from protection_platformevent where event = 'shield_restored' order by at desc limit 1"
    ).fetchone()
    assert facts == {"count": 1, "what": ["Trigger dentatool_frozen an public.billing_invoice: fehlt."]}
    assert "!" not in _dentatool("migrate").stdout
