"""Sealing a laboratory's values anew under its newest keys, in batches, while everybody works; and counting who uses what.

Promise: a value can be opened before, while and after it is sealed anew; nobody waits longer than for the rows of one
batch to be written; what somebody changed meanwhile is theirs, not ours. A killed run has lost at most one batch, which
was then not done; the next run finds the rest by the versions that stand in front of the values.
How it could be broken: by a database owner with the root key, as ever; see resealing.sql for what nobody else can.
Tests that try: tests/protection/vault/test_rotation.py, tests/operations/test_keys_under_load.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from psycopg import sql

from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault.internal.ciphertext import DecryptError, Parts, parse, seal, unseal
from dentatool.protection.vault.internal.columns import SealedTable, is_older, token_in, version_in
from dentatool.protection.vault.internal.keys import KINDS, KeyMissing, key_of_version, newest_key
from dentatool.protection.vault.internal.tokens import new_token

_BEGINNING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Use:
    """So many values name this version of this kind of key: in tables, and in old entries of the trail."""

    kind: str
    version: int
    stored: int
    in_trail: int


@dataclass(slots=True)
class Walk:
    """One walk over all tables: rows sealed anew, values, and rows left alone (somebody was faster, or not readable)."""

    rows: int = 0
    values: int = 0
    passed_over: int = 0
    unreadable: int = 0


def newest_versions(lab_id: UUID) -> dict[str, int]:
    """Of each kind. Needs the laboratory's pass."""
    return {kind: newest_key(lab_id, kind).version for kind in KINDS}


def rows_to_do(lab_id: UUID, tables: Sequence[SealedTable]) -> int:
    """How many rows hold a value under an older key."""
    total = 0
    with laboratory(lab_id):
        newest = newest_versions(lab_id)
        for table in tables:
            question = sql.SQL("select count(*) from {} where lab_id = %s and ({})").format(
                sql.Identifier(table.name), is_older(table, newest)
            )
            total += _ask(question, [lab_id])[0][0]
    return total


def walk(lab_id: UUID, tables: Sequence[SealedTable], done: Callable[[Walk], None] = lambda _: None) -> Walk:
    """Seal anew whatever is under an older key, each batch in a transaction of its own. `done` is called after each."""
    found = Walk()
    for table in tables:
        after: UUID | None = _BEGINNING
        while after is not None:
            with laboratory(lab_id):
                after = _batch(lab_id, table, after, found)
            done(found)
    return found


def _batch(lab_id: UUID, table: SealedTable, after: UUID, found: Walk) -> UUID | None:
    """Up to `table.batch` rows behind `after`; the last of them, or None at the end of the table."""
    newest = newest_versions(lab_id)
    question = sql.SQL("select id, {} from {} where lab_id = %s and id > %s and ({}) order by id limit {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.Identifier(table.name),
        is_older(table, newest),
        sql.Literal(table.batch),
    )
    rows = _ask(question, [lab_id, after])
    if not rows:
        return None
    anew = []
    for row_id, *values in rows:
        becomes = [
            _anew(lab_id, field, row_id, raw, newest, found) for field, raw in zip(table.fields, values, strict=True)
        ]
        if any(value is not None for value in becomes):
            anew.append((row_id, values, becomes))
    if anew:
        _store(table, anew, found)
    return rows[-1][0] if len(rows) == table.batch else None


def _anew(
    lab_id: UUID, field: Any, row_id: UUID, raw: bytes | None, newest: dict[str, int], found: Walk
) -> bytes | None:
    """The same value under the newest keys; None where it is already, or cannot be opened."""
    if not raw:
        return None
    try:
        parts = parse(raw)
        if not _is_behind(parts, field, newest):
            return None
        plain = unseal(key_of_version(lab_id, field.kind, parts.key_version).cipher, parts, field.place, lab_id, row_id)
    except (ValueError, DecryptError, KeyMissing):
        found.unreadable += 1
        return None
    token = parts.token
    if token and token[0] != newest["index"] % 256:
        token = new_token(field.place, field.from_plain(plain))
    key = newest_key(lab_id, field.kind)
    return seal(key.cipher, plain, field.place, lab_id, row_id, key.version, token)


def _is_behind(parts: Parts, field: Any, newest: dict[str, int]) -> bool:
    if parts.key_version != newest[field.kind]:
        return True
    return bool(parts.token) and getattr(field, "search", False) and parts.token[0] != newest["index"] % 256


def _store(
    table: SealedTable, anew: Sequence[tuple[UUID, list[bytes | None], list[bytes | None]]], found: Walk
) -> None:
    ids = [row_id for row_id, _before, _after in anew]
    before, after = [], []
    for n in range(len(table.fields)):  # column by column, as the function takes them
        after += (column := [becomes[n] for _id, _was, becomes in anew])
        before += [was[n] if new is not None else None for (_id, was, _becomes), new in zip(anew, column, strict=True)]
    question = sql.SQL("select protection.reseal(%s, %s, %b, %b, %b)")
    ((rows,),) = _ask(question, [table.name, table.columns, ids, before, after])
    found.rows += rows
    found.passed_over += len(anew) - rows
    found.values += sum(value is not None for value in after) if rows == len(anew) else rows


def uses(lab_id: UUID, tables: Sequence[SealedTable]) -> list[Use]:
    """Every value of every sealed column, and every ciphertext in the trail, by the key that it names. Reads everything.

    The trail's entries are sealed for good and keep what they hold. What stands in them of a column that the program no
    longer knows counts for the data key and for the file key.
    """
    stored: Counter[tuple[str, int]] = Counter()
    trail: Counter[tuple[str, int]] = Counter()
    with laboratory(lab_id):
        for table in tables:
            stored += _stored(lab_id, table)
        kinds = {(table.name, str(field.column)): field.kind for table in tables for field in table.fields}
        for what, column, version, count in _ask(_IN_TRAIL, [lab_id]):
            known = kinds.get((what, column))
            for kind in (known,) if known else ("data", "file"):
                trail[kind, int.from_bytes(version, "big")] += count
    return [Use(*key, stored[key], trail[key]) for key in sorted({*stored, *trail})]


def _stored(lab_id: UUID, table: SealedTable) -> Counter[tuple[str, int]]:
    """What the tokens name is counted by its last byte: more than 256 versions of an index key there will never be."""
    found: Counter[tuple[str, int]] = Counter()
    asked = []
    for field in table.fields:
        column = sql.Identifier(str(field.column))
        asked.append(sql.SQL("({}, {})").format(sql.Literal(field.kind), version_in(column)))
        if getattr(field, "search", False):
            asked.append(sql.SQL("('index', {})").format(token_in(column)))
    question = sql.SQL(
        "select named.kind, named.version, count(*) from {}, lateral (values {}) as named (kind, version)"
        " where lab_id = %s and named.version is not null group by 1, 2"
    ).format(sql.Identifier(table.name), sql.SQL(", ").join(asked))
    for kind, version, count in _ask(question, [lab_id]):
        found[kind, int.from_bytes(version, "big")] += count
    return found


# A bytea column stands in an entry as the text \x… that PostgreSQL makes of it.
_IN_TRAIL = sql.SQL(
    "select what, name, decode(version, 'hex'), count(*) from ("
    " select e.what, pair.key as name, case left(held.text, 4) when '\\x01' then substr(held.text, 5, 8)"
    "  when '\\x02' then substr(held.text, 11, 8) end as version"
    " from protection_entry e, jsonb_each(e.changes) as pair,"
    "  jsonb_array_elements_text(case jsonb_typeof(pair.value) when 'array' then pair.value else '[]' end) as held (text)"
    " where e.lab_id = %s and e.kind = 'row'"
    ") found where version ~ '^[0-9a-f]{8}$' group by 1, 2, 3"
)


def _ask(question: sql.SQL | sql.Composed, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Past Django's cursor: bytes travel as bytes, which is half the time."""
    link: psycopg.Connection[tuple[Any, ...]] = connection.connection
    with psycopg.Cursor(link) as cursor:
        return cursor.execute(question, arguments, binary=True).fetchall()
