"""The key ring of a laboratory: made once, unwrapped when needed, used only under that laboratory's own pass."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import connection

from dentatool.protection.tenancy import current
from dentatool.protection.vault.internal.rootkey import KEY_BYTES, give_secret, unwrap, wrap

KINDS: Final = ("data", "index", "file")
_MOST_KEYS: Final = 4096  # about 2 MB; a process that serves more laboratories unwraps some again
_LIFETIME_S: Final = 300.0  # a deleted key takes effect in every process after this time
LEASE_S: Final = 5.0  # a newly added key seals in every process after this time


_NEWEST: Final = 0  # in the ring: "the version that seals now"


class KeyMissing(RuntimeError):
    """The laboratory has no such key, or the pass in force is another laboratory's."""


@dataclass(frozen=True, slots=True)
class Key:
    """One unwrapped key. `cipher` seals values and files, `secret` makes search tokens."""

    version: int
    secret: bytes
    cipher: AESGCM

    def __repr__(self) -> str:
        return f"<Schlüssel {self.version}>"


class _Ring:
    """Unwrapped keys of this process, the oldest first. Threads share it."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[UUID, str, int], tuple[float, Key]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: tuple[UUID, str, int]) -> Key | None:
        # Without the lock: one look-up in a dictionary, for every single value that is opened.
        found = self._held.get(name)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def put(self, name: tuple[UUID, str, int], key: Key) -> None:
        lab_id, kind, key_version = name
        with self._lock:
            self._held[name] = time.monotonic() + (LEASE_S if key_version == _NEWEST else _LIFETIME_S), key
            # Whoever meets a newer version than the one that seals here seals with it from now on.
            held = self._held.get((lab_id, kind, _NEWEST))
            if held is not None and held[1].version < key.version:
                del self._held[lab_id, kind, _NEWEST]
            self._held.move_to_end(name)
            while len(self._held) > _MOST_KEYS:
                self._held.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._held.clear()


_ring = _Ring()


def create_key_ring(lab_id: UUID) -> None:
    """The first data, index and file key of a new laboratory. Needs its pass; a second call raises IntegrityError."""
    for kind in KINDS:
        add_key(lab_id, kind, 1)


def add_key(lab_id: UUID, kind: str, key_version: int) -> None:
    """Add one key; from the next look-up on (after LEASE_S at the latest) the highest version seals."""
    _require_own(lab_id)
    keys = apps.get_model("protection", "LabKey")._default_manager
    give_secret(lab_id, ((bytes(k.wrapped), k.kind, k.key_version) for k in keys.filter(lab_id=lab_id)))
    wrapped = wrap(os.urandom(KEY_BYTES), lab_id, kind, key_version)
    keys.create(lab_id=lab_id, kind=kind, key_version=key_version, wrapped=wrapped)


def newest_key(lab_id: UUID, kind: str) -> Key:
    """The key that seals now. Raises KeyMissing, NoPass, RootKeyError."""
    return _find(lab_id, kind, _NEWEST)


def key_of_version(lab_id: UUID, kind: str, key_version: int) -> Key:
    """The key that opens what was sealed with this version. Raises KeyMissing, NoPass, RootKeyError."""
    if key_version == _NEWEST:
        raise KeyMissing("Schlüsselfassung 0 gibt es nicht.")
    return _find(lab_id, kind, key_version)


def forget_keys() -> None:
    """Drop every unwrapped key of this process; the next use reads and unwraps it anew."""
    _ring.forget()


def _find(lab_id: UUID, kind: str, key_version: int) -> Key:
    # Also when the key is at hand: a process may hold the keys of many, a pass opens those of one.
    _require_own(lab_id)
    name = (lab_id, kind, key_version)
    if (held := _ring.get(name)) is not None:
        return held
    key, committed = _load(lab_id, kind, key_version)
    if committed:
        _ring.put(name, key)
    return key


def _load(lab_id: UUID, kind: str, key_version: int) -> tuple[Key, bool]:
    """The key, and whether it is there for good.

    A key made in this very transaction may still be rolled back and made anew with the same number;
    held on to, it would seal what nobody can ever open again.
    """
    question = (
        "select key_version, wrapped, created_at < transaction_timestamp() from protection_labkey"
        " where lab_id = %s and kind = %s"
    )
    arguments: list[Any] = [lab_id, kind]
    if key_version == _NEWEST:
        question += " and retired_at is null order by key_version desc limit 1"
    else:
        question += " and key_version = %s"
        arguments.append(key_version)
    with connection.cursor() as cursor:
        cursor.execute(question, arguments)
        row = cursor.fetchone()
    if row is None:
        raise KeyMissing(f"Das Labor {lab_id} hat keinen Schlüssel {kind} {key_version or ''}.")
    version, wrapped, committed = row
    secret = unwrap(bytes(wrapped), lab_id, kind, version)
    return Key(version, secret, AESGCM(secret)), committed


def _require_own(lab_id: UUID) -> None:
    if (own := current().lab_id) is not lab_id and own != lab_id:
        raise KeyMissing(f"Der Pass gilt für das Labor {own}, nicht für {lab_id}.")
