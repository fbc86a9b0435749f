"""What an attacker with arbitrary SQL in the app's role tries on PostgreSQL itself."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from harness.database import connect_as

REFUSED = [
    # code of one's own
    "do $$ begin end $$",
    "create function pg_temp.f() returns int language sql as 'select 1'",
    "create function public.f() returns int language plpgsql as 'begin return 1; end'",
    "create procedure public.p() language sql as 'select 1'",
    "create aggregate public.a(int) (sfunc = int4pl, stype = int)",
    "create operator public.=== (leftarg = int, rightarg = int, function = int4eq)",
    "create cast (int as text) with inout",
    "create extension pg_trgm",
    "load 'plpgsql'",
    # things of one's own
    "create table public.t (a int)",
    "create temporary table t (a int)",
    "create schema s",
    "create view public.v as select 1",
    "create publication p",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    # other roles
    "set role dentatool_owner",
    "set role dentatool_doors",
    "set role dentatool_backup",
    "set session authorization dentatool_owner",
    "alter role dentatool_app bypassrls",
    "grant dentatool_owner to dentatool_app",
    "select * from pg_authid",
    "select * from pg_roles",
    "select * from pg_auth_members",
    # other sessions
    "select * from pg_stat_activity",
    "select * from pg_stat_get_activity(null)",
    "select pg_stat_get_backend_activity(1)",
    "select * from pg_locks",
    "select * from pg_prepared_xacts",
    "select pg_terminate_backend(1)",
    "select pg_cancel_backend(1)",
    "select pg_blocking_pids(1)",
    "select pg_export_snapshot()",
    "select pg_current_snapshot()",
    "select txid_current_snapshot()",
    "select pg_xact_status('3')",
    "select txid_status(3)",
    # what the program has prepared on this connection
    "select * from pg_prepared_statements",
    "select * from pg_prepared_statement()",
    # how much others work
    "select * from pg_stat_user_tables",
    "select * from pg_statio_user_tables",
    "select * from pg_stat_database",
    "select pg_relation_size('pg_class')",
    "select pg_total_relation_size('pg_class')",
    "select pg_database_size(current_database())",
    "select pg_current_wal_lsn()",
    "select * from pg_stats",
    "select * from pg_statistic",
    # locks and text as queries
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock(1)",
    "select query_to_xml('select 1', true, true, '')",
    "select ts_stat('select to_tsvector(''x'')')",
    # the machine
    "select pg_read_file('/etc/passwd')",
    "select * from pg_ls_dir('.')",
    "copy (select 1) to program 'id'",
    "copy (select 1) to '/tmp/x'",
    "alter system set log_statement = 'all'",
    "set log_statement = 'all'",
    "set session_preload_libraries = 'x'",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_app_is_refused(server: dict, statement: str) -> None:
    with connect_as(server, "app", autocommit=True) as attacker, pytest.raises(InsufficientPrivilege):
        attacker.execute(statement)


def test_the_superuser_is_not_refused_so_the_statements_above_are_real(superuser_dsn: str) -> None:
    readable = ("pg_stat_activity", "pg_locks", "pg_roles", "pg_stats", "pg_stat_user_tables")

    with psycopg.connect(superuser_dsn) as superuser:
        counts = [superuser.execute(f"select count(*) from {view}").fetchone() for view in readable]

    assert all(count is not None and count[0] >= 0 for count in counts)
    assert len(counts) == len(readable)


def test_the_worker_is_refused_the_same_code_and_roles(server: dict) -> None:
    for statement in REFUSED[:20]:
        with connect_as(server, "worker", autocommit=True) as attacker, pytest.raises(InsufficientPrivilege):
            attacker.execute(statement)


def test_the_owner_can_still_make_functions(server: dict) -> None:
    with connect_as(server, "owner") as owner:
        owner.execute("create function public.f() returns int language plpgsql as 'begin return 7; end'")
        assert owner.execute("select public.f()").fetchone() == (7,)
        owner.rollback()


def test_nobody_but_the_backup_passes_row_level_security_by(superuser_dsn: str) -> None:
    with psycopg.connect(superuser_dsn) as superuser:
        rows = superuser.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin"
            " from pg_roles where rolname ~ '^dentatool_' order by 1"
        ).fetchall()

    assert rows == [
        ("dentatool_app", False, False, False, False, False, True),
        ("dentatool_backup", False, True, False, False, False, True),
        ("dentatool_doors", False, False, False, False, False, False),
        ("dentatool_keys", False, False, False, False, False, False),
        ("dentatool_owner", False, False, False, False, False, True),
        ("dentatool_practice", False, False, False, False, False, False),
        ("dentatool_worker", False, False, False, False, False, True),
    ]


def test_the_backup_writes_nothing(server: dict) -> None:
    with connect_as(server, "backup", autocommit=True) as backup:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            backup.execute("create table public.t (a int)")
        backup.execute("set default_transaction_read_only = off")
        with pytest.raises(InsufficientPrivilege):
            backup.execute("create table public.t (a int)")


def test_the_app_cannot_hold_the_database_for_long(server: dict) -> None:
    with connect_as(server, "app", autocommit=True) as app:
        limits = app.execute(
            "select current_setting('statement_timeout'), current_setting('lock_timeout'),"
            " current_setting('idle_in_transaction_session_timeout')"
        ).fetchone()

    assert limits == ("5s", "4s", "1min")
