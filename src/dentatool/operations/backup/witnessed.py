"""The newest checkpoint of each sealed trail goes along with each backup, as it was told outside of the database.

So what is restored can be held against it on a machine that has lost var/witness, and each drill does. The checkpoints
alone, not the leaves: those are in the database, and a signed root says whether they are the right ones. A few hundred
bytes a laboratory, however long its trail.
"""

import json
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import psycopg

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import HEADS, Entry
from dentatool.operations.backup.sealing import seal, unseal
from dentatool.operations.backup.setup import Setup
from dentatool.operations.trails.heads import Older, older_than
from dentatool.values.checkpoint import Checkpoint, CheckpointError, TrailKey, open_checkpoint
from dentatool.values.witness import witnessed_heads, witnessed_notes


def keep_heads(setup: Setup) -> Entry:
    """Into the target, encrypted like everything there. After the backup: what is told is in the database before."""
    notes = {str(tree): note for tree, note in witnessed_notes(setup.var / "witness").items() if note}
    content = json.dumps(notes, ensure_ascii=False).encode()

    def fill(file: BinaryIO) -> tuple[int, str]:
        done = seal(BytesIO(content), file, setup.keyring.recipients())
        return done.size, done.sha256

    return setup.chain.write(fill, lambda: (HEADS, {"trails": len(notes)}))


def older_than_told(
    setup: Setup, link: psycopg.Connection, identities: Sequence[Any], here: Iterable[Checkpoint]
) -> list[Older]:
    """What `link` lacks of what was told of each trail last: `here` (told_here), and in the target."""
    return older_than(link, [*kept_heads(setup, identities).values(), *here], _public(setup.var))


def told_here(setup: Setup) -> list[Checkpoint]:
    """What var/witness says now. Sealing goes on, so a drill asks before it begins."""
    return list(witnessed_heads(setup.var / "witness", _public(setup.var)).values())


def kept_heads(setup: Setup, identities: Sequence[Any]) -> dict[UUID, Checkpoint]:
    """The newest that are in the target. Raises BackupError when they are not what was put there."""
    kept = [entry for entry in setup.chain.entries() if entry.kind == HEADS]
    if not kept:
        return {}
    content, public = BytesIO(), _public(setup.var)
    with setup.target.read(kept[-1].file) as file:
        unseal(file, content.write, identities)
    try:
        notes = json.loads(content.getvalue())
        return {UUID(tree): open_checkpoint(note, public, UUID(tree)) for tree, note in notes.items()}
    except (ValueError, CheckpointError) as reason:
        raise BackupError(f"{kept[-1].file}: Die Prüfpunkte der Protokolle darin gelten nicht ({reason})") from reason


def _public(var: Path) -> bytes:
    return TrailKey.from_file(var / "secrets" / "trail.key").public
