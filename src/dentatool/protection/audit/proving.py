"""Proofs from the sealed trail of the pass in force: of one entry, and that it continues an earlier checkpoint.

Promise: what is handed out was checked by the same rules as elsewhere (values/trail_proof.py); a trail that does not fit
its own checkpoint gives no proof.
Test that tries: tests/protection/audit/test_proving.py.
"""

from typing import Any
from uuid import UUID

from django.db import connection

from dentatool.protection.audit.internal.models import Entry, Leaf
from dentatool.protection.audit.internal.sealer import PLATFORM
from dentatool.protection.audit.sealing import checkpoint_note, trail_key
from dentatool.protection.tenancy import current
from dentatool.values.checkpoint import CheckpointError, open_checkpoint
from dentatool.values.merkle import HASH_BYTES, consistency_proof, inclusion_proof
from dentatool.values.trail_proof import ProofError, check_proof, proof_file

__all__ = ["NotSealed", "Unproven", "proof_of"]

# As values/trail_leaf.py and values/merkle.py make it; the check afterwards would tell if not.
_HASHES = r"""
    select string_agg(sha256('\x00'::bytea || convert_to(
        'dentatool-trail 1' || chr(10) || lab_id || chr(10) || id || chr(10) || day || chr(10)
        || encode(content, 'hex') || chr(10) || what, 'UTF8')), ''::bytea order by seq)
    from public.protection_leaf where lab_id = %s and seq < %s
"""


class NotSealed(LookupError):
    """There is no such entry, or it has no seal yet. In German."""


class Unproven(RuntimeError):
    """The trail is not what was signed, or does not continue the earlier checkpoint. In German."""


def proof_of(entry: UUID | None = None, *, earlier: str | None = None) -> str:
    """The file (values/trail_proof.py). Reads the leaves of the whole trail: a second for half a million entries."""
    tree, public, note = current().lab_id, trail_key().public, checkpoint_note()
    if note is None:
        raise NotSealed("Das Protokoll ist noch nicht versiegelt; das geschieht jede Minute.")
    try:
        size = open_checkpoint(note, public, tree).size
        before = open_checkpoint(earlier, public, tree).size if earlier is not None else 0
    except CheckpointError as reason:
        raise Unproven(str(reason)) from reason
    if before > size:
        raise Unproven(f"Der frühere Prüfpunkt hat {before} Einträge, das Protokoll nur {size}: Das Ende fehlt.")
    known = _entry(tree, entry, size) if entry is not None else None
    leaves = _leaves(tree, size)
    if len(leaves) != size:
        raise Unproven(f"Unterschrieben sind {size} Einträge, da sind {len(leaves)}.")
    text = proof_file(
        tree, public, note,
        entry=known, path=inclusion_proof(leaves, known["seq"]) if known else (),
        earlier=earlier, between=consistency_proof(leaves, before) if earlier is not None else (),
    )  # fmt: skip
    try:
        check_proof(text, public)
    except ProofError as reason:
        raise Unproven(str(reason)) from reason
    return text


def _entry(tree: UUID, entry: UUID, size: int) -> dict[str, Any]:
    leaf = Leaf.objects.filter(lab_id=tree, pk=entry, seq__lt=size).first()
    if leaf is None:
        is_there = tree != PLATFORM and Entry.objects.filter(pk=entry).exists()
        raise NotSealed(
            "Der Eintrag ist noch nicht versiegelt; das geschieht jede Minute."
            if is_there
            else "Den Eintrag gibt es nicht."
        )
    own = (
        "protection_platformevent e where e.id = %s"
        if tree == PLATFORM
        else "protection_entry e where e.id = %s and e.lab_id = %s"
    )
    made = "platform_event_text" if tree == PLATFORM else "entry_text"
    with connection.cursor() as cursor:
        cursor.execute(f"select protection.{made}(e) from public.{own}", [entry] if tree == PLATFORM else [entry, tree])  # noqa: S608
        row = cursor.fetchone()
    return {
        "seq": leaf.seq, "id": str(leaf.pk), "day": str(leaf.day), "what": leaf.what,
        "content": bytes(leaf.content).hex(), "text": row[0] if row else None,
    }  # fmt: skip


def _leaves(tree: UUID, size: int) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_HASHES, [tree, size])
        (found,) = cursor.fetchone()
    hashes = bytes(found or b"")
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
