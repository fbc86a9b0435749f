"""Sealing and opening one value: AES-256-GCM, bound to the place where the value belongs. Pure, no Django.

Stored form, all numbers big-endian:
    0x01 | key version (4) | nonce (12) | ciphertext and tag
    0x02 | search token (3) | key version (4) | nonce (12) | ciphertext and tag     a value that can be searched
The token stands in front so that an ordinary b-tree over the column finds it, and it is authenticated too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, NamedTuple, NoReturn
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PLAIN_FORMAT: Final = 0x01
SEARCH_FORMAT: Final = 0x02
TOKEN_BYTES: Final = 3
_KEY_VERSION_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_LONGEST: Final = 64 * 1024 * 1024  # the largest value that is ever sealed in one piece
_CONTEXT: Final = b"dentatool/1"
showing: ContextVar[bool] = ContextVar("dentatool_vault_showing", default=False)
met_unreadable: ContextVar[list[DecryptError] | None] = ContextVar("dentatool_vault_unreadable", default=None)


class DecryptError(Exception):
    """A sealed value cannot be opened: it was changed, moved, or its key is not there.

    The message names table, column and row, never content.
    """

    def __init__(self, place: Place | None, row_id: object, reason: str) -> None:
        self.place, self.row_id, self.reason = place, row_id, reason
        super().__init__(f"{place or 'ohne Ort'}, Datensatz {row_id or 'unbekannt'}: {reason}")

    @staticmethod
    @contextmanager
    def shown() -> Iterator[None]:
        """Where values are only shown, never written or sent: „nicht lesbar“ and an alarm instead of this error.

        Templates do so by themselves; lists that make up their cells in Python say it.
        """
        token = showing.set(True)
        try:
            yield
        finally:
            showing.reset(token)

    @staticmethod
    @contextmanager
    def collected() -> Iterator[list[DecryptError]]:
        """Around a request: every error that was shown as „nicht lesbar“ in it, so that somebody records the event."""
        found: list[DecryptError] = []
        token = met_unreadable.set(found)
        try:
            yield found
        finally:
            met_unreadable.reset(token)


@dataclass(frozen=True, slots=True)
class Place:
    """Where values of one field live, and the kind of key that seals them."""

    table: str
    column: str
    kind: str = "data"
    head: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = (self.kind.encode(), self.table.encode(), self.column.encode())
        # Lengths in front: ("ab", "c") and ("a", "bc") must not be the same place.
        object.__setattr__(self, "head", _CONTEXT + b"".join(len(name).to_bytes(2, "big") + name for name in names))

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    def binding(self, lab_id: UUID, row_id: UUID, key_version: bytes, token: bytes) -> bytes:
        """The additional data: laboratory, kind, table, column, row, key version and search token."""
        return self.head + lab_id.bytes + row_id.bytes + key_version + token


class Ciphertext:
    """A sealed value as it lies in the database. Shows nothing, compares by identity, refuses to be pickled."""

    __slots__ = ("place", "raw", "row_id")

    def __init__(self, raw: bytes, place: Place | None = None, row_id: UUID | None = None) -> None:
        self.raw, self.place, self.row_id = raw, place, row_id

    def __repr__(self) -> str:
        return f"<versiegelt: {self.place or 'ohne Ort'}>"

    def __bool__(self) -> bool:
        return bool(self.raw)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Ein versiegelter Wert wird nicht aus dem Prozess getragen (pickle).")

    def __copy__(self) -> Ciphertext:
        return self

    def __deepcopy__(self, memo: object) -> Ciphertext:
        return self


class Parts(NamedTuple):
    """A stored value taken apart."""

    token: bytes
    key_version: int
    nonce: bytes
    sealed: bytes


def seal(
    cipher: AESGCM, plain: bytes, place: Place, lab_id: UUID, row_id: UUID, key_version: int, token: bytes = b""
) -> bytes:
    """The stored form of a value, under a fresh random nonce (its limit: docs/decisions/sealed-fields.md)."""
    assert len(token) in (0, TOKEN_BYTES)
    if len(plain) > _LONGEST:
        raise ValueError(f"{place}: mehr als {_LONGEST} Byte in einem Wert.")
    version = key_version.to_bytes(_KEY_VERSION_BYTES, "big")
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plain, place.binding(lab_id, row_id, version, token))
    return bytes([SEARCH_FORMAT if token else PLAIN_FORMAT]) + token + version + nonce + sealed


def unseal(cipher: AESGCM, parts: Parts, place: Place, lab_id: UUID, row_id: UUID) -> bytes:
    """The value. Raises DecryptError unless every bit is as it was sealed, for this very place."""
    version = parts.key_version.to_bytes(_KEY_VERSION_BYTES, "big")
    try:
        return cipher.decrypt(parts.nonce, parts.sealed, place.binding(lab_id, row_id, version, parts.token))
    except InvalidTag:
        raise DecryptError(place, row_id, "verändert oder von anderer Stelle") from None


def parse(raw: bytes) -> Parts:
    """Take a stored value apart. Raises ValueError with a German reason that holds no content."""
    if not raw:
        raise ValueError("leer")
    if raw[0] not in (PLAIN_FORMAT, SEARCH_FORMAT):
        raise ValueError("unbekanntes Format")
    start = 1 + (TOKEN_BYTES if raw[0] == SEARCH_FORMAT else 0)
    nonce_at = start + _KEY_VERSION_BYTES
    sealed_at = nonce_at + _NONCE_BYTES
    if len(raw) < sealed_at + _TAG_BYTES:
        raise ValueError("abgeschnitten")
    if len(raw) > sealed_at + _LONGEST + _TAG_BYTES:
        raise ValueError("zu lang")
    return Parts(raw[1:start], int.from_bytes(raw[start:nonce_at], "big"), raw[nonce_at:sealed_at], raw[sealed_at:])
