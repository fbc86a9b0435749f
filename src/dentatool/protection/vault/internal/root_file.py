"""The root key in a file outside the database and outside every backup.

File: JSON {"environment": "production", "1": "base64 of 32 bytes", …, "made": {"1": "2026-11-26T…"}}; the highest number
wraps, all of them unwrap. Mode 0600 or 0400. Neither the file nor what it wrapped opens in another environment
(protection/environment.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from dentatool.protection.vault.internal.private_file import RootKeyError, read_private, write_private

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION_BYTES: Final = 4
_UNDECLARED: Final = "development"  # what files and keys from before environments were declared count as


class RootVersion(NamedTuple):
    """One version of the root key. The fingerprint tells which it is and nothing of it."""

    version: int
    made_on: datetime
    fingerprint: str


class FileRoot:
    """A root key in a file; raises RootKeyError with what is wrong and how to mend it."""

    name = "Datei"

    def __init__(self, file: Path) -> None:
        self.file = file

    def check(self) -> None:
        """Read it anew."""
        _read(self.file)

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Root version | nonce | ciphertext, under the newest version."""
        version, cipher = max(self._ciphers().items())
        nonce = os.urandom(_NONCE_BYTES)
        return version.to_bytes(_VERSION_BYTES, "big") + nonce + cipher.encrypt(nonce, plain, _bound(about, version))

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed, if it was for this very purpose."""
        version = int.from_bytes(sealed[:_VERSION_BYTES], "big")
        cipher = self._ciphers().get(version)
        if cipher is None:
            raise RootKeyError(f"Hauptschlüssel Fassung {version} fehlt in {self.file}.")
        nonce_end = _VERSION_BYTES + _NONCE_BYTES
        try:
            return cipher.decrypt(sealed[_VERSION_BYTES:nonce_end], sealed[nonce_end:], _bound(about, version))
        except (InvalidTag, ValueError):
            raise RootKeyError("passt nicht zum Hauptschlüssel") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest version sealed it."""
        return int.from_bytes(sealed[:_VERSION_BYTES], "big") == max(self._ciphers())

    def versions(self) -> list[RootVersion]:
        """All that are in the file, the oldest first. A version without a date is as old as the file."""
        keys, facts = _read(self.file)
        made = facts.get("made", {})
        file_date = datetime.fromtimestamp(self.file.stat().st_mtime, UTC)
        dated = {v: datetime.fromisoformat(made[str(v)]) if str(v) in made else file_date for v in keys}
        return [RootVersion(version, dated[version], fingerprint(keys[version])) for version in sorted(keys)]

    def add_version(self) -> int:
        """A new random key; from now on it seals, in every process."""
        keys, facts = _read(self.file)
        version = max(keys) + 1
        made = {str(each.version): each.made_on.isoformat() for each in self.versions()}
        _write(self.file, {**keys, version: os.urandom(KEY_BYTES)}, {**facts, "made": {**made, str(version): _now()}})
        return version

    def drop_older(self, old_to: Path | None) -> list[RootVersion]:
        """Take all but the newest out of the file, after writing them to another; which those were."""
        keys, facts = _read(self.file)
        newest = max(keys)
        old = [each for each in self.versions() if each.version != newest]
        if not old:
            return []
        if old_to is not None:
            _write(old_to, {each.version: keys[each.version] for each in old}, facts, is_new=True)
        _write(self.file, {newest: keys[newest]}, facts)
        return old

    def _ciphers(self) -> dict[int, AESGCM]:
        # Looked at each time, so that every process has a new version at once; unwrapping is rare.
        try:
            seen = self.file.stat()
        except OSError:
            return {version: AESGCM(key) for version, key in _read(self.file)[0].items()}
        return _root_keys(
            self.file, (seen.st_mtime_ns, seen.st_ino, seen.st_size, seen.st_mode), settings.DENTATOOL_MODE
        )


def fingerprint(key: bytes) -> str:
    """Sixteen hex digits in groups, to compare by eye."""
    digits = hashlib.sha256(b"dentatool/root|" + key).hexdigest()[:16]
    return "-".join(digits[place : place + 4] for place in range(0, 16, 4))


def _bound(about: bytes, version: int) -> bytes:
    return b"dentatool/key|" + about + f"|{version}".encode()


@lru_cache(maxsize=4)
def _root_keys(file: Path, _seen: tuple[int, ...], _mode: str) -> dict[int, AESGCM]:
    return {version: AESGCM(key) for version, key in _read(file)[0].items()}


def _read(file: Path) -> tuple[dict[int, bytes], dict[str, Any]]:
    """Keys by version, and what else the file says."""
    content = read_private(file)
    try:
        facts = json.loads(content)
        named = {int(version): text for version, text in facts.items() if version not in ("environment", "made")}
        keys = {version: base64.b64decode(text, validate=True) for version, text in named.items()}
        told = {name: facts[name] for name in ("environment", "made") if name in facts}
    except (ValueError, AttributeError, TypeError):
        raise RootKeyError(f"{file} ist beschädigt. Bitte die gesicherte Kopie des Schlüssels einspielen.") from None
    if not keys or any(len(key) != KEY_BYTES or not 0 < version < 2**32 for version, key in keys.items()):
        raise RootKeyError(f"{file} enthält keinen gültigen Hauptschlüssel (32 Byte, Fassung ab 1).")
    environment = told.get("environment", _UNDECLARED)
    if environment != settings.DENTATOOL_MODE:
        raise RootKeyError(
            f"{file} ist der Hauptschlüssel der Umgebung „{environment}“, dieser Prozess läuft als "
            f"„{settings.DENTATOOL_MODE}“. Ein Schlüssel öffnet nur in seiner eigenen Umgebung."
        )
    return keys, told


def _write(file: Path, keys: dict[int, bytes], facts: dict[str, Any], *, is_new: bool = False) -> None:
    named = {str(version): base64.b64encode(key).decode() for version, key in sorted(keys.items())}
    made = {version: day for version, day in facts.get("made", {}).items() if version in named}
    content = {**{name: fact for name, fact in facts.items() if name != "made"}, **named, "made": made}
    write_private(file, json.dumps(content).encode(), is_new=is_new)


def _now() -> str:
    return datetime.now(UTC).isoformat()
