"""Rules over the trail: each is provoked, told to the provider and the laboratory it concerns, and to no other."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv6Address
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from dentatool.operations.monitoring.rules import RULES, SUSPICION, Hit, Rule, hits, suspicions, tell_laboratories
from dentatool.protection.access import Role
from dentatool.protection.audit import Entry
from harness.database import connect_as, in_role

BY_NAME = {rule.name: rule for rule in RULES}
GUESSING, SPRAYING = "Viele abgewiesene Anmeldungen bei einem Konto", "Eine Adresse versucht viele Konten"
FROM_ONE, NIGHT = "Viele abgewiesene Anmeldungen von einer Adresse", "Anmeldung in der Nacht"


@pytest.fixture
def trail(superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """For planting entries as they would be; they are taken away again."""
    superuser.execute("set session_replication_role = replica")
    yield superuser
    superuser.execute("delete from protection_entry where request_id = 'planted'")
    superuser.execute("delete from protection_platformevent where facts ->> 'request' = 'planted'")


def plant(
    trail: psycopg.Connection, lab: Any, what: str, account: Any, times: int, *, minutes: float = 1, origin: str = "-"
) -> None:
    trail.execute(
        "insert into protection_entry (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, action, changes)"
        " select gen_random_uuid(), %s, now() - %s::interval, %s, 'work', %s, 'planted', 'event', %s, '', '{}'"
        " from generate_series(1, %s)",
        [lab.lab_id, timedelta(minutes=minutes), account, origin, what, times],
    )  # fmt: skip


def nobodys_address() -> str:
    """One that no other test signs in from: the rules count over all laboratories."""
    return str(IPv6Address(0x2001_0DB8 << 96 | uuid4().int >> 32))


def found(database: dict, rule: Rule, *labs: Any) -> list[Hit]:
    """Of these laboratories (none: of the platform); other tests leave their own."""
    wanted = {lab.lab_id for lab in labs} or {None}
    with connect_as(database, "worker") as link, link.cursor() as cursor:
        return [hit for hit in hits(cursor, [rule]) if hit.lab_id in wanted]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.per in ("Konto", "Labor") and not rule.hours], ids=str)
def test_a_rule_applies_from_its_threshold_on_within_its_window_and_to_whom_it_concerns(
    database: dict, trail: psycopg.Connection, anna: Any, bert: Any, rule: Rule
) -> None:
    account, window = uuid4(), rule.window.total_seconds() / 60
    plant(trail, anna, rule.events[0], account, rule.most, minutes=window + 1)
    plant(trail, bert, rule.events[-1], account, rule.most - 1)
    assert found(database, rule, anna, bert) == []

    plant(trail, anna, rule.events[-1], account, rule.most, minutes=window - 1)
    (hit,) = found(database, rule, anna, bert)

    assert (hit.lab_id, hit.times) == (anna.lab_id, rule.most)
    assert hit.account_id == (account if rule.per == "Konto" else None)
    assert "Labor" in str(hit)


def test_guessing_from_one_address_is_seen_also_with_unknown_names(database: dict, trail: psycopg.Connection) -> None:
    rule, origin = BY_NAME[FROM_ONE], nobodys_address()
    trail.execute(
        "insert into protection_platformevent (id, at, event, facts) select gen_random_uuid(), now(), 'authn_login_fail',"
        " jsonb_build_object('origin', %s::text, 'request', 'planted') from generate_series(1, %s)",
        [origin, rule.most],
    )

    assert [(hit.origin, hit.times) for hit in found(database, rule) if hit.origin == origin] == [(origin, rule.most)]


def test_one_address_at_many_accounts_is_seen_over_all_laboratories(
    database: dict, trail: psycopg.Connection, anna: Any, bert: Any
) -> None:
    rule, origin = BY_NAME[SPRAYING], nobodys_address()
    for lab in (anna, bert):
        for _ in range(rule.most // 2):
            plant(trail, lab, "authn_login_fail", uuid4(), 1, origin=origin)

    assert [(hit.origin, hit.times) for hit in found(database, rule) if hit.origin == origin] == [(origin, rule.most)]


def test_a_real_guesser_is_told_to_the_laboratory_once_and_to_no_other(
    database: dict, trail: psycopg.Connection, anna: Any, bert: Any
) -> None:
    account = uuid4()
    plant(trail, anna, "authn_2fa_fail", account, 15)

    with in_role("worker"):
        tell_laboratories()
        tell_laboratories()

    with anna.at_work():
        (event,) = Entry.objects.filter(what="security.suspicious")
        assert event.changes["kind"] == GUESSING
        assert (event.changes["account"], event.changes["count"]) == (str(account), 15)
    with bert.at_work():
        assert not Entry.objects.filter(what="security.suspicious").exists()


def test_a_sign_in_at_night_is_told_to_the_laboratory_for_those_who_may_much_and_not_to_the_provider(
    database: dict, trail: psycopg.Connection, anna: Any
) -> None:
    rule, owner, courier = BY_NAME[NIGHT], anna.owner.id, anna.courier.id
    hour = datetime.now(ZoneInfo("Europe/Berlin")).hour
    now_is_night = Rule(
        rule.name, rule.events, rule.per, rule.most, rule.window, hours=(hour, (hour - 1) % 24), roles=rule.roles
    )
    by_day = Rule(rule.name, rule.events, rule.per, rule.most, rule.window, hours=((hour + 12) % 24,), roles=rule.roles)
    for account in (owner, courier):
        plant(trail, anna, "authn_login_success", account, 1)

    assert [hit.account_id for hit in found(database, now_is_night, anna)] == [owner]
    assert found(database, by_day, anna) == []
    assert (rule.roles, rule.to_provider) == ((Role.OWNER, Role.OFFICE), False)


def test_the_doctor_names_the_rule_and_says_nothing_of_what_entries_hold(
    database: dict, trail: psycopg.Connection, anna: Any
) -> None:
    plant(trail, anna, "decrypt_fail", None, 1)
    trail.execute("update protection_entry set changes = '{\"where\": \"Petra Sommer\"}' where request_id = 'planted'")

    with connect_as(database, "worker") as link, link.cursor() as cursor:
        told = {finding.what: finding.found for finding in suspicions(cursor)}

    assert f"{SUSPICION}Unversehrtheit verletzt" in told
    assert "Sommer" not in str(told)


@pytest.mark.parametrize("role", ["app", "backup", "owner"])
def test_the_door_is_for_the_worker_alone(database: dict, role: str) -> None:
    with connect_as(database, role) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("select * from protection.door_count_events('{authz_fail}', 60, '{}', '{}')")
