"""Whoever is killed, and whenever: what was acknowledged and archived comes back; what the target has is whole."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from dentatool.operations.backup.chain import FULL
from dentatool.operations.backup.restoring import Wanted, restore
from dentatool.operations.backup.verifying import verify
from dentatool.operations.cluster.server import SUPERUSER

ROUNDS = 60 if os.environ.get("DENTATOOL_SOAK") else 6

# As `dentatool backup watch`, in a process that can be killed.
WATCH = """
import sys
from pathlib import Path
from threading import Event
from dentatool.operations.backup.archive import Archiver
from dentatool.operations.backup.setup import setup_of
from dentatool.operations.cluster.places import settle
var, target = map(Path, sys.argv[1:])
setup = setup_of(var, target)
Archiver(settle(var / "postgres"), setup.chain, setup.keyring).watch(Event(), print, lambda: None)
"""


def watcher(backed) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WATCH, str(backed.var), str(backed.target)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_whoever_is_killed(backed, passable_folder: Path) -> None:
    dice, acknowledged = random.Random(4), 0
    backed.do("create table work (n int primary key)")
    backed.create(FULL)
    backed.stop()
    archiver = watcher(backed)
    backed.cluster.start()

    for _round in range(ROUNDS):
        with psycopg.connect(backed.cluster.dsn(SUPERUSER, backed.password), autocommit=True) as link:
            for _write in range(dice.randint(5, 40)):
                link.execute("insert into work values (%s)", [acknowledged])
                acknowledged += 1
            link.execute("select pg_switch_wal()")
        time.sleep(dice.random() / 2)
        victims = dice.choice([["archiver"], ["database"], ["archiver", "database"]])
        if "archiver" in victims:
            archiver.kill()
            archiver.wait()
        if "database" in victims:
            assert backed.cluster.process is not None
            os.kill(backed.cluster.process.pid, signal.SIGKILL)
            backed.cluster.process.wait()
            backed.cluster.start()
        if "archiver" in victims:
            archiver = watcher(backed)
    backed.cluster.stop()
    archiver.kill()
    archiver.wait()
    backed.start()  # and an orderly end, which leaves nothing out
    backed.stop()

    assert verify(backed.setup.chain).wrong == ()
    restored = restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity])
    ((count, highest),) = backed.ask(restored, "select count(*), max(n) from work")
    restored.stop()
    assert (count, highest) == (acknowledged, acknowledged - 1)
