"""Search over sealed names: opened and matched in the process; the database holds nothing to search but a token.

The folded names of a laboratory stay in memory for at most five minutes without use. Every search asks the
database what changed since; every hit is checked against its row once more before it is given out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from dentatool.protection.tenancy import Record, current
from dentatool.protection.vault.internal.ciphertext import DecryptError
from dentatool.protection.vault.internal.keys import newest_key
from dentatool.protection.vault.internal.name_cache import Known, NameCache
from dentatool.protection.vault.internal.names import FoldedNames, same_name
from dentatool.protection.vault.internal.questions import SealedFieldError
from dentatool.protection.vault.internal.tokens import stored_ranges

if TYPE_CHECKING:
    from dentatool.protection.vault.internal.fields import SealedText

log = logging.getLogger("dentatool.vault")
# A change becomes visible when its transaction ends, with the time at which it was made. Requests end within
# five seconds; what takes longer is found when everything is compared again, after FULL_COMPARISON_S.
_OVERLAP: Final = "10 seconds"
_cache = NameCache()


def find_sealed(
    model: type[Record],
    name: str,
    query: str,
    *,
    limit: int = 50,
    where: Q | None = None,
    whole: bool = False,
    also: str = "",
    **same: Any,
) -> list[UUID]:
    """Ids of this laboratory's rows whose sealed value matches, best first.

    Whole name, beginning, beginnings of words in any order, fragment, one misspelling (from four letters on);
    case, accents, hyphens and the spelling of umlauts do not count. `where` narrows by columns that are not
    sealed, `practice_id=…` to rows that hold exactly this. `whole=True` asks for the whole name alone, through the token
    index: it opens some 160 names of the rows with the `same` instead of all, which suits "is this patient known
    already?". Else `also` may name a column that is not sealed: rows that hold there what was typed, to the letter, are
    found too, and first. Needs a pass; raises FieldError for a field without search, or a sealed one for `also`.
    """
    field: Any = model._meta.get_field(name)
    if not getattr(field, "search", False):
        raise SealedFieldError(f"{model._meta.label}.{name} hat keine Suche (search=True).")
    if limit < 1 or not query.strip():
        return []
    if same and not whole:
        where = Q(**same) & (where or Q())
    allowed = None
    if where is not None:
        allowed = {pk.bytes for pk in model._default_manager.filter(where).values_list("pk", flat=True)}
        if not allowed:
            return []
    if whole:
        columns: dict[Any, Any] = {getattr(model._meta.get_field(key), "column", key): same[key] for key in same}
        return _whole_names(field, query, limit, allowed, columns)
    return _matching(field, query, limit, allowed, _open_column(model, also) if also else "")


def _open_column(model: type[Record], name: str) -> str:
    field: Any = model._meta.get_field(name)
    if hasattr(field, "place"):
        raise SealedFieldError(f"{model._meta.label}.{name} ist geschützt und lässt sich nicht wörtlich vergleichen.")
    return str(field.column)


def _matching(field: SealedText, query: str, limit: int, allowed: set[bytes] | None, also: str) -> list[UUID]:
    names, holders = _names_now(field, also, query, limit)
    hits = names.search(query, limit, allowed)
    stale = _stale(field, names, hits)
    if stale:  # removed, or changed by a long transaction: the second look is with every row compared
        _cache.distrust(_key(field))
        names, holders = _names_now(field, also, query, limit)
        hits = names.search(query, limit, allowed)
        stale = _stale(field, names, hits)
    first = [row_id for row_id in holders if allowed is None or row_id in allowed]
    found = dict.fromkeys([*first, *(hit for hit in hits if hit not in stale)])
    return [UUID(bytes=row_id) for row_id in list(found)[:limit]]


def _whole_names(
    field: SealedText, query: str, limit: int, allowed: set[bytes] | None, same: dict[str, Any]
) -> list[UUID]:
    found = []
    for row_id, _version, name in _plain(field, _of_token(field, query, same)):
        if same_name(name, query) and (allowed is None or row_id in allowed):
            found.append((name.casefold() != query.casefold(), name, row_id))
    return [UUID(bytes=row_id) for _rank, _name, row_id in sorted(found)[:limit]]


def _key(field: SealedText) -> tuple[UUID, str]:
    """Whose names these are: the people of a practice see fewer, and must not learn from what others loaded."""
    held = current()
    return held.lab_id, f"{field.place}|{held.practice_id or ''}"


def _of_token(field: SealedText, query: str, same: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows that may hold the name, under any index key in use. The answer says which keys are: guessed wrong, asked again."""
    guess: list[int] = []
    in_use = [newest_key(current().lab_id, "index").version]
    while in_use and in_use != guess:
        guess = in_use
        ranges = list(stored_ranges(field.place, query, guess))
        among = " or ".join(["({column} >= %s and {column} < %s)"] * len(ranges))
        beside = "".join(f" and {connection.ops.quote_name(column)} = %s" for column in same)
        question = (
            "select in_use.keys, rows.id, rows.version, rows.{column} from (select array_agg(key_version order by"  # noqa: S608
            " key_version desc) as keys from protection_labkey where kind = 'index') in_use"
            f" left join {{table}} rows on ({among}){beside}"
        )
        answer = list(_ask(field, question, [*(edge for both in ranges for edge in both), *same.values()]))
        in_use = answer[0][0] or []
    return [row[1:] for row in answer if row[1] is not None]


def _names_now(field: SealedText, also: str, typed: str, limit: int) -> tuple[FoldedNames, list[bytes]]:
    """The names as this transaction sees them, and the rows whose column `also` holds what was typed."""
    key = _key(field)
    with _cache.lock_of(key):
        known = _cache.get(key)
        at, committed_only, recent, holders = _changed_since(field, known.at if known else None, also, typed, limit)
        if known is None:
            names = FoldedNames.of(_opened(field))
        elif known.needs_comparison:
            names = _compared(field, known.names)
        elif changed := known.names.unknown(recent):
            names = known.names.with_changes(_opened(field, "where id = any(%s)", [_uuids(changed)]))
        else:
            names = known.names
        if committed_only:
            # What this transaction wrote itself may still be rolled back: it is for this search alone.
            _cache.put(key, Known(names, at, compared=known is None or known.needs_comparison, before=known))
    return names, holders


def _compared(field: SealedText, names: FoldedNames) -> FoldedNames:
    """Compare every row's version: finds whatever was changed or removed, and by whomever."""
    rows = list(_ask(field, "select id, version from {table}", []))
    present = [(row_id.bytes, version) for row_id, version in rows]
    changed = names.unknown(present)
    gone = names.gone(row_id for row_id, _version in present)
    if not changed and not gone:
        return names
    return names.with_changes(_opened(field, "where id = any(%s)", [_uuids(changed)]), gone)


def _changed_since(
    field: SealedText, since: datetime | None, also: str, typed: str, limit: int
) -> tuple[datetime, bool, list[tuple[bytes, int]], list[bytes]]:
    """The moment, whether this transaction has written nothing yet, the rows changed since then (id, version), and those
    whose column `also` holds what was typed.
    """
    rows = "select id, version, false as holds from {table} where changed_at > %s::timestamptz - %s::interval"
    arguments: list[Any] = [since, _OVERLAP]
    if also:
        column = connection.ops.quote_name(also)
        holding = f"(select id, version, true from {{table}} where {column} = %s limit %s)"  # noqa: S608  (the model's)
        rows, arguments = f"{rows} union all {holding}", [*arguments, typed, limit]
    answer = list(
        _ask(
            field,
            "select moment.at, moment.quiet, rows.id, rows.version, rows.holds"  # noqa: S608  (a column of the model)
            " from (select clock_timestamp() as at, pg_current_xact_id_if_assigned() is null as quiet) moment"
            f" left join ({rows}) rows on true",
            arguments,
        )
    )
    at, quiet = answer[0][:2]
    changed = [(row[2].bytes, row[3]) for row in answer if row[4] is False]
    return at, quiet, changed, [row[2].bytes for row in answer if row[4]]


def _stale(field: SealedText, names: FoldedNames, hits: list[bytes]) -> set[bytes]:
    """Those of the hits whose row is gone or no longer the one that matched: asked one by one, by the primary key."""
    if not hits:
        return set()
    # As text: psycopg takes longer to write the two lists than PostgreSQL to look the rows up.
    ids, versions = ",".join(hit.hex() for hit in hits), ",".join(str(names.version_of(hit)) for hit in hits)
    question = (
        "select hits.id from unnest(%s::uuid[], %s::int[]) as hits (id, version)"
        " where hits.version is distinct from (select version from {table} where id = hits.id)"
    )
    return {row_id.bytes for (row_id,) in _ask(field, question, [f"{{{ids}}}", f"{{{versions}}}"])}


def _opened(field: SealedText, condition: str = "", arguments: Any = ()) -> Iterator[tuple[bytes, int, str]]:
    """Row id, version and plain name of rows. What cannot be opened is not found by any name, and reported."""
    question = "select id, version, {column} from {table} " + condition  # noqa: S608  (conditions are constants)
    yield from _plain(field, _ask(field, question, arguments))


def _plain(field: SealedText, rows: Iterable[Any]) -> Iterator[tuple[bytes, int, str]]:
    for row_id, version, raw in rows:
        try:
            name = field.open(raw, row_id)
        except DecryptError as failure:
            log.critical("sealed value cannot be opened: %s", failure)
            name = ""
        yield row_id.bytes, version, name


def _ask(field: SealedText, question: str, arguments: Any) -> Iterator[tuple[Any, ...]]:
    """Rows of the field's table. Raw SQL: twenty thousand rows through the ORM take four times as long."""
    quote = connection.ops.quote_name
    table, column = quote(field.place.table), quote(field.place.column)
    with connection.cursor() as cursor:
        cursor.execute(question.format(table=table, column=column), arguments)
        yield from cursor.fetchall()


def _uuids(row_ids: list[bytes]) -> list[UUID]:
    return [UUID(bytes=row_id) for row_id in row_ids]
