"""A new root key, or another place for it: every laboratory's keys are wrapped anew, nothing else is touched.

Promise: both versions open while it runs, so nothing fails; a killed run is taken up by the next; the old version leaves
only when no wrapped key in the database needs it. Backups from before do need it: whoever lets it go is told so.
How it could be broken: by whoever holds an old root key, an old backup and the laboratories' secrets; so the old key is
kept apart, or not at all. Test that tries: tests/protection/vault/test_root_rotation.py.

Needs Django in the owner's role.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.apps import apps

from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.key_rotation import every_laboratory, older_transactions_ended, one_at_a_time
from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault.internal import lab_secrets
from dentatool.protection.vault.internal.rootkey import RootKeyError, RootVersion, give_secret, rewrap, root_key

__all__ = ["Rewrapped", "RootKeyError", "RootVersion", "is_complete", "let_old_go", "rotate_root", "versions"]

_ALL = UUID(int=0)  # the name of the lock


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a run has done; `failed` laboratories have keys that do not open, and keep the old root key needed."""

    version: int
    resumed: bool
    keys: int
    laboratories: int
    failed: dict[UUID, str]


def versions() -> list[RootVersion]:
    """All that open, the oldest first."""
    return root_key().versions()


def rotate_root(tell: Callable[[int, int], None] = lambda _done, _all: None) -> Rewrapped:
    """Take up what was begun, or make a new version; then wrap every laboratory's keys with the newest."""
    with one_at_a_time(_ALL):
        resumed = bool(_behind())
        version = root_key().versions()[-1].version if resumed else root_key().add_version()
        total, failed = 0, dict[UUID, str]()
        while True:
            older_transactions_ended()  # a laboratory that is just being founded
            if not (behind := [lab_id for lab_id in _behind() if lab_id not in failed]):
                break
            for done, lab_id in enumerate(behind, start=1):
                try:
                    total += _rewrap(lab_id, version)
                except RootKeyError as problem:
                    failed[lab_id] = str(problem)
                tell(done, len(behind))
        record_platform_event("keys.rewrapped", version=version, count=total)
    return Rewrapped(version, resumed, total, len(every_laboratory()), failed)


def is_complete() -> bool:
    """Whether every laboratory's keys are under the newest root key already."""
    return not _behind()


def let_old_go(old_to: Path | None) -> list[RootVersion]:
    """Take the older versions away, after writing them to a new file if one is named. Raises RootKeyError, changing nothing."""
    with one_at_a_time(_ALL):
        older_transactions_ended()
        if behind := _behind():
            raise RootKeyError(
                f"Bei {len(behind)} Laboren ist noch ein Schlüssel unter einem älteren Hauptschlüssel verpackt."
            )
        try:
            gone = root_key().drop_older(old_to)
        except FileExistsError:
            raise RootKeyError(f"{old_to} gibt es schon; sie wird nicht überschrieben.") from None
        except OSError as problem:
            raise RootKeyError(
                f"{old_to} lässt sich nicht schreiben: {problem.strerror}. Nichts wurde geändert."
            ) from None
        for each in gone:
            record_platform_event("crypt_key_event", kind="root.key", version=each.version, result="entfernt")
    return gone


def _behind() -> list[UUID]:
    """Laboratories with a key that the newest root key has not wrapped. A destroyed one has none that counts."""
    found, gone = [], lab_secrets.destroyed()
    current = root_key().is_current
    for lab_id, _name, _active in every_laboratory():
        if lab_id in gone:
            continue
        with laboratory(lab_id):
            wrapped = apps.get_model("protection", "LabKey")._default_manager.values_list("wrapped", flat=True)
            if any(not current(bytes(raw)) for raw in wrapped):
                found.append(lab_id)
    return found


def _rewrap(lab_id: UUID, version: int) -> int:
    keys = apps.get_model("protection", "LabKey")._default_manager
    done = 0
    with laboratory(lab_id):
        held = [(key.pk, bytes(key.wrapped), key.kind, key.key_version) for key in keys.filter(lab_id=lab_id)]
        give_secret(lab_id, ((raw, kind, key_version) for _pk, raw, kind, key_version in held))
        for pk, raw, kind, key_version in held:
            if (anew := rewrap(raw, lab_id, kind, key_version)) is not None:
                done += keys.filter(pk=pk, wrapped=raw).update(wrapped=anew)
        if done:
            record_event("keys.rewrapped", version=version, count=done)
    return done
