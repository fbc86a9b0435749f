"""ATK-09: laboratory Bert runs arbitrary SQL in the app's own role. Not a fact about Anna comes out."""

import time
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.apps import apps

from dentatool.practices.models import Practice
from dentatool.protection.tenancy import Record
from dentatool.protection.tenancy.internal.passes import Pass, sign

RECORD_TABLES = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, Record))


@pytest.fixture
def bert_with_sql(app_connection, bert):
    """Bert's open transaction with a valid pass, as an SQL injection would find it."""
    enter(app_connection, bert.lab_id)
    return app_connection


def enter(connection, lab_id, **facts):
    connection.rollback()
    connection.execute(
        "select set_config('dentatool.pass', %s, true)",
        [sign(Pass(lab_id), backend_pid=connection.info.backend_pid, **facts)],
    )


def refused(connection, statement, parameters=None):
    """Run it in a savepoint; the error's SQLSTATE, or None when the database let it happen."""
    try:
        with connection.transaction():
            connection.execute(statement, parameters)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_bert_counts_none_of_annas_rows(table, superuser, bert_with_sql, anna, bert):
    assert superuser.execute(f"select count(*) from {table} where lab_id = %s", [anna.lab_id]).fetchone()[0] >= 0

    assert bert_with_sql.execute(f"select count(*) from {table} where lab_id <> %s", [bert.lab_id]).fetchone() == (0,)
    assert bert_with_sql.execute(f"select count(*) from {table} where lab_id = %s", [anna.lab_id]).fetchone() == (0,)


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_without_a_pass_there_are_no_rows(table, app_connection, anna):
    assert app_connection.execute(f"select count(*) from {table}").fetchone() == (0,)


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_bert_cannot_change_or_delete_annas_rows(table, superuser, bert_with_sql, anna):
    before = superuser.execute(
        f"select count(*), min(xmin::text) from {table} where lab_id = %s", [anna.lab_id]
    ).fetchone()

    for statement in (
        f"update {table} set lab_id = protection.lab() where lab_id = %s",
        f"delete from {table} where lab_id = %s",
    ):
        try:
            with bert_with_sql.transaction():
                assert bert_with_sql.execute(statement, [anna.lab_id]).rowcount == 0
        except psycopg.errors.InsufficientPrivilege:
            pass  # the trail and its like are not even writable

    bert_with_sql.commit()
    after = superuser.execute(
        f"select count(*), min(xmin::text) from {table} where lab_id = %s", [anna.lab_id]
    ).fetchone()
    assert after == before


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_each_table_has_forced_row_security_and_keys_with_the_laboratory(table, superuser):
    secured = superuser.execute(
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = %s::regclass", [table]
    ).fetchone()
    unique_without_lab = superuser.execute(
        "select indexrelid::regclass::text from pg_index i where indrelid = %s::regclass and indisunique and not exists ("
        " select 1 from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey) and a.attname = 'lab_id')",
        [table],
    ).fetchall()
    foreign_keys_without_lab = superuser.execute(
        "select conname from pg_constraint c where conrelid = %s::regclass and contype = 'f' and not exists ("
        " select 1 from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any(c.conkey) and a.attname = 'lab_id')",
        [table],
    ).fetchall()

    assert (secured, unique_without_lab, foreign_keys_without_lab) == ((True, True), [], [])


def test_a_forged_pass_is_refused_and_leaves_its_mark_in_the_log(app_connection, anna, superuser):
    true = sign(Pass(anna.lab_id), backend_pid=app_connection.info.backend_pid)
    forged = true[:-1] + ("0" if true[-1] != "0" else "1")

    app_connection.execute("select set_config('dentatool.pass', %s, true)", [forged])

    with pytest.raises(psycopg.Error) as error:
        app_connection.execute("select count(*) from protection_account")
    assert error.value.sqlstate == "DT001"
    assert any("pass forged" in server_log(superuser) for _try in waiting(seconds=5))


def waiting(seconds):
    """The server's log is written by a process of its own: look again for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.1)


def server_log(superuser):
    """The end of the newest log file; superusers may read any file of the server."""
    (folder,) = superuser.execute("show log_directory").fetchone()
    (name,) = superuser.execute("select name from pg_ls_logdir() order by modification desc limit 1").fetchone()
    return superuser.execute("select pg_read_file(%s)", [f"{folder}/{name}"]).fetchone()[0]


@pytest.mark.parametrize(
    "forgery",
    [
        "{lab}",
        "{lab}||work|9999999999|{pid}|-||",
        "{lab}||work|9999999999|{pid}|-|" + "|" + "0" * 64,
        "|" * 7,
        "x",
        "{lab}|" * 8,
        "ä" * 300,
    ],
)
def test_no_shape_of_forgery_opens_anything(forgery, app_connection, anna):
    text = forgery.format(lab=anna.lab_id, pid=app_connection.info.backend_pid)
    app_connection.execute("select set_config('dentatool.pass', %s, true)", [text])

    with pytest.raises(psycopg.Error) as error:
        app_connection.execute("select count(*) from protection_account")
    assert error.value.sqlstate == "DT001"


def test_a_pass_of_another_connection_is_refused(app_connection, database, anna):
    app_connection.execute(
        "select set_config('dentatool.pass', %s, true)",
        [sign(Pass(anna.lab_id), backend_pid=app_connection.info.backend_pid + 1)],
    )

    with pytest.raises(psycopg.Error) as error:
        app_connection.execute("select count(*) from protection_account")
    assert error.value.sqlstate == "DT002"


def test_an_expired_pass_is_refused(app_connection, anna):
    enter(app_connection, anna.lab_id, expires=time.time() - 1)

    with pytest.raises(psycopg.Error) as error:
        app_connection.execute("select count(*) from protection_account")
    assert error.value.sqlstate == "DT003"


def test_a_pass_signed_by_another_platform_is_refused(app_connection, anna):
    enter(app_connection, anna.lab_id, key=b"another platform's key, 32 bytes")

    with pytest.raises(psycopg.Error) as error:
        app_connection.execute("select count(*) from protection_account")
    assert error.value.sqlstate == "DT001"


def test_a_reading_pass_cannot_write(app_connection, anna):
    app_connection.execute(
        "select set_config('dentatool.pass', %s, true)",
        [sign(Pass(anna.lab_id, mode="support"), backend_pid=app_connection.info.backend_pid)],
    )
    assert app_connection.execute("select count(*) > 0 from protection_account").fetchone() == (True,)

    assert refused(app_connection, "update protection_account set active = false") == "DT004"


@pytest.mark.parametrize(
    "statement",
    [
        "set role dentatool_owner",
        "set role dentatool_doors",
        "set session authorization dentatool_owner",
        "select * from protection.pass_secret",
        "select protection.verified_pass()",
        "select protection.audit_rows()",
        "select protection.audit_new_orders_order()",
        "select * from protection.door_laboratories()",
        "select * from protection.door_due_labs()",
        "create function pg_temp.leak(text) returns bool language sql as 'select true'",
        "create function leak(text) returns bool language plpgsql cost 0.0001 as $$ begin raise notice '%', $1; return true; end $$",
        "do $$ begin perform 1; end $$",
        "create temp table t (a int)",
        "create table t (a int)",
        "create view v as select 1",
        "create schema s",
        "copy (select 1) to program 'true'",
        "copy protection_entry from program 'true'",
        "truncate protection_account",
        "alter table protection_account disable row level security",
        "alter table protection_account no force row level security",
        "drop policy own_lab_select on protection_account",
        "alter role dentatool_app bypassrls",
        "insert into protection_entry (id, lab_id) values (gen_random_uuid(), protection.lab())",
        "select * from pg_stat_activity",
        "select * from pg_stat_get_activity(null)",
        "select * from pg_authid",
        "select pg_read_file('postgresql.conf')",
        "select lo_import('/etc/passwd')",
        "select * from protection_platformevent",
        "select dblink('x')",
    ],
)
def test_the_tools_of_an_attacker_are_not_there(statement, bert_with_sql):
    assert refused(bert_with_sql, statement) is not None


def test_row_security_off_raises_instead_of_showing(bert_with_sql):
    bert_with_sql.execute("set row_security = off")

    assert refused(bert_with_sql, "select * from protection_account") == "42501"


def test_statistics_tell_nothing(bert_with_sql, superuser, anna):
    superuser.execute("analyze")

    assert refused(bert_with_sql, "select * from pg_stats") == "42501"
    assert refused(bert_with_sql, "select * from pg_statistic") == "42501"


@pytest.mark.parametrize("table", RECORD_TABLES)
def test_the_planner_estimates_the_same_for_anna_as_for_nobody(table, bert_with_sql, superuser, anna):
    """EXPLAIN's estimates are made past the policies: they must not know any laboratory."""
    superuser.execute(f"analyze {table}")

    def estimate(lab_id):
        plan = bert_with_sql.execute(
            f"explain (format json) select * from {table} where lab_id = '{lab_id}'"
        ).fetchone()[0]
        return plan[0]["Plan"]["Plan Rows"]

    assert estimate(anna.lab_id) == estimate(uuid4())


def test_the_planner_knows_no_values(superuser):
    """No most-common value or histogram of any column that holds what people typed."""
    superuser.execute("analyze")
    known = superuser.execute(
        "select s.tablename, s.attname from pg_stats s where s.schemaname = 'public' and s.tablename = any(%s)"
        " and (s.most_common_vals is not null or s.histogram_bounds is not null)",
        [RECORD_TABLES],
    ).fetchall()
    keys = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.primary_key or field.many_to_one
    }

    assert set(known) - keys == set()


def test_errors_and_divisions_tell_only_about_own_rows(bert_with_sql, anna, bert):
    """The classic oracle: an error that depends on a foreign row's value."""
    with anna.at_work():
        pass

    oracle = "select count(*) from protection_account where 1 / (case when lab_id = %s then 0 else 1 end) = 1"
    assert refused(bert_with_sql, oracle, [anna.lab_id]) is None
    assert refused(bert_with_sql, oracle, [bert.lab_id]) == "22012"  # its own rows do divide by zero


def test_taking_an_id_of_anna_collides_with_nothing(bert_with_sql, superuser, anna, bert):
    """An insert with Anna's id succeeds just as with a fresh one: the key says nothing."""
    columns = "display_name, sign_in_name, sign_in_key, role, password_hash, active"
    annas = superuser.execute("select id from protection_account where lab_id = %s limit 1", [anna.lab_id]).fetchone()[
        0
    ]

    assert (
        refused(
            bert_with_sql,
            f"insert into protection_account (id, lab_id, {columns}) values (%s, %s, '\\x01', '\\x01', '\\x01', 'reader', '', false)",
            [annas, bert.lab_id],
        )
        is None
    )


def test_annas_sign_in_name_is_free_for_bert(bert_with_sql, superuser, anna, bert):
    key = superuser.execute(
        "select sign_in_key from protection_account where lab_id = %s limit 1", [anna.lab_id]
    ).fetchone()[0]
    columns = "display_name, sign_in_name, sign_in_key, role, password_hash, active"

    assert (
        refused(
            bert_with_sql,
            f"insert into protection_account (id, lab_id, {columns}) values (%s, %s, '\\x01', '\\x01', %s, 'reader', '', false)",
            [uuid4(), bert.lab_id, key],
        )
        is None
    )


def test_foreign_keys_answer_the_same_for_annas_id_as_for_nobodys(bert_with_sql, superuser, anna, bert):
    annas = superuser.execute("select id from protection_account where lab_id = %s limit 1", [anna.lab_id]).fetchone()[
        0
    ]
    insert = (
        "insert into protection_session (id, lab_id, account_id, token_hash, device, origin, started_at, last_action_at,"
        " expires_at, level, method, confirmed_at)"
        " values (gen_random_uuid(), %s, %s, '\\x01', '', '', now(), now(), now(), 'full', 'password', now())"
    )

    assert refused(bert_with_sql, insert, [bert.lab_id, annas]) == "23503"
    assert refused(bert_with_sql, insert, [bert.lab_id, uuid4()]) == "23503"


def test_a_session_under_annas_sessions_id_keeps_hers_alive_no_longer(bert_with_sql, superuser, anna, bert):
    anna.client()
    asked = "select id, last_action_at from protection_session where lab_id = %s"
    superuser.execute(
        "update protection_session set last_action_at = now() - interval '2 minutes' where lab_id = %s", [anna.lab_id]
    )
    ((session, last_action),) = superuser.execute(asked, [anna.lab_id]).fetchall()
    bert_with_sql.execute(
        "insert into protection_session (id, lab_id, account_id, token_hash, device, origin, started_at, last_action_at,"
        " expires_at, level, method, confirmed_at) values (%s, %s, %s, '\\x6265', '', '', now(),"
        " now() - interval '1 minute', now() + interval '1 hour', 'full', '', now())",
        [session, bert.lab_id, bert.owner.id],
    )

    opened = bert_with_sql.execute("select lab_id from protection.door_open_session('\\x6265', true)").fetchall()
    bert_with_sql.commit()

    assert opened == [(bert.lab_id,)]
    assert superuser.execute(asked, [anna.lab_id]).fetchall() == [(session, last_action)]


def test_writing_into_annas_laboratory_is_refused(bert_with_sql, anna):
    insert = (
        "insert into protection_account (id, lab_id, display_name, sign_in_name, sign_in_key, role, password_hash, active)"
        " values (gen_random_uuid(), %s, '', '', '\\x01', 'owner', '', true)"
    )

    assert refused(bert_with_sql, insert, [anna.lab_id]) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "merge into practices_practice p using (select 1) s on p.id = %(id)s when matched then update set name = 'x'",
        "merge into practices_practice p using (select 1) s on p.id = %(id)s when matched then delete",
        "merge into practices_practice p using (select 1) s on p.id = %(id)s when not matched then"
        " insert (id, lab_id, customer_number, name) values (%(id)s, %(lab)s, '1', 'x')",
        "insert into practices_practice (id, lab_id, customer_number, name) values (%(id)s, %(lab)s, '1', 'x')"
        " on conflict do nothing",
        "insert into practices_practice (id, lab_id, customer_number, name) values (%(id)s, %(lab)s, '1', 'x')"
        " on conflict (lab_id, id) do update set name = excluded.name returning old.name",
        "update practices_practice set name = 'x' where id = %(id)s returning old.*, new.*",
        "delete from practices_practice where id = %(id)s returning old.*",
        "select * from practices_practice where id = %(id)s for update",
        "select * from practices_practice tablesample system (100) where id = %(id)s",
        "select * from practices_practice where ctid = any (array(select format('(0,%%s)', n)::tid from generate_series(1, 200) n))"
        " and id = %(id)s",
        "explain (analyze, format json) select * from practices_practice where id = %(id)s",
    ],
)
def test_each_way_to_reach_one_row_answers_for_annas_as_for_nobodys(statement, bert_with_sql, anna, bert):
    with anna.at_work():
        practice = Practice.objects.create(name="Praxis der Anna", customer_number="1")

    def answer(**who):
        try:
            with bert_with_sql.transaction():
                done = bert_with_sql.execute(statement, who)
                rows = done.fetchall() if done.description else []
                return [rows[0][0][0]["Plan"]["Actual Rows"]] if "explain" in statement else [done.rowcount, rows]
        except psycopg.Error as error:
            return [error.sqlstate]

    assert answer(id=practice.pk, lab=anna.lab_id) == answer(id=uuid4(), lab=uuid4())
    bert_with_sql.commit()
    with anna.at_work():
        assert Practice.objects.get(pk=practice.pk).name == "Praxis der Anna"


def test_the_only_definer_functions_are_the_known_ones_with_a_fixed_search_path(superuser):
    found = superuser.execute(
        "select p.proname, r.rolname, coalesce(array_to_string(p.proconfig, ','), '') from pg_proc p"
        " join pg_namespace n on n.oid = p.pronamespace join pg_roles r on r.oid = p.proowner"
        " where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') order by 1"
    ).fetchall()

    # One for each table, made by the shield; the inspection knows every letter of them.
    new_rows = [(name, *rest) for name, *rest in found if name.startswith("audit_new_")]
    audited = {model._meta.db_table for model in apps.get_models() if issubclass(model, Record) and model.audited}
    assert {name for name, *_ in new_rows} >= {f"audit_new_{table}" for table in audited}
    assert {tuple(rest) for _, *rest in new_rows} == {
        ("dentatool_owner", "search_path=pg_catalog,plan_cache_mode=force_generic_plan")
    }
    by_index = "enable_seqscan=off,enable_bitmapscan=off,enable_hashjoin=off,enable_mergejoin=off,enable_material=off"
    assert [each for each in found if each not in new_rows] == [
        ("any_lab", "dentatool_owner", "search_path=pg_catalog"),
        ("audit_rows", "dentatool_owner", "search_path=pg_catalog,plan_cache_mode=force_generic_plan"),
        ("door_ask_reset", "dentatool_doors", "search_path=pg_catalog"),
        ("door_count_attempts", "dentatool_doors", "search_path=pg_catalog"),
        ("door_count_events", "dentatool_doors", f"search_path=pg_catalog,{by_index}"),
        ("door_dead_session", "dentatool_doors", "search_path=pg_catalog"),
        ("door_due_labs", "dentatool_doors", "search_path=pg_catalog"),
        ("door_every_laboratory", "dentatool_doors", "search_path=pg_catalog"),
        ("door_find_accounts", "dentatool_doors", "search_path=pg_catalog"),
        ("door_find_link", "dentatool_doors", "search_path=pg_catalog"),
        ("door_find_passkey", "dentatool_doors", "search_path=pg_catalog"),
        ("door_find_token", "dentatool_doors", "search_path=pg_catalog"),
        ("door_give_back_attempts", "dentatool_doors", "search_path=pg_catalog"),
        ("door_laboratories", "dentatool_doors", "search_path=pg_catalog"),
        ("door_note_refusal", "dentatool_doors", "search_path=pg_catalog"),
        ("door_open_session", "dentatool_doors", "search_path=pg_catalog"),
        ("door_still_good", "dentatool_doors", "search_path=pg_catalog"),
        ("door_take_reset_requests", "dentatool_doors", "search_path=pg_catalog"),
        ("door_tally", "dentatool_doors", "search_path=pg_catalog"),
        ("door_unsealed_trails", "dentatool_doors", f"search_path=pg_catalog,{by_index}"),
        ("expire_entries", "dentatool_owner", "search_path=pg_catalog"),
        ("expire_platform_events", "dentatool_owner", "search_path=pg_catalog"),
        ("keep_checkpoint", "dentatool_owner", "search_path=pg_catalog"),
        ("lab", "dentatool_owner", "search_path=pg_catalog"),
        ("note_error", "dentatool_owner", "search_path=pg_catalog"),
        ("own_lab", "dentatool_owner", "search_path=pg_catalog"),
        ("person", "dentatool_owner", "search_path=pg_catalog"),
        ("practice", "dentatool_owner", "search_path=pg_catalog"),
        ("record_event", "dentatool_owner", "search_path=pg_catalog"),
        ("record_platform_event", "dentatool_owner", "search_path=pg_catalog"),
        ("reseal", "dentatool_keys", f"search_path=pg_catalog,{by_index}".removesuffix(",enable_material=off")),
        ("seal_entries", "dentatool_owner", f"search_path=pg_catalog,{by_index}"),
        ("thin_checkpoints", "dentatool_owner", "search_path=pg_catalog"),
        ("verified_pass", "dentatool_owner", "search_path=pg_catalog"),
        ("writing_lab", "dentatool_owner", "search_path=pg_catalog"),
    ]


def test_what_bert_sets_on_the_connection_never_reaches_anna(anna, bert):
    """A poisoned pooled connection: settings survive the request only until the next one begins."""
    from django.db import connection

    with bert.at_work(), connection.cursor() as cursor:
        cursor.execute("set row_security = off; set search_path = pg_catalog; set default_transaction_read_only = on")

    with anna.at_work(), connection.cursor() as cursor:
        cursor.execute("select current_setting('row_security'), current_setting('search_path')")
        assert cursor.fetchone() == ("on", '"$user", public')
        cursor.execute("update protection_account set active = active")
        assert cursor.rowcount > 0


def test_copying_a_table_out_copies_own_rows_only(bert_with_sql, anna, bert):
    with bert_with_sql.cursor().copy("copy (select lab_id from protection_account) to stdout") as rows:
        copied = {bytes(row).decode().strip() for row in rows}

    assert copied == {str(bert.lab_id)}


@pytest.mark.parametrize("stamps", ["now()", "clock_timestamp()", "statement_timestamp()", "'2020-01-01'", "null"])
def test_a_new_row_has_the_stamps_of_its_own_moment_whatever_it_claims(stamps, bert_with_sql, bert):
    created, changed, version = bert_with_sql.execute(
        "insert into orders_ordercounter (id, lab_id, created_at, changed_at, version, year, last)"
        f" values (gen_random_uuid(), %s, {stamps}, {stamps}, 7, 2031, 0)"
        " returning created_at - statement_timestamp(), changed_at - statement_timestamp(), version",
        [bert.lab_id],
    ).fetchone()

    assert version == 1
    assert timedelta(0) <= created == changed < timedelta(seconds=1)


def test_a_statement_that_waits_gives_its_rows_no_older_stamps(bert_with_sql, bert):
    (late,) = bert_with_sql.execute(
        "insert into orders_ordercounter (id, lab_id, year, last)"
        " select gen_random_uuid(), %s, 2031, 0 from pg_sleep(1.2) returning created_at - statement_timestamp()",
        [bert.lab_id],
    ).fetchone()

    assert late >= timedelta(seconds=1)
