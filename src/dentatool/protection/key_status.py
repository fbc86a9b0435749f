"""What the provider may know of keys: which there are, how old they are, whether they open; never a key."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.apps import apps
from django.conf import settings

from dentatool.protection.vault.internal.rootkey import (
    RootKeyAway,
    RootKeyError,
    RootVersion,
    check_root_key,
    root_key,
    unwrap,
)

__all__ = [
    "KeyFact",
    "RootKeyAway",
    "RootKeyError",
    "check_root_key",
    "fault_of_key_service",
    "keys_of",
    "root_versions",
    "unwrap",
]


@dataclass(frozen=True, slots=True)
class KeyFact:
    """One version of one key of a laboratory. `retired_on`: since then it only opens."""

    kind: str
    version: int
    made_on: datetime
    retired_on: datetime | None
    opens: bool

    @property
    def days(self) -> int:
        """Its age."""
        return (datetime.now(UTC) - self.made_on) // timedelta(days=1)


def fault_of_key_service() -> str:
    """At a start: that the key service does not answer, which passes; "" when all is well or there is none.

    Raises RootKeyError for what does not pass by itself: a key of the wrong kind, a token file open to others.
    """
    if not settings.DENTATOOL_KMS:
        return ""
    try:
        check_root_key()
    except RootKeyAway as away:
        return str(away)
    return ""


def root_versions() -> list[RootVersion]:
    """Of the root key, the oldest first. Raises RootKeyError."""
    return root_key().versions()


def keys_of(lab_id: UUID) -> list[KeyFact]:
    """Every key that there is, each opened once to be sure. Needs the laboratory's pass."""
    stored = apps.get_model("protection", "LabKey")._default_manager.filter(lab_id=lab_id)
    return [
        KeyFact(
            key.kind,
            key.key_version,
            key.created_at,
            key.retired_at,
            _opens(bytes(key.wrapped), lab_id, key.kind, key.key_version),
        )
        for key in stored.order_by("kind", "key_version")
    ]


def _opens(wrapped: bytes, lab_id: UUID, kind: str, version: int) -> bool:
    try:
        unwrap(wrapped, lab_id, kind, version)
    except RootKeyError:
        return False
    return True
