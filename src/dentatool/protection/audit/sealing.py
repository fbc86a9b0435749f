"""The sealed trail: no entry can be changed, removed, added or moved afterwards unseen, not even by the database's owner.

Promise: each minute the worker puts what is committed into a Merkle tree (RFC 6962), one for each laboratory and one for
the platform, signs what the tree is then, and tells it outside of the database. `check_trail` computes everything anew
and names the first bad entry. Writers pay nothing for it.
How it could be broken: by whoever holds the key and the witness files too, and within the minute before an entry is
sealed. Copies in other hands (download of the laboratory, `dentatool audit key`) leave only the latter.
Tests that try: tests/protection/audit/test_sealing.py, tests/attack/test_atk_20_trail_tampering.py.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from dentatool.protection.audit.internal.models import Checkpoint as Kept
from dentatool.protection.audit.internal.sealer import EVERY_S, PLATFORM, SLACK, Sealer, tell_chain_broken
from dentatool.protection.audit.internal.verifying import Finding, Report, check_trail
from dentatool.protection.tenancy import current
from dentatool.values.checkpoint import Checkpoint, TrailKey, open_checkpoint
from dentatool.values.trail_export import first_line
from dentatool.values.witness import WitnessFile, witnessed_trails

__all__ = [
    "EVERY_S", "PLATFORM", "SLACK", "Finding", "Report", "Sealer", "all_trails", "check_trail",
    "checkpoint_note", "head", "sealed_lines", "sealer", "sealing_lag",
    "set_witness_aside", "tell_chain_broken", "trail_key", "witness_folder",
]  # fmt: skip

_BATCH = 2_000


def sealer() -> Sealer:
    """The sealer of this installation."""
    return Sealer(trail_key(), witness_folder())


def trail_key() -> TrailKey:
    """The key that signs checkpoints; outside of the database, as every key."""
    return TrailKey.from_file(Path(settings.DENTATOOL_TRAIL_KEY_FILE))


def witness_folder() -> Path:
    """Where checkpoints are told outside of the database."""
    return Path(settings.DENTATOOL_WITNESS)


def all_trails() -> list[UUID]:
    """Of every laboratory, closed ones too, of those that only the witness knows, and the platform's. In the owner's role."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local role dentatool_doors")
        cursor.execute("select id from public.protection_laboratory")
        known = {tree for (tree,) in cursor.fetchall()}
    return [*sorted((known | witnessed_trails(witness_folder())) - {PLATFORM}), PLATFORM]


def sealing_lag() -> timedelta:
    """How long the oldest entry has waited for its seal; nothing while all are sealed. In the worker's role."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(now() - min(oldest), '0') from protection.door_unsealed_trails(%s)",
            [SLACK],  # type: ignore[list-item]
        )
        (lag,) = cursor.fetchone()
    return cast(timedelta, lag)


def set_witness_aside(tree: UUID, moment: datetime) -> Checkpoint | None:
    """After a restore: what was witnessed until now is kept beside, and told anew from the database. What it said last."""
    witness, key = WitnessFile(witness_folder(), tree), trail_key()
    if (note := witness.last_note()) is None:
        return None
    last = open_checkpoint(note, key.public, tree)
    witness.set_aside(moment)
    return last


def checkpoint_note() -> str | None:
    """The newest signed checkpoint of the laboratory whose pass is in force, as a text to hand out."""
    kept = Kept.objects.order_by("-size").first()
    return kept.signed if kept else None


def sealed_lines() -> Iterator[dict[str, Any]]:
    """The sealed trail of the pass in force to take along, line by line (values/trail_export.py checks such a file)."""
    tree, note = current().lab_id, checkpoint_note()
    if note is None:
        return
    size = open_checkpoint(note, trail_key().public, tree).size
    yield first_line(tree, trail_key().public, note)
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "select f.seq, f.id::text, f.day::text, f.what, encode(f.content, 'hex'),"
            " case when e.id is not null then protection.entry_text(e) end"
            " from public.protection_leaf f left join public.protection_entry e on e.lab_id = f.lab_id and e.id = f.id"
            " where f.lab_id = %s and f.seq < %s order by f.seq",
            [tree, size],
        )
        while rows := cursor.fetchmany(_BATCH):
            for seq, entry, day, what, content, text in rows:
                yield {"seq": seq, "id": entry, "day": day, "what": what, "content": content, "text": text}


def head() -> Checkpoint | None:
    """What the trail of the pass in force is: the same numbers mean the same entries. Raises CheckpointError."""
    note = checkpoint_note()
    return open_checkpoint(note, trail_key().public, current().lab_id) if note else None
