"""What the worker does for the installation as a whole, at night."""

import logging
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from dentatool.kit.jobs import NIGHT, each_round
from dentatool.operations.monitoring import rules
from dentatool.operations.updates.checking import sources
from dentatool.operations.updates.memory import Memory

log = logging.getLogger("dentatool.updates")

AFTER_FAILURE = timedelta(hours=1)
_running: list[subprocess.Popen[bytes]] = []


each_round(rules.every_minute)


@each_round
def check_updates() -> None:
    """Compare with advisories every night, where a source is named; in a process of its own, which the worker does not wait for."""
    if _running:
        if _running[0].poll() is None:
            return
        if _running.pop().returncode != 0:
            log.error("the nightly comparison with advisories found something or failed: dentatool updates status")
    if sources() and is_due(Path(settings.DENTATOOL_VAR), timezone.localtime()):
        command = [sys.executable, "-m", "dentatool.project.cli", "updates", "check"]
        _running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))


def is_due(var: Path, now: datetime) -> bool:
    """Not tried since last night; after a failure again in an hour; at once where it never was."""
    known = Memory(var).known()
    if known is None:
        return True
    last_night = now.replace(hour=NIGHT.hour, minute=0, second=0, microsecond=0)
    if last_night > now:
        last_night -= timedelta(days=1)
    return known.tried < last_night or (bool(known.failed) and now - known.tried > AFTER_FAILURE)
