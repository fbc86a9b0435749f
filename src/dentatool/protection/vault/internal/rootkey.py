"""The root key: wraps every laboratory's keys. A file outside the database and outside every backup.

File: JSON {"environment": "production", "1": "base64 of 32 bytes", …}; the highest number wraps, all of them unwrap.
Mode 0600 or 0400. Neither the file nor what it wrapped opens in another environment (protection/environment.py).
"""

from __future__ import annotations

import base64
import json
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION_BYTES: Final = 4
_UNDECLARED: Final = "development"  # what files and keys from before environments were declared count as


class RootKeyError(RuntimeError):
    """The root key is missing, open to others, damaged, or not the one that wrapped this key."""


def check_root_key() -> None:
    """Read the root key anew. Raises RootKeyError with what is wrong and how to mend it."""
    _read(Path(settings.DENTATOOL_ROOT_KEY_FILE))


def wrap(key: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes:
    """A laboratory's key as the database may hold it: root version | nonce | sealed key."""
    root_version, cipher = max(_root_keys(settings.DENTATOOL_ROOT_KEY_FILE).items())
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, key, _binding(lab_id, kind, key_version, root_version))
    return root_version.to_bytes(_VERSION_BYTES, "big") + nonce + sealed


def unwrap(wrapped: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes:
    """The key itself. Raises RootKeyError when it was wrapped for another laboratory, kind, version or root key."""
    root_version = int.from_bytes(wrapped[:_VERSION_BYTES], "big")
    cipher = _root_keys(settings.DENTATOOL_ROOT_KEY_FILE).get(root_version)
    if cipher is None:
        raise RootKeyError(f"Hauptschlüssel Fassung {root_version} fehlt in {settings.DENTATOOL_ROOT_KEY_FILE}.")
    nonce_end = _VERSION_BYTES + _NONCE_BYTES
    try:
        key = cipher.decrypt(
            wrapped[_VERSION_BYTES:nonce_end], wrapped[nonce_end:], _binding(lab_id, kind, key_version, root_version)
        )
    except (InvalidTag, ValueError):
        raise RootKeyError(f"{kind} {key_version} des Labors {lab_id} passt nicht zum Hauptschlüssel.") from None
    if len(key) != KEY_BYTES:
        raise RootKeyError(f"Schlüssel {kind} {key_version} des Labors {lab_id} hat die falsche Länge.")
    return key


def _binding(lab_id: UUID, kind: str, key_version: int, root_version: int) -> bytes:
    # Rewriting the file's "environment" opens nothing: every wrapped key names its own.
    environment = "" if settings.DENTATOOL_MODE == _UNDECLARED else f"{settings.DENTATOOL_MODE}|"
    return f"dentatool/key|{environment}{lab_id}|{kind}|{key_version}|{root_version}".encode()


@lru_cache(maxsize=4)
def _root_keys(file: str) -> dict[int, AESGCM]:
    return {version: AESGCM(key) for version, key in _read(Path(file)).items()}


def _read(file: Path) -> dict[int, bytes]:
    try:
        # One handle for check and reading, so that nobody can exchange the file in between.
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
            facts = os.fstat(source.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
                raise RootKeyError(f"{file} ist für andere lesbar. Bitte: chmod 600 {file}")
            content = source.read(65536)
    except OSError as problem:
        raise RootKeyError(f"{file} ist nicht lesbar: {problem.strerror}. Ohne sie bleibt alles versiegelt.") from None
    try:
        facts = json.loads(content)
        environment = facts.pop("environment", _UNDECLARED)
        keys = {int(version): base64.b64decode(text, validate=True) for version, text in facts.items()}
    except (ValueError, AttributeError, TypeError):
        raise RootKeyError(f"{file} ist beschädigt. Bitte die gesicherte Kopie des Schlüssels einspielen.") from None
    if not keys or any(len(key) != KEY_BYTES or not 0 < version < 2**32 for version, key in keys.items()):
        raise RootKeyError(f"{file} enthält keinen gültigen Hauptschlüssel (32 Byte, Fassung ab 1).")
    if environment != settings.DENTATOOL_MODE:
        raise RootKeyError(
            f"{file} ist der Hauptschlüssel der Umgebung „{environment}“, dieser Prozess läuft als "
            f"„{settings.DENTATOOL_MODE}“. Ein Schlüssel öffnet nur in seiner eigenen Umgebung."
        )
    return keys
