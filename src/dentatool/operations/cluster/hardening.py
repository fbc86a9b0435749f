"""What PostgreSQL allows everyone by default and our roles do not need, each with the reason.

Row-level security protects rows. An attacker with arbitrary SQL in the app's role could still
watch other sessions, measure how much others work, stop them, or keep things outside of all
tables. This list closes that. It needs a superuser and is safe to repeat; tests/operations/cluster
tries every door as the app.

What cannot be closed and is known: LISTEN/NOTIFY has no privilege (so DentaTool sends nothing by
it), the planner's estimate of a table's size and the number of a transaction (the whole platform's,
never one laboratory's), SET of session settings (each transaction begins with RESET ALL), locks on
whole tables, and a role's right to change its own password and defaults (both can stop the service
for all and tell nothing; the next start sets them right).
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

# Roles that keep what everyone else loses: they make functions.
_MAY_CREATE_CODE = ("dentatool_owner", "dentatool_doors", "dentatool_keys")
_LANGUAGES = ("plpgsql", "sql")


@dataclass(frozen=True, slots=True)
class Closed:
    """Names in pg_catalog (regular expressions over the whole name) that PUBLIC loses, and why."""

    reason: str
    functions: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()


CLOSED = (
    Closed(
        "Other sessions: who is signed in, from where, since when, doing what.",
        functions=("pg_stat_get_.*", "pg_stat_have_stats", "pg_blocking_pids", "pg_safe_snapshot_blocking_pids"),
        relations=("pg_stat_.*", "pg_statio_.*"),
        except_for=("dentatool_backup",),  # which measures, too; it reads every row anyway
    ),
    Closed(
        "Locks tell which rows and advisory keys other laboratories are working on.",
        functions=("pg_lock_status", "pg_isolation_test_session_is_blocked", "pg_get_multixact_members"),
        relations=("pg_locks",),
    ),
    Closed(
        "Names of prepared statements: who knows one can have the program ask something else in its place.",
        functions=("pg_prepared_statement",),
        relations=("pg_prepared_statements",),
    ),
    Closed(
        "Which transactions of others are running or ended how.",
        functions=("(pg|txid)_current_snapshot", "pg_xact_status", "txid_status"),
        except_for=("dentatool_worker",),  # which transactions may still add to the trail, before it is sealed
    ),
    Closed(
        "Prepared transactions, replication and snapshots of others.",
        functions=("pg_prepared_xact", "pg_get_replication_slots", "pg_export_snapshot", "pg_get_publication_tables"),
        relations=("pg_prepared_xacts", "pg_replication_slots", "pg_replication_origin_status"),
        except_for=("dentatool_backup",),  # pg_dump shares its snapshot among parallel workers
    ),
    Closed(
        "A role may cancel and end sessions of the same role: every laboratory's, since all share the app's.",
        functions=("pg_cancel_backend", "pg_terminate_backend"),
    ),
    Closed(
        "Sizes and write positions, asked every second, tell how much others work.",
        functions=(
            "pg_(relation|total_relation|table|indexes|database|tablespace)_size",
            "pg_current_wal_.*",
            "pg_walfile_.*",
            "pg_control_.*",
            "pg_last_committed_xact",
            "pg_xact_commit_timestamp.*",
            "pg_relation_file.*",
            "pg_filenode_relation",
            "pg_tablespace_(databases|location)",
        ),
        except_for=("dentatool_backup",),  # which measures
    ),
    Closed(
        "Large objects know no laboratory: a place outside of all tables to keep or exchange things.",
        functions=("lo_.*", "loread", "lowrite"),
        relations=("pg_largeobject_metadata",),
        except_for=("dentatool_backup",),  # pg_dump asks whether there are any
    ),
    Closed(
        "What the planner knows of values: row-level security hides it, and this hides it once more.",
        relations=("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"),
        except_for=("dentatool_backup",),
    ),
    Closed(
        "Writes to the log of changes past all tables.",
        functions=("pg_logical_emit_message",),
    ),
    Closed(
        "Advisory locks can be held against, and probed for, other laboratories.",
        functions=("pg_(try_)?advisory_.*",),
        except_for=("dentatool_owner", "dentatool_worker"),  # one migration, one nightly job at a time
    ),
    Closed(
        "Runs a query given as text: a way round the program's own checks that nothing of ours uses.",
        functions=("(query|table|cursor|schema|database)_to_xml.*", "ts_stat"),
    ),
    Closed(
        "Other roles, their memberships and settings: a map for the attacker.",
        relations=("pg_roles", "pg_user", "pg_group", "pg_auth_members", "pg_db_role_setting", "pg_user_mappings"),
        except_for=("dentatool_backup", "dentatool_owner"),  # pg_dump names owners; migrations may look
    ),
)


def harden(connection: psycopg.Connection) -> None:
    """Close everything on the list in the connected database. Needs a superuser."""
    for closed in CLOSED:
        for kind, names in (("function", closed.functions), ("table", closed.relations)):
            for target in _open_to_all(connection, kind, names):
                connection.execute(sql.SQL("revoke all on {} {} from public").format(sql.SQL(kind), target))  # type: ignore[arg-type]
            # Each time, and not only when it is closed: a role may be excepted later.
            right = "execute" if kind == "function" else "select"
            for role in closed.except_for:
                for target in _lacking(connection, kind, names, role, right):
                    grant = sql.SQL("grant {} on {} {} to {}")
                    parts = (sql.SQL(right), sql.SQL(kind), target, sql.Identifier(role))  # type: ignore[arg-type]
                    connection.execute(grant.format(*parts))
    # Without a language there are no functions of the attacker's own and no DO blocks.
    for language in map(sql.Identifier, _LANGUAGES):
        connection.execute(sql.SQL("revoke all on language {} from public").format(language))
        for maker in map(sql.Identifier, _MAY_CREATE_CODE):
            connection.execute(sql.SQL("grant usage on language {} to {}").format(language, maker))


def what_is_open(connection: psycopg.Connection) -> list[str]:
    """What on the list everyone may still use in the connected database; empty after `harden`."""
    found = [
        target.as_string(connection)
        for closed in CLOSED
        for kind, names in (("function", closed.functions), ("table", closed.relations))
        for target in _open_to_all(connection, kind, names)
    ]
    rows = connection.execute(
        "select lanname from pg_language where lanname = any(%s) and has_language_privilege('public', oid, 'USAGE')",
        [list(_LANGUAGES)],
    ).fetchall()
    return found + [f"language {name}" for (name,) in rows]


_FUNCTIONS = """
    select oid::regprocedure::text from pg_catalog.pg_proc
    where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s
      and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0))
"""
_RELATIONS = """
    select oid::regclass::text from pg_catalog.pg_class
    where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v') and relname ~ %s
      and exists (select from aclexplode(relacl) where grantee = 0)
"""


def _lacking(connection: psycopg.Connection, kind: str, names: tuple[str, ...], role: str, right: str) -> list[sql.SQL]:
    """What on the list a role that is excepted may not use yet."""
    if not names:
        return []
    rows = connection.execute(
        "select oid::regprocedure::text from pg_catalog.pg_proc"
        " where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s and not has_function_privilege(%s, oid, %s)"
        if kind == "function"
        else "select oid::regclass::text from pg_catalog.pg_class where relnamespace = 'pg_catalog'::regnamespace"
        " and relkind in ('r', 'v') and relname ~ %s and not has_table_privilege(%s, oid, %s)",
        [f"^({'|'.join(names)})$", role, right],
    ).fetchall()
    return [sql.SQL(name) for (name,) in rows]  # type: ignore[arg-type]


def _open_to_all(connection: psycopg.Connection, kind: str, names: tuple[str, ...]) -> list[sql.SQL]:
    """What on the list PUBLIC may still use; PostgreSQL itself quotes the names."""
    if not names:
        return []
    pattern = f"^({'|'.join(names)})$"
    rows = connection.execute(_FUNCTIONS if kind == "function" else _RELATIONS, [pattern]).fetchall()
    return [sql.SQL(name) for (name,) in rows]  # type: ignore[arg-type]
