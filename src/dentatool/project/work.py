"""dentatool worker: background jobs, in the worker's database role."""

import argparse
import sys
from threading import Event, Thread

from dentatool.project.console import say
from dentatool.project.instance import start_django, this_instance
from dentatool.project.serve import require_fit_or_fail

_LAST_ROUND_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def call(options: argparse.Namespace) -> int:
    """Work until stopped by SIGTERM or Ctrl-C."""
    start_django("worker")
    require_fit_or_fail(this_instance())
    from dentatool.kit.jobs import work_forever  # noqa: PLC0415
    from dentatool.operations.monitoring.heartbeat import is_wanted  # noqa: PLC0415
    from dentatool.operations.monitoring.watching import guard  # noqa: PLC0415
    from dentatool.operations.trails.nightly import check_each_night  # noqa: PLC0415
    from dentatool.protection.audit.sealing import sealer  # noqa: PLC0415

    # In a thread of its own: a long job must not make the trail wait for its seal.
    stopping = Event()
    sealing = Thread(target=sealer().run, args=[stopping], name="sealer", daemon=True)
    sealing.start()
    instance, nightly = this_instance(), [sys.executable, "-m", "dentatool.project.cli", "audit", "nightly"]
    night = [instance.var, nightly, instance.environment("owner"), stopping, say]
    checking = Thread(target=check_each_night, args=night, name="nightly", daemon=True)
    checking.start()
    if is_wanted():
        Thread(target=guard, args=[instance.var, stopping, say], name="guard", daemon=True).start()
    work_forever()
    stopping.set()
    sealing.join(_LAST_ROUND_S)
    checking.join(_LAST_ROUND_S)
    return 0
