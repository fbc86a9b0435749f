"""Proofs of a sealed trail in one file: that an entry is in it, and that it continues what an earlier checkpoint said.

A JSON object: whose trail, the public key, the signed checkpoint; the entry with its text to the letter and the hashes up
to the root (inclusion); the earlier checkpoint and the hashes between both roots (consistency). Some kilobytes, however
long the trail. Nothing of the other entries is in it.
How it could be broken: by whoever has the signing key; and by believing the key that stands in the file.
Tests that try: tests/values/test_trail_proof.py.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dentatool.values.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from dentatool.values.merkle import is_consistent, is_included
from dentatool.values.trail_leaf import hash_of_leaf

FORM = "dentatool-trail-proof 1"


class ProofError(ValueError):
    """The file proves nothing; the text says why, in German."""


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry as it was sealed. `text` is None where its time is over and only its checksum is left."""

    seq: int
    id: UUID
    day: str
    what: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a file proves, all of it or ProofError."""

    checkpoint: Checkpoint
    entry: ProvenEntry | None
    earlier: Checkpoint | None


def proof_file(
    tree: UUID, public: bytes, note: str, *,
    entry: dict[str, Any] | None = None, path: Sequence[bytes] = (),
    earlier: str | None = None, between: Sequence[bytes] = (),
) -> str:  # fmt: skip
    """The file. `entry`: seq, id, day, what, content (hex), text."""
    told: dict[str, Any] = {"form": FORM, "lab": str(tree), "public_key": public.hex(), "checkpoint": note}
    if entry is not None:
        told["entry"], told["path"] = entry, [each.hex() for each in path]
    if earlier is not None:
        told["earlier"], told["between"] = earlier, [each.hex() for each in between]
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def key_inside(text: str) -> bytes:
    """The public key that the file claims to be signed by. It proves nothing before it is compared with a known one."""
    try:
        return bytes.fromhex(_read(text)["public_key"])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(error) from error


def lab_inside(text: str) -> UUID:
    """Whose trail the file speaks of."""
    try:
        return _uuid(_read(text)["lab"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken(error) from error


def check_proof(text: str, public: bytes) -> Proven:
    """Judge everything in the file by this key. Raises ProofError."""
    try:
        return _check(_read(text), public)
    except CheckpointError as reason:
        raise ProofError(str(reason)) from reason
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _broken(error) from error


def _check(told: dict[str, Any], public: bytes) -> Proven:
    if told["public_key"] != public.hex():
        raise ProofError("Der Nachweis stammt von einer Installation mit einem anderen Schlüssel.")
    lab = _uuid(told["lab"])
    checkpoint = open_checkpoint(told["checkpoint"], public, lab)
    entry = _entry(told, lab, checkpoint) if "entry" in told else None
    earlier = _earlier(told, public, lab, checkpoint) if "earlier" in told else None
    if entry is None and earlier is None:
        raise ProofError("Die Datei enthält weder einen Eintrag noch einen früheren Prüfpunkt.")
    return Proven(checkpoint, entry, earlier)


def _entry(told: dict[str, Any], lab: UUID, checkpoint: Checkpoint) -> ProvenEntry:
    known = told["entry"]
    entry = ProvenEntry(known["seq"], _uuid(known["id"]), known["day"], known["what"], known["text"])
    content = bytes.fromhex(known["content"])
    if entry.text is not None:
        if hashlib.sha256(entry.text.encode()).digest() != content:
            raise ProofError("Der Eintrag wurde geändert: Er passt nicht zu seiner Prüfsumme.")
        inside = json.loads(entry.text)
        if (inside["id"], inside["at"][:10]) != (str(entry.id), entry.day):
            raise ProofError("Angaben zum Eintrag wurden geändert.")
    leaf = hash_of_leaf(lab, entry.id, entry.day, content, entry.what)
    path = [bytes.fromhex(each) for each in told["path"]]
    if not is_included(leaf, entry.seq, checkpoint.size, path, checkpoint.root):
        raise ProofError("Der Eintrag war so nicht im Protokoll, das der Prüfpunkt unterschreibt.")
    return entry


def _earlier(told: dict[str, Any], public: bytes, lab: UUID, checkpoint: Checkpoint) -> Checkpoint:
    earlier = open_checkpoint(told["earlier"], public, lab)
    between = [bytes.fromhex(each) for each in told["between"]]
    if not is_consistent(earlier.size, earlier.root, checkpoint.size, checkpoint.root, between):
        raise ProofError("Das Protokoll setzt nicht fort, was der frühere Prüfpunkt sagt: Davor wurde etwas geändert.")
    return earlier


def _uuid(told: str) -> UUID:
    """In the one form that is written: the same number in other signs is a change, too."""
    if str(found := UUID(told)) != told:
        raise ValueError(told)
    return found


def _read(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise _broken(error) from error
    if not isinstance(told, dict) or told.get("form") != FORM:
        raise ProofError("Das ist kein Nachweis aus einem versiegelten Protokoll.")
    return told


def _broken(error: Exception) -> ProofError:
    return error if isinstance(error, ProofError) else ProofError("Die Datei ist beschädigt oder kein Nachweis.")
