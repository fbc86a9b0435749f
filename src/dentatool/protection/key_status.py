"""What the provider may know of a laboratory's keys: which there are and whether they open; never a key."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.apps import apps

from dentatool.protection.vault.internal.rootkey import RootKeyError, check_root_key, unwrap

__all__ = ["KeyFact", "RootKeyError", "check_root_key", "keys_of"]


@dataclass(frozen=True, slots=True)
class KeyFact:
    """One version of one key."""

    kind: str
    version: int
    made_on: datetime
    opens: bool


def keys_of(lab_id: UUID) -> list[KeyFact]:
    """Every key that is in use, each opened once to be sure. Needs the laboratory's pass."""
    stored = apps.get_model("protection", "LabKey")._default_manager.filter(lab_id=lab_id, retired_at=None)
    return [
        KeyFact(
            key.kind, key.key_version, key.created_at, _opens(bytes(key.wrapped), lab_id, key.kind, key.key_version)
        )
        for key in stored.order_by("kind", "key_version")
    ]


def _opens(wrapped: bytes, lab_id: UUID, kind: str, version: int) -> bool:
    try:
        unwrap(wrapped, lab_id, kind, version)
    except RootKeyError:
        return False
    return True
