"""New keys for a laboratory while everybody works: begun, resumed, finished, and old ones destroyed.

Promise: from LEASE_S after the new version is there nobody seals with the old one; every stored value is sealed anew and
can be opened at any moment; no request fails and no record looks changed by it. A run that is killed is taken up by the
next. A version is destroyed only when no stored value and no entry of the trail names it.
How it could be broken: see vault/internal/rotation.py. Why it is so: docs/decisions/keys.md.
Tests that try: tests/protection/vault/test_rotation.py, tests/operations/test_keys_under_load.py.

Needs Django in the owner's role: the app may neither change nor delete a key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.utils import timezone

from dentatool.protection.audit import record_event
from dentatool.protection.founding import connect_as
from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault.internal.columns import SealedTable, sealed_tables
from dentatool.protection.vault.internal.keys import KINDS, LEASE_S, add_key, forget_keys
from dentatool.protection.vault.internal.rotation import Use, Walk, rows_to_do, uses, walk

__all__ = ["KINDS", "Busy", "Progress", "Rotated", "Use", "destroy_unused", "every_laboratory", "rotate", "uses_of"]

# What was loaded under the old key may still be opened, and keys are remembered for five minutes. Nothing can be written
# later than this: the database ends a transaction that is silent for a minute (idle_in_transaction_session_timeout).
GRACE = timedelta(minutes=10)
_MOST_WALKS = 20


class Busy(RuntimeError):
    """Another command is at this laboratory's keys."""


@dataclass(frozen=True, slots=True)
class Progress:
    """After each batch: rows done so far, all there were to do at the beginning, rows a second of this run."""

    done: int
    total: int
    per_s: float

    @property
    def remaining_s(self) -> float:
        return max(0, self.total - self.done) / self.per_s if self.per_s else 0.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a run has done. `unreadable` values were left as they are: their key stays.

    `seconds`: of sealing alone, without the waiting for other processes to learn of the new key.
    """

    versions: dict[str, int]
    resumed: bool
    rows: int
    values: int
    unreadable: int
    seconds: float


def every_laboratory() -> list[tuple[UUID, str, bool]]:
    """Id, name, and whether it is open; closed ones have keys as well."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_every_laboratory()")
        return list(cursor.fetchall())


def rotate(
    lab_id: UUID,
    kinds: Sequence[str] = KINDS,
    *,
    rows_per_s: float | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
    tables: Sequence[SealedTable] | None = None,
) -> Rotated:
    """Take up a rotation that was begun, or begin one for these kinds, and bring it to its end. Raises Busy.

    `rows_per_s` slows it down. The batches are one after the other, so it uses one core and one connection.
    """
    begun = time.monotonic()
    tables = sealed_tables() if tables is None else tables
    with one_at_a_time(lab_id):
        versions, resumed = _begin(lab_id, kinds)
        lease_ends = time.monotonic() + LEASE_S + 0.5
        total = rows_to_do(lab_id, tables)
        rows = values = 0
        worked = 0.0
        for _ in range(_MOST_WALKS):
            walking = time.monotonic()
            found = walk(lab_id, tables, _pace(total, rows, begun, rows_per_s, tell))
            worked += time.monotonic() - walking if found.rows else 0.0
            rows, values = rows + found.rows, values + found.values
            is_last = time.monotonic() > lease_ends
            if is_last and not found.rows and not found.passed_over:
                break
            if not is_last:
                time.sleep(max(0.0, lease_ends - time.monotonic()))
            elif found.passed_over:
                time.sleep(0.2)  # somebody holds them
        else:
            raise Busy("Einzelne Zeilen sind seit Minuten in Arbeit. Starten Sie das Kommando noch einmal.")
        with laboratory(lab_id):
            _retire(lab_id, versions)
            for kind, version in versions.items():
                record_event("keys.rotated", kind=kind, version=version)
            record_event("keys.rotated", rows=rows, values=values, unreadable=found.unreadable)
    return Rotated(versions, resumed, rows, values, found.unreadable, worked)


def uses_of(lab_id: UUID) -> list[Use]:
    """Which versions stored values and the trail name. Reads everything of the laboratory."""
    return uses(lab_id, sealed_tables())


def destroy_unused(
    lab_id: UUID, *, grace: timedelta = GRACE, tables: Sequence[SealedTable] | None = None
) -> list[tuple[str, int]]:
    """Delete the versions that are superseded since `grace` and that nothing names any more; which those were."""
    tables = sealed_tables() if tables is None else tables
    keys = apps.get_model("protection", "LabKey")._default_manager
    with one_at_a_time(lab_id):
        walk(lab_id, tables)  # what somebody wrote at the last moment with the old key
        older_transactions_ended()
        named = {(use.kind, use.version) for use in uses(lab_id, tables) if _needs_key(use)}
        with laboratory(lab_id):
            old = keys.filter(lab_id=lab_id, retired_at__lt=timezone.now() - grace).order_by("kind", "key_version")
            gone = [(key.kind, key.key_version) for key in old if (key.kind, key.key_version) not in named]
            for kind, version in gone:
                keys.filter(lab_id=lab_id, kind=kind, key_version=version).delete()
                record_event("keys.destroyed", kind=kind, version=version)
    forget_keys()
    return gone


def _needs_key(use: Use) -> bool:
    """A token in an old entry is never searched for, so the index key is not needed to read the entry."""
    return bool(use.stored or (use.in_trail and use.kind != "index"))


def _begin(lab_id: UUID, kinds: Sequence[str]) -> tuple[dict[str, int], bool]:
    """The versions that everything shall be under, and whether they were there already."""
    with laboratory(lab_id):
        keys = list(apps.get_model("protection", "LabKey")._default_manager.filter(lab_id=lab_id))
        newest = {kind: max((k.key_version for k in keys if k.kind == kind), default=0) for kind in KINDS}
        begun = {k.kind for k in keys if k.retired_at is None and k.key_version < newest[k.kind]}
        if begun:
            return {kind: newest[kind] for kind in KINDS if kind in begun}, True
        for kind in kinds:
            add_key(lab_id, kind, newest[kind] + 1)
            record_event("crypt_key_event", kind=kind, version=newest[kind] + 1)
    forget_keys()
    return {kind: newest[kind] + 1 for kind in kinds}, False


def _retire(lab_id: UUID, versions: dict[str, int]) -> None:
    keys = apps.get_model("protection", "LabKey")._default_manager
    for kind, version in versions.items():
        keys.filter(lab_id=lab_id, kind=kind, key_version__lt=version, retired_at=None).update(
            retired_at=timezone.now()
        )


def _pace(
    total: int, before: int, begun: float, rows_per_s: float | None, tell: Callable[[Progress], None]
) -> Callable[[Walk], None]:
    told = [-1]

    def after_batch(found: Walk) -> None:
        done, taken = before + found.rows, time.monotonic() - begun
        if done == told[0]:
            return
        told[0] = done
        if rows_per_s and (ahead := done / rows_per_s - taken) > 0:
            time.sleep(ahead)
            taken += ahead
        tell(Progress(done, max(total, done), done / taken if taken else 0.0))

    return after_batch


@contextmanager
def one_at_a_time(lab_id: UUID) -> Iterator[None]:
    """One command at a time for each laboratory. The database lets go when the process dies."""
    name = int.from_bytes(lab_id.bytes[8:], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [name])
        if cursor.fetchone() != (True,):
            raise Busy("An den Schlüsseln dieses Labors arbeitet schon ein anderes Kommando.")
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [name])


def older_transactions_ended() -> None:
    """Until every transaction that has written something by now has ended. Only the worker's role may see that."""
    with connect_as("worker") as worker:
        (until,) = worker.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::int8").fetchone() or (0,)
        while True:
            ((oldest,),) = worker.execute("select pg_snapshot_xmin(pg_current_snapshot())::text::int8").fetchall()
            if oldest >= until:
                return
            time.sleep(0.1)
