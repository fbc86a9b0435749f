"""Whether any key is older than it may become: the finding „Schlüsselalter“ of the doctor."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from dentatool.operations.environment import connect

# How old a key may become before it is to be replaced: the laboratories' and the root's (TOM 9.S3).
MOST_DAYS = {"data": 365, "index": 365, "file": 365, "root": 730}
_WARNED_DAYS = 30
_NAMED = 3
_KINDS = {"data": "Werte", "index": "Suche", "file": "Dateien"}
# Of every open laboratory the key of each kind that seals now.
_NEWEST = (
    "select l.name, k.kind, max(k.created_at) from protection_labkey k"
    " join protection_laboratory l on l.id = k.lab_id and l.active where k.retired_at is null group by l.id, l.name, k.kind"
)


def told(database: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """The finding: what, status, found, mend."""
    from dentatool.protection.key_status import RootKeyError, root_versions  # noqa: PLC0415  (models can be loaded now)

    with connect(database, "backup") as backup:
        late, soon = overdue(backup)
    try:
        days = (datetime.now(UTC) - root_versions()[-1].made_on) // timedelta(days=1)
    except RootKeyError as unusable:
        yield "Schlüsselalter", "fehler", f"Hauptschlüssel: {unusable}", "Siehe docs/runbooks/schluessel.md."
        return
    if days > MOST_DAYS["root"] - _WARNED_DAYS:
        (late if days > MOST_DAYS["root"] else soon).insert(0, f"Hauptschlüssel {days} Tage")
    if late or soon:
        mend = "dentatool keys rotate --all (geht im Betrieb); Hauptschlüssel: dentatool keys rotate-root"
        yield "Schlüsselalter", "fehler" if late else "warnung", f"zu ersetzen: {few_of(late or soon)}", mend
    else:
        yield "Schlüsselalter", "gut", "kein Schlüssel ist älter, als er werden darf", ""


def overdue(backup: psycopg.Connection) -> tuple[list[str], list[str]]:
    """Keys that are too old, and those that will be within thirty days. Needs the backup's role: it sees all laboratories."""
    now, late, soon = datetime.now(UTC), [], []
    for name, kind, made_on in backup.execute(_NEWEST).fetchall():
        days = (now - made_on) // timedelta(days=1)
        if days > MOST_DAYS[kind]:
            late.append(f"{name}: {_KINDS[kind]} {days} Tage")
        elif days > MOST_DAYS[kind] - _WARNED_DAYS:
            soon.append(f"{name}: {_KINDS[kind]} {days} Tage")
    return sorted(late), sorted(soon)


def few_of(told: list[str]) -> str:
    """The first of them, and how many more."""
    more = f" und {len(told) - _NAMED} weitere" if len(told) > _NAMED else ""
    return "; ".join(told[:_NAMED]) + more
