"""Whether a database is at least what was told outside of it: the newest checkpoint of each trail must be in it.

A database that was set back, by a restore or by somebody who exchanged it, is found before anybody works in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from dentatool.values.checkpoint import Checkpoint, CheckpointError, TrailKey, name_of_trail, open_checkpoint
from dentatool.values.witness import witnessed_heads

_NAMED = 20


@dataclass(frozen=True, slots=True)
class Older:
    """One trail that is older in the database than it was told, or another one. `sealed`: entries there now."""

    tree: UUID
    sealed: int
    witnessed: Checkpoint

    def __str__(self) -> str:
        told = f"{self.witnessed.at.astimezone():%d.%m.%Y um %H:%M:%S}"
        return (
            f"{name_of_trail(self.tree)}: {self.sealed} versiegelte Einträge, bezeugt wurden am {told}"
            f" {self.witnessed.size}"
        )


def older_than_witnessed(link: psycopg.Connection, var: Path) -> list[Older]:
    """Against var/witness. `link`: a role that reads all laboratories. Files that are not whole are the nightly check's."""
    public = TrailKey.from_file(var / "secrets" / "trail.key").public
    return older_than(link, witnessed_heads(var / "witness", public).values(), public)


def older_than(link: psycopg.Connection, heads: Iterable[Checkpoint], public: bytes) -> list[Older]:
    """Each head must be in the database as it was signed. One line for a trail, the one with the most entries."""
    told = sorted(heads, key=lambda head: head.size)
    if not told:
        return []
    there = link.execute(
        "select h.place, c.signed, (select max(n.size) from public.protection_checkpoint n where n.lab_id = h.tree)"
        " from unnest(%s::uuid[], %s::bigint[]) with ordinality h (tree, size, place)"
        " left join public.protection_checkpoint c on c.lab_id = h.tree and c.size = h.size",
        [[head.tree for head in told], [head.size for head in told]],
    ).fetchall()
    found = {}
    for place, note, newest in sorted(there, key=lambda row: row[0]):
        head = told[place - 1]
        if not _is_same(note, head, public):
            found[head.tree] = Older(head.tree, newest or 0, head)
    return list(found.values())


def told_older(older: Iterable[Older]) -> list[str]:
    """Lines for the terminal; loud, and what to do."""
    found = list(older)
    if not found:
        return []
    more = [f"!   und {len(found) - _NAMED} weitere"] if len(found) > _NAMED else []
    return [
        "! ACHTUNG: Diese Datenbank ist älter als das, was zuletzt bezeugt wurde, oder sie wurde ausgetauscht.",
        *(f"!   {each}" for each in found[:_NAMED]), *more,
        "! War das eine gewollte Wiederherstellung: dentatool audit resume --lab KENNUNG --reason … für jedes davon.",
        "! Sonst nichts ändern und klären, wer Zugriff hatte. Bis dahin wird hier nichts versiegelt.",
    ]  # fmt: skip


def _is_same(note: str | None, head: Checkpoint, public: bytes) -> bool:
    try:
        return note is not None and open_checkpoint(note, public, head.tree) == head
    except CheckpointError:
        return False
