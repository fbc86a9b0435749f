"""A message leaves by the real worker, in a process of its own, while the person is still looking at the page."""

import os
import subprocess
import sys
import time

import pytest

from dentatool.kit.mail import send
from dentatool.protection.access import Account
from harness.database import stop_group
from harness.smtp import in_settings


@pytest.mark.alone
def test_the_worker_hands_a_message_over_within_seconds(anna, post_office):
    path = os.pathsep.join(entry for entry in sys.path if entry)
    worker = subprocess.Popen(
        [sys.executable, "-m", "dentatool.project.cli", "worker"],
        env={**os.environ, **in_settings(post_office), "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        first = written_and_got(anna, post_office, within=60)  # it also has to start
        second = written_and_got(anna, post_office, within=15)
    finally:
        stop_group(worker)

    assert second < 10, f"{second:.1f} s, the first {first:.1f} s"


def written_and_got(lab, office, *, within):
    """Seconds from the commit until the mail server has it."""
    before = len(office.to(lab.owner.sign_in_name))
    with lab.at_work():
        facts = {"when": "heute", "what": "nur eine Probe"}
        send("team/factor_changed", to=Account.objects.get(pk=lab.owner.id), **facts)
    begun = time.monotonic()
    while len(office.to(lab.owner.sign_in_name)) == before and time.monotonic() - begun < within:
        time.sleep(0.02)
    found = office.to(lab.owner.sign_in_name)
    assert len(found) == before + 1
    return found[-1].at - begun
