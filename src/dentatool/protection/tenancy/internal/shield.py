"""Puts the shield on every table: policies, composite keys, triggers, and grants last.

Run by the owner after each migrate, in one transaction, safe to repeat. It reads the models
and the catalog, so a slice writes nothing of this.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

from dentatool.protection.environment import belonging
from dentatool.protection.tenancy.internal import practice_scope
from dentatool.protection.tenancy.internal.passes import PRACTICE_ROLE, pass_key
from dentatool.protection.tenancy.internal.record import Record

_HERE = Path(__file__).parent
_ACCESS = _HERE.parents[1] / "access" / "internal"
_SQL = (
    _HERE / "sql" / "passes.sql",
    _HERE.parents[1] / "audit" / "internal" / "trail.sql",
    _HERE.parents[1] / "audit" / "internal" / "sealing.sql",
    _HERE.parents[1] / "audit" / "internal" / "errors.sql",
    _ACCESS / "people.sql",
)
_DOORS = _ACCESS / "doors.sql"
_RESEALING = _HERE.parents[1] / "vault" / "internal" / "resealing.sql"
KEYS_ROLE = "dentatool_keys"  # seals stored values anew, and changes no record by it
_NOT_KEYS = f"current_user <> '{KEYS_ROLE}'::name"
_HMAC_BLOCK = 64
_NEW_ROWS = "audit_new_"  # with the table's name: its function for new rows
_NOT_IN_TRAIL = {"id", "lab_id", "created_at", "changed_at", "version"}  # as in audit_rows
_PAIRS = 40  # a function takes at most a hundred arguments
_more_sql: list[str] = []


def also_run(statement: str) -> None:
    """SQL that the program makes from its own tables (who may do what), to be run and inspected with the files."""
    if statement not in _more_sql:
        _more_sql.append(statement)


def sources() -> list[str]:
    """All SQL of the owner's: what is run before the tables are protected."""
    return [*(file.read_text() for file in _SQL), *_more_sql]


def protect_database() -> None:
    """Bring every table under protection. Needs the owner's role; all or nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        for text in sources():
            cursor.execute(text)
        ours = belonging(settings.DENTATOOL_MODE, Path(settings.DENTATOOL_SIGNING_KEY_FILE))
        ours.declare(cursor)
        ours.require(cursor)
        inner, outer = _pads(pass_key())
        cursor.execute(
            "insert into protection.pass_secret as held (inner_pad, outer_pad) values (%s, %s) on conflict (only_row)"
            " do update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad"
            " where held.inner_pad <> excluded.inner_pad returning xmax <> 0",
            [inner, outer],
        )
        if cursor.fetchone() == (True,):
            exchanged = json.dumps({"kind": "pass.key", "result": "ausgetauscht"})
            cursor.execute("select protection.record_platform_event('crypt_key_event', %s)", [exchanged])
        records = [model for model in apps.get_models() if issubclass(model, Record)]
        tables = [model._meta.db_table for model in records]
        cursor.execute(
            "revoke all on all tables in schema public from public, dentatool_app, dentatool_practice, dentatool_doors,"
            f" {KEYS_ROLE}"
        )
        for model in records:
            for statement in _shield_table(model, _constraints_of(cursor, model._meta.db_table)):
                cursor.execute(statement)
        # Foreign keys need every table's composite primary key first.
        for model in records:
            for statement in _tie_to_own_laboratory(model, _constraints_of(cursor, model._meta.db_table)):
                cursor.execute(statement)
        _drop_forgotten(cursor, tables)
        cursor.execute(_DOORS.read_text())
        cursor.execute(_RESEALING.read_text())
        assert not (bare := _unprotected(cursor, tables)), f"without forced row-level security: {bare}"
        for model in records:
            for role, grants in grants_on(model).items():
                cursor.execute(f'grant {", ".join(grants)} on "{model._meta.db_table}" to {role}')
            for statement in grants_to_reseal(model):
                cursor.execute(statement)


def grants_on(model: type[Record]) -> dict[str, tuple[str, ...]]:
    """What each role of the program's own may do with this table."""
    return {"dentatool_app": model.grants, PRACTICE_ROLE: practice_scope.grants_of(model)}


def sealed_columns(model: type[Record]) -> list[str]:
    """The columns of sealed fields, which the vault knows and this layer recognises by their place."""
    return [str(field.column) for field in model._meta.local_concrete_fields if hasattr(field, "place")]


def grants_to_reseal(model: type[Record]) -> Iterator[str]:
    """Of a table with sealed columns these and no others."""
    if columns := sealed_columns(model):
        sealed = ", ".join(f'"{column}"' for column in columns)
        yield f'GRANT SELECT (id, lab_id, {sealed}), UPDATE ({sealed}) ON "{model._meta.db_table}" TO {KEYS_ROLE}'


def _drop_forgotten(cursor: Any, tables: list[str]) -> None:
    """Functions of tables that the program no longer has."""
    cursor.execute(
        "select proname from pg_proc where pronamespace = 'protection'::regnamespace and starts_with(proname, %s)"
        " and not proname = any(%s)",
        [_NEW_ROWS, [f"{_NEW_ROWS}{table}" for table in tables]],
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'drop function protection."{name}"() cascade')


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """The two padded keys of HMAC (RFC 2104), so that the database needs no xor."""
    assert hmac.new(key, b"", hashlib.sha256).block_size == _HMAC_BLOCK
    padded = key.ljust(_HMAC_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)


def _constraints_of(cursor: object, table: str) -> dict[str, str]:
    cursor.execute(  # type: ignore[attr-defined]
        "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass", [table]
    )
    return dict(cursor.fetchall())  # type: ignore[attr-defined]


def _shield_table(model: type[Record], constraints: dict[str, str]) -> Iterator[str]:
    table = model._meta.db_table
    # A primary key on id alone would answer "this id exists" to a foreign laboratory.
    for name, definition in constraints.items():
        if definition == "PRIMARY KEY (id)":
            yield f'alter table "{table}" drop constraint "{name}", add constraint "{name}" primary key (lab_id, id)'
    yield f'alter table "{table}" enable row level security, force row level security'
    yield f'alter table "{table}" alter column lab_id set default protection.lab()'
    # The trail takes entries in every mode and from everyone: what support or a practice does is an entry too.
    yield from _policies(table, write="writing_lab" if "INSERT" in model.grants else "any_lab")
    yield from practice_scope.policies_of(model)
    yield from _hide_statistics(model)
    yield from _triggers(model)


def _policies(table: str, *, write: str) -> Iterator[str]:
    own, own_to_write = "lab_id = (select protection.lab())", f"lab_id = (select protection.{write}())"
    for command, condition in (
        ("select", f"using ({own})"),
        ("insert", f"with check ({own_to_write})"),
        ("update", f"using ({own_to_write}) with check ({own_to_write})"),
        ("delete", f"using ({own_to_write})"),
    ):
        yield f'drop policy if exists own_lab_{command} on "{table}"'
        yield f'create policy own_lab_{command} on "{table}" for {command} {condition}'


def _hide_statistics(model: type[Record]) -> Iterator[str]:
    """EXPLAIN shows what the planner knows: row counts per value. So it may know nothing of values.

    Only keys keep their statistics: ids are random and say nothing.
    """
    quiet = [
        field.column
        for field in model._meta.local_fields
        if field.column and not field.primary_key and not isinstance(field, models.ForeignKey)
    ]
    changes = ", ".join(f'alter column "{column}" set statistics 0' for column in quiet)
    yield f'alter table "{model._meta.db_table}" {changes}'


def _triggers(model: type[Record]) -> Iterator[str]:
    table = model._meta.db_table
    for name in (
        *("guard", "stamp", "stamp_insert", "audit_insert", "audit_update", "audit_delete"),
        *("frozen", "frozen_from_birth", "frozen_truncate"),
    ):
        yield f'drop trigger if exists dentatool_{name} on "{table}"'
    unless_resealed = f"when ({_NOT_KEYS}) " if sealed_columns(model) else ""
    if model.guard:
        yield (
            f'create trigger dentatool_guard before insert or update or delete on "{table}" '
            f"for each row {unless_resealed}execute function protection.{model.guard}()"
        )
    if model.audited:
        skip = ", ".join(f"'{column}'" for column in (*model.audit_skip, *(f"!{name}" for name in model.audit_hide)))
        yield (
            f'create trigger dentatool_stamp before update on "{table}" '
            f"for each row {unless_resealed}execute function protection.stamp()"
        )
        # A new row that took its columns' defaults, at once, has the right stamps already.
        yield (
            f'create trigger dentatool_stamp_insert before insert on "{table}" for each row '
            "when (new.created_at is distinct from statement_timestamp() or "
            "new.changed_at is distinct from statement_timestamp() or new.version is distinct from 1 or "
            "clock_timestamp() > statement_timestamp() + '00:00:01'::interval) execute function protection.stamp()"
        )
        yield trail_of_new_rows(model)
        for action, rows, function in (
            ("insert", "new table as new_rows", f"{_NEW_ROWS}{table}()"),
            ("update", "old table as old_rows new table as new_rows", f"audit_rows({skip})"),
            ("delete", "old table as old_rows", f"audit_rows({skip})"),
        ):
            yield (
                f'create trigger dentatool_audit_{action} after {action} on "{table}" referencing {rows} '
                f"for each statement {unless_resealed if action == 'update' else ''}execute function protection.{function}"
            )
    if model.frozen is not None:
        yield from _frozen(model)


def trail_of_new_rows(model: type[Record]) -> str:
    """The trail's function for new rows of this table: what protection.audit_rows does, with the columns written out.

    There is nothing to compare, so nothing is unfolded from JSON: half the time, and new rows are most of what is written.
    """
    return f"""CREATE OR REPLACE FUNCTION protection.{_NEW_ROWS}{model._meta.db_table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    pass text[] := protection.verified_pass();
BEGIN
    INSERT INTO public.protection_entry
        (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, record_id, action, changes)
    SELECT gen_random_uuid(), pass[1]::uuid, clock_timestamp(), nullif(pass[2], '')::uuid, pass[3], pass[7], pass[6],
           'row', TG_TABLE_NAME, made.id, 'insert', {_first_values(model)}
    FROM new_rows AS made;
    RETURN NULL;
END $$"""  # noqa: S608  (names of models)


def _first_values(model: type[Record]) -> str:
    """SQL for {column: [null, value]} of every column that is not null; a hidden one without its value."""
    parts, documents = [], []
    for field in model._meta.local_concrete_fields:
        column = f'made."{field.column}"'
        pair = (
            """'["geheim", "geheim"]'::jsonb"""
            if field.column in model.audit_hide
            else f"jsonb_build_array(NULL, {column})"
        )
        if field.column in _NOT_IN_TRAIL:
            continue
        if isinstance(field, models.JSONField):  # stripping nulls would reach into it
            documents.append(
                f"CASE WHEN {column} <> 'null' THEN jsonb_build_object('{field.column}', {pair}) ELSE '{{}}' END"
            )
        else:
            parts.append(
                f"'{field.column}', " + (f"CASE WHEN {column} IS NOT NULL THEN {pair} END" if field.null else pair)
            )
    objects = [f"jsonb_build_object({', '.join(parts[n : n + _PAIRS])})" for n in range(0, len(parts), _PAIRS)]
    return " || ".join([f"jsonb_strip_nulls({' || '.join(objects)})", *documents])


def _frozen(model: type[Record]) -> Iterator[str]:
    table, frozen = model._meta.db_table, model.frozen
    has_sealed = bool(sealed_columns(model))
    and_not_resealed = f" and {_NOT_KEYS}" if has_sealed else ""
    unless_resealed = f"when ({_NOT_KEYS}) " if has_sealed else ""
    if frozen.once:
        yield (
            f'create trigger dentatool_frozen before update or delete on "{table}" for each row '
            f'when (old."{frozen.once}" is not null{and_not_resealed}) execute function protection.refuse_change()'
        )
        # Nothing comes into the world issued: it was a draft first, with parts that could be added.
        yield (
            f'create trigger dentatool_frozen_from_birth before insert on "{table}" for each row '
            f'when (new."{frozen.once}" is not null) execute function protection.refuse_change()'
        )
    else:
        field: Any = model._meta.get_field(frozen.by)
        parent = field.related_model
        yield (
            f'create trigger dentatool_frozen before insert or update or delete on "{table}" for each row '
            f"{unless_resealed}execute function protection.refuse_change_of_part("
            f"'{parent._meta.db_table}', '{parent.frozen.once}', '{field.column}')"
        )
    yield (
        f'create trigger dentatool_frozen_truncate before truncate on "{table}" '
        "for each statement execute function protection.refuse_change()"
    )


def _tie_to_own_laboratory(model: type[Record], constraints: dict[str, str]) -> Iterator[str]:
    """Composite foreign keys: PostgreSQL checks them past all policies, so they carry lab_id."""
    table = model._meta.db_table
    for field in model._meta.local_fields:
        if not isinstance(field, models.ForeignKey):
            continue
        name = f"{table}_{field.column}_same_lab"[:63]
        if name not in constraints:
            yield (
                f'alter table "{table}" add constraint "{name}" foreign key (lab_id, "{field.column}") '
                f'references "{field.related_model._meta.db_table}" (lab_id, id)'
            )
        index = f"{name[:54]}_idx"
        if _begins_an_index(model, field.name):
            yield f'drop index if exists "{index}"'
        else:
            yield f'create index if not exists "{index}" on "{table}" (lab_id, "{field.column}")'


def _begins_an_index(model: type[Record], name: str) -> bool:
    """Whether a wider index serves this key too. Side by side, the planner, which may know nothing of the other columns,
    takes the narrower one: for one number it read all patients of the practice.
    """
    uniques = [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]
    return any(
        each.condition is None and tuple(each.fields[:2]) == ("lab_id", name)
        for each in [*model._meta.indexes, *uniques]
    )


def _statements(model: type[Record]) -> Iterator[str]:
    """Everything that makes this model's table safe, as on an empty database. For the blueprint."""
    yield from _shield_table(model, {})
    yield from _tie_to_own_laboratory(model, {})


def _unprotected(cursor: object, tables: list[str]) -> list[str]:
    cursor.execute(  # type: ignore[attr-defined]
        "select relname from pg_class where relname = any(%s) and relkind in ('r', 'p')"
        " and not (relrowsecurity and relforcerowsecurity)",
        [tables],
    )
    return [name for (name,) in cursor.fetchall()]  # type: ignore[attr-defined]
