"""The root key: wraps every laboratory's keys. In a file, or in a key service; what either sealed says which it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from django.conf import settings

from dentatool.protection.vault.internal import lab_secrets
from dentatool.protection.vault.internal.private_file import RootKeyAway, RootKeyError
from dentatool.protection.vault.internal.root_file import KEY_BYTES, FileRoot, RootVersion
from dentatool.protection.vault.internal.root_transit import PREFIX, TransitRoot

__all__ = ["KEY_BYTES", "RootKeyAway", "RootKeyError", "RootVersion", "check_root_key", "root_key", "unwrap", "wrap"]

_UNDECLARED: Final = "development"


class RootKey(Protocol):
    """What wraps and unwraps. All of it raises RootKeyError, and RootKeyAway when a service does not answer."""

    name: str

    def check(self) -> None: ...
    def seal(self, plain: bytes, about: bytes) -> bytes: ...
    def open(self, sealed: bytes, about: bytes) -> bytes: ...
    def is_current(self, sealed: bytes) -> bool: ...
    def versions(self) -> list[RootVersion]: ...
    def add_version(self) -> int: ...
    def drop_older(self, old_to: Path | None) -> list[RootVersion]: ...


def root_key() -> RootKey:
    """The one that wraps now, by the settings."""
    return _service() if settings.DENTATOOL_KMS else _file()


def check_root_key() -> None:
    """Ask it anew. Raises RootKeyError with what is wrong and how to mend it."""
    root_key().check()


def wrap(key: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes:
    """A laboratory's key as the database may hold it: covered by the laboratory's secret, then sealed by the root key."""
    about = _about(lab_id, kind, key_version)
    return root_key().seal(lab_secrets.cover(lab_id, key, about), about)


def unwrap(wrapped: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes:
    """The key itself. Raises RootKeyError when it was wrapped for another laboratory, kind, version or root key."""
    about = _about(lab_id, kind, key_version)
    covered = _opened(wrapped, about, lab_id, kind, key_version)
    # From before laboratories had secrets, in installations of developers; rewrapping covers it.
    key = covered if len(covered) == KEY_BYTES else lab_secrets.uncover(lab_id, covered, about)
    if len(key) != KEY_BYTES:
        raise RootKeyError(f"Schlüssel {kind} {key_version} des Labors {lab_id} hat die falsche Länge.")
    return key


def rewrap(wrapped: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes | None:
    """The same under the newest root key; None where it is already. The key itself is not looked at."""
    about, root = _about(lab_id, kind, key_version), root_key()
    is_here = wrapped.startswith(PREFIX) == bool(settings.DENTATOOL_KMS)
    is_current = is_here and root.is_current(wrapped)
    covered = b"" if is_current else _opened(wrapped, about, lab_id, kind, key_version)
    if is_current:
        return None
    return root.seal(lab_secrets.cover(lab_id, covered, about) if len(covered) == KEY_BYTES else covered, about)


def give_secret(lab_id: UUID, wrapped: Iterable[tuple[bytes, str, int]]) -> None:
    """A secret for a laboratory that has none: a new one, or one all of whose keys are from before there were secrets.

    Never for one whose secret is only missing: a second would hide that the first must be found.
    """
    if not lab_secrets.is_there(lab_id) and all(
        len(_opened(raw, _about(lab_id, kind, version), lab_id, kind, version)) == KEY_BYTES
        for raw, kind, version in wrapped
    ):
        lab_secrets.make(lab_id)


def _opened(wrapped: bytes, about: bytes, lab_id: UUID, kind: str, key_version: int) -> bytes:
    root: RootKey = _service() if wrapped.startswith(PREFIX) else _file()
    try:
        return root.open(wrapped, about)
    except RootKeyAway:
        raise
    except RootKeyError as problem:
        if "passt nicht" in str(problem):
            raise RootKeyError(f"{kind} {key_version} des Labors {lab_id} {problem}.") from None
        raise


def _file() -> FileRoot:
    return FileRoot(Path(settings.DENTATOOL_ROOT_KEY_FILE))


def _service() -> TransitRoot:
    if not settings.DENTATOOL_KMS:
        raise RootKeyError("Ein Schlüssel liegt im Schlüsseldienst verpackt: DENTATOOL_KMS nennt keinen.")
    return TransitRoot(settings.DENTATOOL_KMS, Path(settings.DENTATOOL_KMS_TOKEN_FILE), settings.DENTATOOL_CA_FILE)


def _about(lab_id: UUID, kind: str, key_version: int) -> bytes:
    # Rewriting the file's "environment" opens nothing: every wrapped key names its own.
    environment = "" if settings.DENTATOOL_MODE == _UNDECLARED else f"{settings.DENTATOOL_MODE}|"
    return f"{environment}{lab_id}|{kind}|{key_version}".encode()
