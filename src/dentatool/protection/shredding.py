"""The end of a laboratory's keys: what it sealed is unreadable from then on, here and in every backup.

Promise: its secret (vault/internal/lab_secrets.py) is overwritten and removed, its wrapped keys are deleted, the laboratory
is closed and its sessions are over. A backup that is restored later brings the wrapped keys back; they do not open any
more, and the next `dentatool migrate`, which every start runs before anybody can sign in, closes the laboratory again.
Not covered: what is not sealed (numbers, prices, a practice's name), and copies of var/keys that somebody has kept. Web
and worker processes may remember unwrapped keys for five minutes, for a laboratory that nobody can enter.
Test that tries: tests/protection/vault/test_shredding.py.

Needs Django in the owner's role.
"""

from __future__ import annotations

from uuid import UUID

from django.apps import apps
from django.db import connection
from django.utils import timezone

from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.key_rotation import every_laboratory
from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault.internal import lab_secrets
from dentatool.protection.vault.internal.keys import forget_keys

__all__ = ["apply_again", "destroyed", "shred"]


def shred(lab_id: UUID) -> None:
    """Close it, destroy its secret, delete its keys. A run that is killed is ended by the next."""
    _close(lab_id)
    lab_secrets.destroy(lab_id)
    _delete_keys(lab_id)
    forget_keys()
    record_platform_event("keys.shredded", record=str(lab_id))


def destroyed() -> dict[UUID, str]:
    """Laboratories that have met their end, and when (ISO)."""
    return lab_secrets.destroyed()


def apply_again() -> list[UUID]:
    """After a restore: close once more what was destroyed since, and delete the keys that came back; which those were."""
    gone = lab_secrets.destroyed()
    back = [lab_id for lab_id, _name, active in every_laboratory() if lab_id in gone and (active or _has_keys(lab_id))]
    for lab_id in back:
        shred(lab_id)
    return back


def _close(lab_id: UUID) -> None:
    with laboratory(lab_id), connection.cursor() as cursor:
        cursor.execute("update protection_laboratory set active = false where id = %s and active", [lab_id])
        if cursor.rowcount:
            record_event("keys.shredded")
        now = timezone.now()
        for model, running in (("Session", "ended_at"), ("ApiToken", "ended_at")):
            apps.get_model("protection", model)._default_manager.filter(**{f"{running}__isnull": True}).update(
                **{running: now}
            )
        apps.get_model("kit", "Job")._default_manager.filter(state="waiting").delete()


def _delete_keys(lab_id: UUID) -> None:
    with laboratory(lab_id):
        apps.get_model("protection", "LabKey")._default_manager.filter(lab_id=lab_id).delete()


def _has_keys(lab_id: UUID) -> bool:
    with laboratory(lab_id):
        return bool(apps.get_model("protection", "LabKey")._default_manager.filter(lab_id=lab_id).exists())
