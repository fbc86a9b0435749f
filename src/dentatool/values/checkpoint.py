"""Checkpoints of a sealed trail: how many entries there were, and the root over all of them, signed.

The form is that of C2SP (tlog-checkpoint, signed-note), which other programs read too: origin, size, root; then two lines
of ours, when it was made and until when everything is in it; an empty line, the signature (Ed25519).
How it could be broken: by whoever reads the key's file. So checkpoints and the public key belong into other hands.
Tests that try: tests/values/test_checkpoint.py.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEPT_WHOLE = timedelta(days=7)
_SIGNER = "dentatool"
_ED25519 = b"\x01"  # signature type of C2SP
_WORDS = ("zeit ", "bis ")


class CheckpointError(ValueError):
    """This is no checkpoint that this key has signed for this trail; the text says why, in German."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a trail was at a moment. Everything older than `until` is in it; what came later may be."""

    tree: UUID
    size: int
    root: bytes
    at: datetime
    until: datetime


class TrailKey:
    """The key of an installation, by which it signs what its trails were."""

    def __init__(self, private: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    @classmethod
    def from_file(cls, file: Path) -> "TrailKey":
        """The file holds 32 bytes in hexadecimal."""
        return cls(bytes.fromhex(file.read_text().strip()))

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        text = _text(checkpoint, self.public)
        signature = base64.b64encode(_key_id(self.public) + self._private.sign(text.encode())).decode()
        return f"{text}\n— {_SIGNER} {signature}\n"


def open_checkpoint(note: str, public: bytes, tree: UUID) -> Checkpoint:
    """The checkpoint, if this key signed it for this trail. Raises CheckpointError."""
    text, between, line = note.rpartition(f"\n— {_SIGNER} ")
    try:
        origin, size, root, at, until = text.splitlines()
        signed = base64.b64decode(line.strip(), validate=True)
        found = Checkpoint(
            tree, int(size), base64.b64decode(root, validate=True),
            _moment(at, _WORDS[0]), _moment(until, _WORDS[1]),
        )  # fmt: skip
    except ValueError as error:
        raise CheckpointError("Das ist kein vollständiger Prüfpunkt.") from error
    if signed[:4] != _key_id(public):
        raise CheckpointError("Der Prüfpunkt ist mit einem fremden Schlüssel unterschrieben.")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed[4:], text.encode())
    except (InvalidSignature, ValueError) as error:
        raise CheckpointError("Die Unterschrift des Prüfpunkts ist gefälscht oder sein Inhalt geändert.") from error
    if origin != _origin(public, tree) or not between:
        raise CheckpointError("Der Prüfpunkt gehört zu einem anderen Protokoll.")
    return found


def is_thinned(checkpoint: Checkpoint, following: Checkpoint, now: datetime) -> bool:
    """Whether it may be missing: a week old, and the one that follows it in the trail is of the same day (UTC).

    The following one says all that it said, and the leaves between are kept: only the minutes are gone.
    """
    return checkpoint.until < now - KEPT_WHOLE and checkpoint.until.date() == following.until.date()


def name_of_trail(tree: UUID) -> str:
    """Whose trail it is, for people; the platform's is named by zeros."""
    return f"Labor {tree}" if tree.int else "Plattform"


def instance_of(public: bytes) -> str:
    """A short name for the installation that has this key."""
    return hashlib.sha256(public).hexdigest()[:16]


def _text(checkpoint: Checkpoint, public: bytes) -> str:
    return (
        f"{_origin(public, checkpoint.tree)}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"
        f"{_WORDS[0]}{_told(checkpoint.at)}\n{_WORDS[1]}{_told(checkpoint.until)}\n"
    )


def _origin(public: bytes, tree: UUID) -> str:
    return f"dentatool.trail/{instance_of(public)}/{tree}"


def _key_id(public: bytes) -> bytes:
    return hashlib.sha256(_SIGNER.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(line: str, word: str) -> datetime:
    if not line.startswith(word):
        raise ValueError(line)
    return datetime.fromisoformat(line.removeprefix(word)).astimezone(UTC)
