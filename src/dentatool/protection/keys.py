"""State of the keys, for those who run the platform: versions and ages, never a key."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from dentatool.protection.vault.internal.models import LabKey
from dentatool.protection.vault.internal.rootkey import RootKeyError, check_root_key

__all__ = ["KeyAge", "RootKeyError", "check_root_key", "key_ages"]


@dataclass(frozen=True, slots=True)
class KeyAge:
    """One key of the laboratory whose pass is in force."""

    kind: str
    version: int
    created_at: datetime
    is_retired: bool

    @property
    def age(self) -> timedelta:
        """How long it has been there."""
        return timezone.now() - self.created_at


def key_ages() -> list[KeyAge]:
    """Every key of the laboratory whose pass is in force, oldest version first."""
    rows = LabKey.objects.order_by("kind", "key_version")
    return [KeyAge(row.get_kind_display(), row.key_version, row.created_at, row.retired_at is not None) for row in rows]
