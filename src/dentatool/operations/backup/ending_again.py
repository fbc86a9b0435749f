"""Applies in a restored database what has been ended since (since.py), laboratory by laboratory, under each one's own pass.

Needs Django in the owner's role, connected to the restored database.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import InternalError, connection, transaction
from django.utils import timezone

from dentatool.operations.backup.setup import ENDED_SINCE
from dentatool.operations.backup.since import Held
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory


def end_again(postgres: Path, tell: Callable[[str], None] = lambda _: None) -> int:
    """Apply what lies beside the restored database, one transaction for each laboratory; how much was ended.

    Safe to repeat: the file goes last.
    """
    file = postgres / ENDED_SINCE
    try:
        known = json.loads(file.read_text())
    except FileNotFoundError:
        return 0
    count = 0
    with connection.cursor() as cursor:
        cursor.execute("select id from protection.door_every_laboratory() as each (id, name, active)")
        laboratories: list[UUID] = [lab_id for (lab_id,) in cursor.fetchall()]
    for lab_id in laboratories:
        with laboratory(lab_id):
            ended = _Laboratory(lab_id, known["laboratories"].get(str(lab_id), {}), tell).end()
            if ended:
                record_event("restore_done", what="Zugänge wieder beendet", until=known["until"], count=ended)
        count += ended
    file.unlink()
    return count


class _Laboratory:
    """One laboratory under its own pass. Each step gives how many rows it has changed."""

    def __init__(self, lab_id: UUID, held: Held, tell: Callable[[str], None]) -> None:
        self._lab_id, self._held, self._tell = lab_id, held, tell

    def end(self) -> int:
        """In an order in which the last owner is never the one to go."""
        return (
            self._of_itself() + self._roles() + self._accounts() + self._gone("ApiToken", "token")
            + self._factors() + self._providers() + self._everything_open()
        )  # fmt: skip

    def _now(self, table: str, row_id: UUID) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._held.get(table, {}).get(str(row_id))
        return found

    def _of_itself(self) -> int:
        now = self._now("laboratory", self._lab_id) or {"active": False, "idle": 60, "rule": "optional"}
        with connection.cursor() as cursor:
            cursor.execute(
                "update protection_laboratory set active = active and %s, idle_minutes = least(idle_minutes, %s),"
                " factor_rule = case when factor_rule = 'optional' then %s else factor_rule end"
                " where id = %s and (active, idle_minutes, factor_rule) is distinct from (active and %s,"
                " least(idle_minutes, %s), case when factor_rule = 'optional' then %s else factor_rule end)",
                [now["active"], now["idle"], now["rule"], self._lab_id, now["active"], now["idle"], now["rule"]],
            )
            return int(cursor.rowcount)

    def _roles(self) -> int:
        count = 0
        for role in _all("LaboratoryRole"):
            now = self._now("role", role.pk) or {"active": False, "permissions": []}
            left = [each for each in role.permissions if each in now["permissions"]]
            if (role.active and not now["active"]) or left != role.permissions:
                role.active, role.permissions = role.active and now["active"], left
                role.save(update_fields=["active", "permissions"])
                count += 1
        return count

    def _accounts(self) -> int:
        """Whoever is an owner now comes first: the database lets the last one not go."""
        accounts = sorted(
            _all("Account"), key=lambda each: (self._now("account", each.pk) or {}).get("role") != "owner"
        )
        return sum(self._account(account) for account in accounts)

    def _account(self, account: Any) -> int:
        now = self._now("account", account.pk)
        wanted = {
            "role": account.role if now is None else now["role"],
            "practice_id": account.practice_id if now is None or now["practice"] is None else UUID(now["practice"]),
            "password_hash": account.password_hash if now is None else now["password"],
            "active": account.active and now is not None and now["active"],
        }
        if now is not None and now["practice"] is None:
            wanted["practice_id"] = None
        if all(getattr(account, name) == value for name, value in wanted.items()):
            return 0
        try:
            with transaction.atomic():
                _objects("Account").filter(pk=account.pk).update(**wanted, access_ended_at=timezone.now())
        except InternalError as error:  # the database's own rule; everybody else who could own it came later
            self._tell(f"Konto {account.pk} bleibt, wie es damals war: {str(error).splitlines()[0]}")
            return 0
        return 1

    def _factors(self) -> int:
        """Removed ones go; what is left of recovery codes is not to be seen, so a changed set goes as well."""
        count = 0
        for factor in _all("Factor"):
            now = self._now("factor", factor.pk)
            (sealed,) = _objects("Factor").filter(pk=factor.pk).values_list("secret", flat=True)
            if now is None or (factor.kind == "codes" and hashlib.sha256(bytes(sealed)).hexdigest() != now["secret"]):
                _objects("Factor").filter(pk=factor.pk).delete()
                count += 1
            elif now["counter"] > factor.counter or now["locked"]:
                _objects("Factor").filter(pk=factor.pk).update(
                    counter=max(now["counter"], factor.counter), failed_count=now["failed"], locked_until=now["locked"]
                )
        return count

    def _providers(self) -> int:
        count = 0
        for provider in _all("IdentityProvider"):
            now = self._now("provider", provider.pk) or {"active": False}
            same = (now.get("issuer"), now.get("client")) == (provider.issuer, provider.client_id)
            if provider.active and not (now["active"] and same):
                count += _objects("IdentityProvider").filter(pk=provider.pk).update(active=False)
        known = [UUID(row_id) for row_id in self._held.get("link", {})]
        return count + int(_objects("IdentityLink").exclude(pk__in=known).delete()[0])

    def _gone(self, model: str, table: str) -> int:
        living = [UUID(row_id) for row_id in self._held.get(table, {})]
        return int(_objects(model).filter(ended_at=None).exclude(pk__in=living).update(ended_at=timezone.now()))

    def _everything_open(self) -> int:
        """Sessions and links are short-lived and easily made anew: none of then is good any more."""
        now = timezone.now()
        sessions = _objects("Session").filter(ended_at=None).update(ended_at=now, ending="team")
        links = _objects("AccessLink").filter(used_at=None).update(used_at=now)
        return int(sessions) + int(links)


def _objects(name: str) -> Any:
    return apps.get_model("protection", name)._default_manager


def _all(name: str) -> list[Any]:
    return list(_objects(name).all())
