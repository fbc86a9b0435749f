"""What the doctor says of worker, jobs and outbox: each fault is made, found, and mended."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from dentatool.kit.jobs import HEARTBEAT_FILE, at_work
from dentatool.operations.finding import GOOD, WARNING, WRONG
from dentatool.operations.monitoring.background import background
from harness.smtp import PostOffice


@pytest.fixture
def nothing_waits(superuser: psycopg.Connection) -> Iterator[None]:
    """Other tests leave jobs and mail: they do not count while these look."""
    superuser.execute("set session_replication_role = replica")  # no triggers: nothing of this belongs into the trail
    superuser.execute("update kit_job set run_at = now() + interval '1 day' where state = 'waiting'")
    superuser.execute("update kit_mail set state = 'sent', sent_at = now() - interval '1 day' where state = 'waiting'")
    superuser.execute("update kit_mail set sent_at = now() - interval '1 day' where sent_at is not null")
    for table in ("kit_job", "kit_mail"):
        superuser.execute(f"update {table} set state = 'done' where state = 'failed'")
    yield
    superuser.execute("delete from kit_job where name like 'test.%'")
    superuser.execute("delete from kit_mail where last_error like 'test%'")


def found(database: dict) -> dict[str, str]:
    return {finding.what: finding.status for finding in background(database)}


def job(superuser: psycopg.Connection, anna: Any, *, state: str, minutes: int) -> None:
    superuser.execute(
        "insert into kit_job (id, lab_id, name, facts, run_at, attempts, state, last_error, finished_at)"
        " values (gen_random_uuid(), %s, 'test.job', '{}', now() - make_interval(mins => %s), 0, %s, '', now())",
        [anna.lab_id, minutes, state],
    )


def mail(superuser: psycopg.Connection, anna: Any, *, state: str, minutes: int) -> None:
    superuser.execute(
        "insert into kit_mail (id, lab_id, address, subject, body, state, attempts, last_error, sent_at, created_at)"
        " values (gen_random_uuid(), %s, '', '', '', %s, 1, 'test', case when %s = 'sent' then now() end,"
        " now() - make_interval(mins => %s))",
        [anna.lab_id, state, state, minutes],
    )


def test_a_worker_that_ended_or_hangs_is_found_and_one_that_is_busy_is_not(database: dict) -> None:
    heartbeat = Path(settings.DENTATOOL_VAR) / HEARTBEAT_FILE
    assert found(database)["Hintergrundaufgaben"] == WRONG

    with at_work():
        assert found(database)["Hintergrundaufgaben"] == GOOD
        for minutes, status in ((14, GOOD), (16, WRONG)):
            os.utime(heartbeat, (heartbeat.stat().st_atime, heartbeat.stat().st_ctime - minutes * 60))
            assert found(database)["Hintergrundaufgaben"] == status

    assert found(database)["Hintergrundaufgaben"] == WRONG


@pytest.mark.parametrize(
    ("state", "minutes", "status"),
    [("waiting", 1, GOOD), ("waiting", 6, WARNING), ("waiting", 16, WRONG), ("failed", 1, WRONG), ("done", 99, GOOD)],
)
@pytest.mark.usefixtures("nothing_waits")
def test_a_job_that_waits_too_long_or_failed_for_good_is_found(
    database: dict, superuser: psycopg.Connection, anna: Any, state: str, minutes: int, status: str
) -> None:
    job(superuser, anna, state=state, minutes=minutes)

    assert found(database)["Aufgabenliste"] == status


@pytest.mark.usefixtures("nothing_waits")
def test_an_outbox_from_which_nothing_leaves_is_a_fault_and_one_mailbox_that_takes_nothing_a_warning(
    database: dict, superuser: psycopg.Connection, anna: Any, post_office: PostOffice
) -> None:
    def outbox() -> str:
        return found(database)["Postausgang"]

    assert outbox() == GOOD
    mail(superuser, anna, state="waiting", minutes=29)
    assert outbox() == GOOD
    mail(superuser, anna, state="waiting", minutes=31)
    assert outbox() == WRONG
    mail(superuser, anna, state="sent", minutes=60)
    assert outbox() == WARNING
