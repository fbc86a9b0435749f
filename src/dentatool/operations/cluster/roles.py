"""The seven database roles and the database, made or mended at every start. Safe to repeat.

dentatool_owner   owns the tables and runs migrations; row-level security binds it too (forced)
dentatool_app     the web server: owns nothing, may create nothing, sees rows only with a pass
dentatool_worker  background jobs: the app plus the worker's doors
dentatool_practice  nobody signs in as it; the app becomes it for a customer's people, who see their own practice only
dentatool_doors   nobody signs in as it; owns the few SECURITY DEFINER functions
dentatool_keys    nobody signs in as it; owns the one function that seals stored values anew
dentatool_backup  reads everything, writes nothing; the only one that passes the policies by
"""

from typing import Any

import psycopg
from psycopg import sql

from dentatool.operations.cluster.hardening import harden
from dentatool.protection.environment import Belonging, Elsewhere

OLDEST_VERSION = 150000
_ONE_AT_A_TIME = 0x64656E7461  # two starts at once would trip over each other's roles
_PLAIN = "NOCREATEDB NOCREATEROLE INHERIT"
# Else, before PostgreSQL 16, the policies for the people of practices would count for everybody.
_NOTHING_INHERITED = "NOCREATEDB NOCREATEROLE NOINHERIT"
_ATTRIBUTES = {
    "owner": f"LOGIN {_PLAIN}",
    "app": f"LOGIN {_NOTHING_INHERITED} CONNECTION LIMIT 60",
    "worker": f"LOGIN {_PLAIN} CONNECTION LIMIT 10",
    "backup": f"LOGIN {_PLAIN} CONNECTION LIMIT 4",
}
# Only a superuser may even say these; a new role has none of them anyway.
_POWERS = "NOSUPERUSER NOREPLICATION"
_SETTINGS = {
    "owner": {"lock_timeout": "4s", "idle_in_transaction_session_timeout": "60s"},
    "app": {"statement_timeout": "5s", "lock_timeout": "4s", "idle_in_transaction_session_timeout": "60s"},
    "worker": {"statement_timeout": "60s", "lock_timeout": "4s", "idle_in_transaction_session_timeout": "60s"},
    "backup": {"default_transaction_read_only": "on"},
}


class Unfit(RuntimeError):
    """The server or database that DATABASE_URL names cannot be used; the message says why in German."""


def ensure_roles(superuser_dsn: str, database: dict[str, Any], ours: Belonging, *, adopt: bool = False) -> bool:
    """Roles, database and rights as described above, with the passwords of database.json.

    Raises Elsewhere, with nothing touched, when the database is another environment's or (unless it is to be adopted)
    database or roles are another installation's: whoever sets its roles' passwords ends its service.
    `superuser_dsn` may also be a role with CREATEROLE and CREATEDB on a server that others run.
    Returns whether the hardening of system functions took place, which needs a real superuser.
    """
    name = database["name"]
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        if (version := connection.info.server_version) < OLDEST_VERSION:
            raise Unfit(
                f"Der Server ist PostgreSQL {version // 10000}; nötig ist {OLDEST_VERSION // 10000} oder neuer."
            )
        connection.execute("select pg_advisory_lock(%s)", [_ONE_AT_A_TIME])  # until this connection ends
        if not adopt:
            _require_own_roles(connection, ours)
        superuser = _exists(connection, "select 1 from pg_roles where rolname = current_user and rolsuper = %s", "on")
        if is_there := _exists(connection, "select 1 from pg_database where datname = %s", name):
            _require_ours(superuser_dsn, name, ours, adopt=adopt)
        _ensure_login_roles(connection, database["roles"])
        for makers in ("dentatool_doors", "dentatool_keys"):
            _ensure_makers(connection, makers)
        _ensure_practice(connection)
        _limit_powers(connection, as_superuser=superuser)
        connection.execute(sql.SQL("comment on role dentatool_owner is {}").format(sql.Literal(_belongs_to(ours))))
        if not superuser:  # they can only give a database to a role that they may become
            connection.execute("grant dentatool_owner to current_user")
        if not is_there:
            _make_database(connection, name)
        connection.execute(sql.SQL("alter database {} owner to dentatool_owner").format(sql.Identifier(name)))
        with psycopg.connect(superuser_dsn, dbname=name, autocommit=True) as inside, inside.transaction():
            _grant(inside, name)
            if superuser:
                harden(inside)
    return superuser


def _ensure_login_roles(connection: psycopg.Connection, roles: dict[str, dict[str, str]]) -> None:
    for key, login in roles.items():
        role = sql.Identifier(login["user"])
        if not _exists(connection, "select 1 from pg_roles where rolname = %s", login["user"]):
            connection.execute(sql.SQL("create role {}").format(role))
        # SCRAM verifier made here: the password itself never travels nor reaches a log.
        verifier = connection.pgconn.encrypt_password(
            login["password"].encode(), login["user"].encode(), b"scram-sha-256"
        )
        attributes = sql.SQL(_ATTRIBUTES[key])  # type: ignore[arg-type]
        connection.execute(
            sql.SQL("alter role {} with {} password {}").format(role, attributes, sql.Literal(verifier.decode()))
        )
        # A role may change its own defaults, for every later connection: what it set is not kept.
        connection.execute(sql.SQL("alter role {} reset all").format(role))
        for setting, value in _SETTINGS[key].items():
            connection.execute(
                sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
            )
    _make_member(connection, "dentatool_app", "dentatool_worker", "inherit true, set false")


def _ensure_makers(connection: psycopg.Connection, name: str) -> None:
    """A role that owns functions and is nobody's."""
    if not _exists(connection, "select 1 from pg_roles where rolname = %s", name):
        connection.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("alter role {} with NOLOGIN {}").format(sql.Identifier(name), sql.SQL(_PLAIN)))
    # SET, not INHERIT: the owner can give functions to it but gains none of its rights.
    _make_member(connection, name, "dentatool_owner", "inherit false, set true")


def _ensure_practice(connection: psycopg.Connection) -> None:
    if not _exists(connection, "select 1 from pg_roles where rolname = %s", "dentatool_practice"):
        connection.execute("create role dentatool_practice")
    connection.execute(sql.SQL("alter role dentatool_practice with NOLOGIN {}").format(sql.SQL(_PLAIN)))
    _make_member(connection, "dentatool_practice", "dentatool_app", "inherit false, set true")


def _limit_powers(connection: psycopg.Connection, *, as_superuser: bool) -> None:
    """Who passes row-level security by: the backup alone, and only a superuser can allow it.

    Without one the backup reads nothing it may not; the doctor says so.
    """
    if as_superuser:
        for role in ("owner", "app", "worker", "practice", "doors", "keys", "backup"):
            passing = "BYPASSRLS" if role == "backup" else "NOBYPASSRLS"
            connection.execute(sql.SQL(f"alter role dentatool_{role} with {_POWERS} {passing}"))  # type: ignore[arg-type]
        for group in (
            "pg_read_all_data",
            "pg_read_all_stats",
        ):  # rows for the backup, the state of all sessions to measure
            _make_member(connection, group, "dentatool_backup", "inherit true, set false")


def _make_member(connection: psycopg.Connection, group: str, member: str, how: str) -> None:
    """PostgreSQL 15 cannot tell using a role's rights from becoming it: there it is both."""
    finer = f" with {how}" if connection.info.server_version >= 160000 else ""
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(member)) + sql.SQL(finer))  # type: ignore[arg-type]


def _belongs_to(ours: Belonging) -> str:
    return f"DentaTool {ours.environment} {ours.installation}"


def _require_own_roles(connection: psycopg.Connection, ours: Belonging) -> None:
    """Roles belong to the whole server: another installation may use them for a database of another name."""
    row = connection.execute(
        "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = 'dentatool_owner'"
    ).fetchone()
    if row and row[0] and row[0] != _belongs_to(ours):
        raise Elsewhere(
            "Die Rollen dentatool_… auf diesem Server gehören zu einer anderen DentaTool-Installation\n"
            f"  ({row[0][:32]}…); sie wurden nicht angerührt. Nehmen Sie einen eigenen Server für jede Installation.\n"
            "  Sind die Schlüssel jener Installation endgültig verloren: dentatool run --adopt"
        )


def _require_ours(superuser_dsn: str, name: str, ours: Belonging, *, adopt: bool) -> None:
    """A database with tables, and none of them ours, belongs to somebody: nothing in it is touched."""
    with psycopg.connect(superuser_dsn, dbname=name) as connection:
        is_protected = _exists(connection, "select 1 from pg_namespace where nspname = %s", "protection")
        if is_protected and adopt:
            ours.adopt(connection.cursor())
        elif is_protected:
            ours.require(connection.cursor())
        elif _exists(connection, "select 1 from pg_tables where schemaname = %s limit 1", "public"):
            raise Unfit(
                f"Die Datenbank {name} enthält schon Tabellen eines anderen Programms; sie wurde nicht angerührt.\n"
                "  Nennen Sie in DATABASE_URL eine leere Datenbank, oder postgres: Dann legt DentaTool eine eigene an.\n"
                "  (The database holds tables of another program.)"
            )


def _make_database(connection: psycopg.Connection, name: str) -> None:
    made = "create database {} owner dentatool_owner template template0 encoding 'UTF8' locale 'C'"
    if connection.info.server_version >= 170000:  # the same order by code point, and umlauts have upper case
        made += " locale_provider builtin builtin_locale 'C.UTF-8'"
    connection.execute(sql.SQL(made).format(sql.Identifier(name)))  # type: ignore[arg-type]


def _grant(connection: psycopg.Connection, name: str) -> None:
    """Nobody may anything; then each role what it needs. Tables are granted by the shield, last."""
    database = sql.Identifier(name)
    for statement in (
        sql.SQL("revoke all on database {} from public").format(database),
        sql.SQL(
            "revoke all on database {} from dentatool_app, dentatool_worker, dentatool_practice, dentatool_doors,"
            " dentatool_keys"
        ).format(database),
        sql.SQL("grant connect on database {} to dentatool_app, dentatool_worker, dentatool_backup").format(database),
        sql.SQL("revoke all on schema public from public"),
        sql.SQL("alter schema public owner to dentatool_owner"),
        sql.SQL(
            "revoke all on schema public from dentatool_app, dentatool_worker, dentatool_practice, dentatool_doors,"
            " dentatool_keys"
        ),
        sql.SQL(
            "grant usage on schema public to dentatool_app, dentatool_practice, dentatool_doors, dentatool_keys,"
            " dentatool_backup"
        ),
    ):
        connection.execute(statement)
    for role in ("owner", "app", "worker", "backup"):
        connection.execute(sql.SQL(f"alter role dentatool_{role} in database {{}} reset all").format(database))  # type: ignore[arg-type]


def _exists(connection: psycopg.Connection, question: str, value: str) -> bool:
    return connection.execute(question, [value]).fetchone() is not None
