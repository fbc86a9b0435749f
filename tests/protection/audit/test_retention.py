"""The trail forgets when it is time and not before, whoever asks."""

from datetime import timedelta

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from dentatool.protection.audit import Entry
from dentatool.protection.audit.retention import PERIODS, kept_days
from dentatool.protection.audit.vocabulary import WORDS, Kept
from dentatool.protection.tenancy.internal.passes import Pass, sign
from harness.database import connect_as

# One name of each class, and its days.
EXAMPLES = {"authn_login_fail": 365, "trail.viewed": 90, "practices_practice": 3653}


@pytest.fixture
def worker(database):
    with connect_as(database, "worker", autocommit=True) as link:
        yield link


@pytest.fixture
def owner(database):
    with connect_as(database, "owner", autocommit=True) as link:
        yield link


@pytest.fixture(autouse=True)
def nothing_old_is_left(superuser):
    """The doctor would complain about it in the tests that follow."""
    yield
    superuser.execute("delete from protection_entry where at < now() - interval '80 days'")


def lay_down(superuser, lab, name, days_ago):
    """An entry as old as that."""
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        " values (gen_random_uuid(), %s, now() - %s::interval, 'work', '', '-', 'event', %s, '', '{}')",
        [lab.lab_id, timedelta(days=days_ago), name],
    )


def expire(link, lab, most=1000):
    """As the nightly job asks."""
    with link.transaction():
        signed = sign(Pass(lab.lab_id), backend_pid=link.info.backend_pid)
        link.execute("select set_config('dentatool.pass', %s, true)", [signed])
        return dict(link.execute("select * from protection.expire_entries(%s)", [most]).fetchall())


def left(lab, name):
    with lab.at_work():
        return Entry.objects.filter(what=name, action="").count()


@pytest.mark.parametrize(("name", "days"), EXAMPLES.items())
def test_an_entry_goes_when_its_days_are_over_and_stays_the_day_before(anna, superuser, worker, name, days):
    lay_down(superuser, anna, name, days - 1)
    lay_down(superuser, anna, name, days + 1)

    gone = expire(worker, anna)

    assert gone[WORDS[name].kept.value] == 1
    assert left(anna, name) == 1


def test_forgetting_leaves_an_entry_with_counts_and_nothing_else(anna, superuser, worker):
    lay_down(superuser, anna, "authn_login_fail", 400)
    lay_down(superuser, anna, "trail.viewed", 100)

    expire(worker, anna)

    with anna.at_work():
        (entry,) = Entry.objects.filter(what="trail.expired")
    assert entry.changes == {"security": 1, "access": 1, "business": 0}


def test_a_night_without_anything_due_leaves_no_entry(anna, worker):
    assert expire(worker, anna) == {"security": 0, "access": 0, "business": 0}
    assert left(anna, "trail.expired") == 0


def test_an_unknown_name_is_kept_as_long_as_any(anna, superuser, worker):
    lay_down(superuser, anna, "of.an.older.program", 3600)
    lay_down(superuser, anna, "of.an.older.program", 3700)

    expire(worker, anna)

    assert left(anna, "of.an.older.program") == 1


def test_annas_night_takes_nothing_of_berts(anna, bert, superuser, worker):
    for lab in (anna, bert):
        lay_down(superuser, lab, "authn_login_fail", 400)

    expire(worker, anna)

    assert (left(anna, "authn_login_fail"), left(bert, "authn_login_fail")) == (0, 1)


def test_much_that_is_due_goes_in_batches(anna, superuser, worker):
    for _ in range(5):
        lay_down(superuser, anna, "authn_login_fail", 400)

    assert [expire(worker, anna, most=2)["security"] for _ in range(3)] == [2, 2, 1]


def test_the_web_cannot_have_anything_forgotten(anna, app_connection):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        expire(app_connection, anna)


@pytest.mark.parametrize("statement", [
    "update protection.retention set keep_days = 30", "insert into protection.retention values ('x', 'access', 30)",
    "delete from protection_entry", "delete from protection_platformevent",
])  # fmt: skip
def test_the_worker_can_neither_shorten_the_days_nor_delete_by_hand(anna, worker, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute(statement)


def test_without_a_pass_nothing_is_forgotten(anna, superuser, worker):
    lay_down(superuser, anna, "authn_login_fail", 400)

    with pytest.raises(psycopg.Error, match="no pass"):
        worker.execute("select * from protection.expire_entries(1000)")

    assert left(anna, "authn_login_fail") == 1


def test_every_name_of_the_vocabulary_has_its_days_in_the_database(superuser):
    stored = superuser.execute("select what, kept, keep_days from protection.retention").fetchall()

    assert set(stored) == {(name, word.kept.value, PERIODS[word.kept].days) for name, word in WORDS.items()}


@pytest.mark.parametrize(
    ("kept", "days"),
    [("security", 179), ("security", 731), ("access", 29), ("access", 366), ("business", 3652), ("business", 4384)],
)
def test_days_outside_of_the_safe_range_are_refused(kept, days):
    refused = pytest.raises(ImproperlyConfigured, match=f"DENTATOOL_KEEP_{kept.upper()}_DAYS={days}")
    with override_settings(DENTATOOL_KEEP_DAYS={kept: days}), refused:
        kept_days()


def test_days_within_the_range_are_taken():
    with override_settings(DENTATOOL_KEEP_DAYS={"access": 60}):
        assert kept_days() == {Kept.SECURITY: 365, Kept.ACCESS: 60, Kept.BUSINESS: 3653}


def test_events_of_the_platform_go_too(superuser, worker):
    superuser.execute(
        "insert into protection_platformevent (id, at, event, facts) values"
        " (gen_random_uuid(), now() - interval '400 days', 'authn_login_fail', '{}'),"
        " (gen_random_uuid(), now() - interval '300 days', 'authn_login_fail', '{}')"
    )

    (gone,) = worker.execute("select protection.expire_platform_events(1000)").fetchone()

    assert gone == 1
    (kept,) = superuser.execute(
        "select count(*) from protection_platformevent where at < now() - interval '200 days'"
    ).fetchone()
    assert kept == 1
