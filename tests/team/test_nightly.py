"""What the night does, by the worker's own process and role."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.kit import jobs
from dentatool.kit.models import Job
from dentatool.protection.audit import Entry
from dentatool.protection.tenancy import laboratory

# A run has hundreds of laboratories in the end; a worker goes round all of them.
pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_the_workers_night_forgets_what_is_due(anna, superuser):
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        " values (gen_random_uuid(), %s, now() - interval '100 days', 'work', '', '-', 'event', 'trail.viewed', '', '{}')",
        [anna.lab_id],
    )
    with laboratory(anna.lab_id):
        Job.objects.create(name="trail.expire")

    worker = subprocess.Popen(
        [sys.executable, "-m", "dentatool.project.cli", "worker"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
    )
    try:
        told = await_entry(anna, "trail.expired")
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)

    assert told == {"security": 0, "access": 1, "business": 0}
    with anna.at_work():
        assert not Entry.objects.filter(what="trail.viewed").exists()
    started = superuser.execute("select event from protection_platformevent where event like 'sys_%' order by at")
    assert [event for (event,) in started.fetchall()][-2:] == ["sys_startup", "sys_shutdown"]


def await_entry(lab, name):
    ending = time.monotonic() + 20
    while time.monotonic() < ending:
        with lab.at_work():
            if found := Entry.objects.filter(what=name).first():
                return found.changes
        time.sleep(0.2)
    return None


def test_each_nightly_job_is_enqueued_once_a_day(anna):
    jobs.load_jobs()
    since = timezone.now() - timedelta(hours=1)

    first = jobs._enqueue_nightly_of(anna.lab_id, since)
    second = jobs._enqueue_nightly_of(anna.lab_id, since)
    next_day = jobs._enqueue_nightly_of(anna.lab_id, timezone.now() + timedelta(minutes=1))

    assert first == next_day == len(jobs._nightly) >= 2
    assert second == 0
    with anna.at_work():
        assert {"trail.expire", "team.review"} <= set(Job.objects.values_list("name", flat=True))
