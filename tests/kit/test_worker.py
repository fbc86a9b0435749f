"""`dentatool worker` as a process of its own, in its own database role."""

import os
import signal
import subprocess
import sys
import time

import pytest
from django.utils import timezone

from dentatool.kit import jobs
from dentatool.kit.models import Job
from dentatool.protection.tenancy import laboratory

# A run has hundreds of laboratories in the end; a worker goes round all of them.
pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_the_worker_takes_jobs_of_every_laboratory_cleans_up_and_ends_cleanly_when_told(anna, bert):
    for lab in (anna, bert):
        with laboratory(lab.lab_id):
            Job.objects.create(name="kit-test.not-registered")
            Job.objects.create(name="kit-test.old", state="done", finished_at=timezone.now() - 2 * jobs.KEPT_DONE)
    worker = subprocess.Popen(
        [sys.executable, "-m", "dentatool.project.cli", "worker"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        attempts = wait_for_attempts(anna, bert)
        alive_since = jobs.seconds_since_heartbeat()
    finally:
        worker.send_signal(signal.SIGTERM)
        _nothing, log = worker.communicate(timeout=15)

    assert attempts == [(1, "waiting", "ImproperlyConfigured")] * 2
    assert alive_since is not None
    assert alive_since < 10
    assert worker.returncode == 0, log


def wait_for_attempts(*labs):
    ending = time.monotonic() + 15
    while time.monotonic() < ending:
        found = []
        for lab in labs:
            with lab.at_work():
                own = Job.objects.filter(name__startswith="kit-test.")
                found += own.values_list("attempts", "state", "last_error")
        # Counted before it runs: what stands there in between is not yet the outcome. And the old one is gone.
        if all(attempts and error != jobs.DIED for attempts, _state, error in found):
            return found
        time.sleep(0.2)
    return found
