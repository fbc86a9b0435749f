"""Rules over the trail: what looks like an attack, a thief or a broken seal, told to the provider and to the laboratory.

Looked at are names, times, accounts and addresses of entries (door 17), never what an entry says. The worker looks each
minute and leaves an event in the trail of the laboratory concerned, once in each window; the doctor names what applies now.
How it could be broken: slowly. Whoever stays below a threshold is not seen; the limits of the entrance hold all the same.
Tests that try: tests/operations/monitoring/test_rules.py.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import connection
from django.utils import timezone

from dentatool.operations.finding import GOOD, WRONG, Finding
from dentatool.protection.access import Role
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.tenancy import laboratory

ACCOUNT, ADDRESS, MANY_ACCOUNTS, LABORATORY = "Konto", "Adresse", "Adresse über Konten", "Labor"
EVERY_S = 60.0
SUSPICION = "Auffälligkeit: "
_ONE_AT_A_TIME = 0x72756C65  # advisory lock
_NAMED = 3
_FAILED_SIGN_INS = ("authn_login_fail", "authn_login_lock")


@dataclass(frozen=True, slots=True)
class Rule:
    """`most` of these events within the window, counted for each of `per`, are one too many."""

    name: str
    events: tuple[str, ...]
    per: str
    most: int
    window: timedelta
    to_provider: bool = True
    to_laboratory: bool = True
    hours: tuple[int, ...] = ()  # of the clock in Germany; none: at any time
    roles: tuple[str, ...] = ()  # none: whoever


MINUTES_15, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
RULES = (
    Rule(
        "Viele abgewiesene Anmeldungen bei einem Konto",
        (*_FAILED_SIGN_INS, "authn_2fa_fail", "authn_2fa_lock", "authn_confirm_fail"), ACCOUNT, 15, MINUTES_15,
    ),
    Rule(
        "Viele abgewiesene Anmeldungen von einer Adresse", _FAILED_SIGN_INS, ADDRESS, 60, MINUTES_15, to_laboratory=False
    ),
    Rule("Eine Adresse versucht viele Konten", _FAILED_SIGN_INS, MANY_ACCOUNTS, 8, HOUR, to_laboratory=False),
    Rule(
        "Ungewöhnlich viele Ausgaben",
        ("trail.exported", "trail.export_fetched", "invoice.xml_downloaded", "invoice.pdf_opened"), ACCOUNT, 200, HOUR,
    ),
    Rule(
        "Anmeldung in der Nacht", ("authn_login_success",), ACCOUNT, 1, HOUR, to_provider=False,
        hours=(23, 0, 1, 2, 3, 4), roles=(Role.OWNER, Role.OFFICE),
    ),
    Rule(
        "Gehäufte Zugriffe ohne Recht", ("authz_fail", "sequence_fail", "malicious_direct_reference"), ACCOUNT, 20, MINUTES_15
    ),
    Rule("Unversehrtheit verletzt", ("audit_chain_broken", "decrypt_fail", "ctx_forged"), LABORATORY, 1, DAY),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that applies: to whom (nobody in particular: None, ""), how often and since when."""

    rule: Rule
    lab_id: UUID | None
    account_id: UUID | None
    origin: str
    times: int
    since: datetime

    def __str__(self) -> str:
        parts = (
            f"Labor {self.lab_id}" if self.lab_id else "", f"Konto {self.account_id}" if self.account_id else "",
            f"Adresse {self.origin}" if self.origin else "",
        )  # fmt: skip
        return f"{self.times}-mal seit {self.since.astimezone():%d.%m., %H:%M} Uhr ({', '.join(filter(None, parts)) or 'Plattform'})"


class Cursor(Protocol):
    """psycopg's cursor or Django's, in the worker's role."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


def hits(cursor: Cursor, rules: Sequence[Rule] = RULES) -> Iterator[Hit]:
    """What applies now, the worst of each rule first."""
    for rule in rules:
        cursor.execute(
            "select * from protection.door_count_events(%s, %s, %s::int[], %s::text[])",
            [list(rule.events), int(rule.window.total_seconds()), list(rule.hours), [str(role) for role in rule.roles]],
        )
        yield from sorted(_over(rule, cursor.fetchall()), key=lambda hit: -hit.times)


def _over(rule: Rule, rows: list[tuple[Any, ...]]) -> Iterator[Hit]:
    groups: defaultdict[tuple[UUID | None, UUID | None, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        lab_id, account_id, origin = row[:3]
        # The platform's events tell of unknown names, too; accounts are named by those of laboratories alone.
        is_of_address = (rule.per == ADDRESS and lab_id is None) or (rule.per == MANY_ACCOUNTS and account_id)
        if rule.per == ACCOUNT and account_id:
            groups[lab_id, account_id, ""].append(row)
        elif is_of_address and origin:
            groups[None, None, origin].append(row)
        elif rule.per == LABORATORY:
            groups[lab_id, None, ""].append(row)
    for (lab_id, account_id, origin), several in groups.items():
        times = (
            len({(row[0], row[1]) for row in several}) if rule.per == MANY_ACCOUNTS else sum(row[3] for row in several)
        )
        if times >= rule.most:
            yield Hit(rule, lab_id, account_id, origin, times, min(row[4] for row in several))


def suspicions(cursor: Cursor) -> Iterator[Finding]:
    """The doctor's lines: one for each rule that applies and concerns the provider."""
    by_rule: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in hits(cursor, [rule for rule in RULES if rule.to_provider]):
        by_rule[hit.rule.name].append(hit)
    for name, found in by_rule.items():
        more = f" und {len(found) - _NAMED} weitere" if len(found) > _NAMED else ""
        told = "; ".join(str(hit) for hit in found[:_NAMED])
        yield Finding(
            f"{SUSPICION}{name}", WRONG, told + more, "Siehe „Auffälligkeiten“ in docs/runbooks/stoerungen.md."
        )
    if not by_rule:
        yield Finding("Auffälligkeiten", GOOD, f"keine nach {len(RULES)} Regeln über die Protokolle")


_looked: list[float] = [float("-inf")]


def every_minute() -> None:
    """For the worker: tell laboratories what concerns them."""
    if time.monotonic() - _looked[0] >= EVERY_S:
        _looked[0] = time.monotonic()
        tell_laboratories()


def tell_laboratories() -> int:
    """Leave an event for each hit that is not told yet in its window. How many. Only one worker does so at a time."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_ONE_AT_A_TIME])
        if cursor.fetchone() != (True,):
            return 0
        try:
            found = [hit for hit in hits(cursor, [rule for rule in RULES if rule.to_laboratory]) if hit.lab_id]
            return sum(_tell(hit) for hit in found)
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])


def _tell(hit: Hit) -> bool:
    assert hit.lab_id is not None
    with laboratory(hit.lab_id):
        told = Entry.objects.filter(what="security.suspicious", at__gt=timezone.now() - hit.rule.window)
        known = {(entry.changes.get("kind"), entry.changes.get("account")) for entry in told}
        account = str(hit.account_id) if hit.account_id else None
        if (hit.rule.name, account) in known:
            return False
        record_event("security.suspicious", kind=hit.rule.name, account=account, count=hit.times, since=hit.since)
    return True
