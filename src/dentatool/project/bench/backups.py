"""Backup and restore with all they do (compressed, encrypted, signed, checked) against PostgreSQL's bare tools, in turn.

The bare ones write plaintext: `pg_basebackup` into a folder, `pg_dump` compressed into a file, `pg_restore` into an empty
database. Each number is bytes of the database (ours and pg_basebackup: of the cluster) by seconds.
"""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pyrage import x25519

from dentatool.operations.backup.archive import Archiver
from dentatool.operations.backup.base import create
from dentatool.operations.backup.chain import FULL
from dentatool.operations.backup.restoring import Wanted, restore
from dentatool.operations.backup.setup import TARGET, Setup, setup_of
from dentatool.operations.cluster.places import PORT, Places, settle
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import superuser_password
from dentatool.project.bench.scene import Scene
from dentatool.project.console import say
from dentatool.project.database import NAME, Database

_LARGE = 2_000_000_000  # a round takes minutes from here on


def backup_speed(scene: Scene) -> dict[str, Any]:
    """Megabytes per second of each, medians of two rounds; the scene's server is another one afterwards."""
    with _archiving(scene) as (setup, places, identity):
        tools = _Tools(scene, places)
        taken: dict[str, list[float]] = {}
        cluster_bytes = database_bytes = 0
        for turn in range(2):
            if turn and cluster_bytes > _LARGE:
                break
            bare, back = scene.var / f"bare-{turn}", scene.var / f"back-{turn}"
            dump, other = scene.var / f"dump-{turn}", f"restored_{turn}"
            database_bytes = tools.database_bytes()

            begun = time.perf_counter()
            cluster_bytes = create(setup, places, FULL).facts["bytes"]
            _keep(taken, "backup_s", begun)
            tools.timed(
                taken, "basebackup_s", "pg_basebackup", f"--pgdata={bare}", "--wal-method=none", "--checkpoint=fast"
            )
            tools.timed(taken, "dump_s", "pg_dump", "--format=custom", "--compress=gzip:1", f"--file={dump}", NAME)
            begun = time.perf_counter()
            restored = restore(setup, Wanted(), back, [identity])
            _keep(taken, "restore_s", begun)
            restored.stop()
            tools.timed({}, "", "createdb", "--template=template0", other)
            tools.timed(taken, "pg_restore_s", "pg_restore", "--exit-on-error", "--dbname", other, dump)
            tools.timed({}, "", "dropdb", other)
            for folder in (bare, back.resolve(), restored.places.home):
                shutil.rmtree(folder, ignore_errors=True)
            dump.unlink()
    seconds = {name: statistics.median(each) for name, each in taken.items()}
    megabytes, database_megabytes = cluster_bytes / 1e6, database_bytes / 1e6
    return {
        "megabytes": megabytes,
        "backup_mb_per_s": megabytes / seconds["backup_s"],
        "basebackup_mb_per_s": megabytes / seconds["basebackup_s"],
        "dump_mb_per_s": database_megabytes / seconds["dump_s"],
        "restore_mb_per_s": megabytes / seconds["restore_s"],
        "pg_restore_mb_per_s": database_megabytes / seconds["pg_restore_s"],
        "backup_ratio": seconds["backup_s"] / seconds["basebackup_s"],
        "restore_ratio": seconds["restore_s"] / seconds["pg_restore_s"] * database_megabytes / megabytes,
    }


@contextmanager
def _archiving(scene: Scene) -> Iterator[tuple[Setup, Places, Any]]:
    """The scene's server with a target of its own, and an archiver as `dentatool backup watch` runs it."""
    target = scene.var / "target"
    target.mkdir()
    os.environ[TARGET] = str(target)
    identity, stopping = x25519.Identity.generate(), Event()
    try:
        scene.database.stop()
        setup, places = setup_of(scene.var), settle(scene.var / "postgres")
        setup.keyring.add_recipient(str(identity.to_public()))
        archiver = Archiver(places, setup.chain, setup.keyring)
        thread = Thread(target=archiver.watch, args=(stopping, lambda _told: None, lambda: None))
        thread.start()
        try:
            scene.database = Database(scene.instance, say)
            scene.database.prepare()
            scene.database.start()
            yield setup, places, identity
        finally:
            scene.database.stop()
            stopping.set()
            thread.join()
    finally:
        os.environ.pop(TARGET)


class _Tools:
    """PostgreSQL's own programs, as the superuser."""

    def __init__(self, scene: Scene, places: Places) -> None:
        self._scene, self._places = scene, places
        self._environment = {
            "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSWORD": superuser_password(scene.var),
            "PGHOST": str(places.socket), "PGPORT": str(PORT), "PGUSER": SUPERUSER,
        }  # fmt: skip

    def timed(self, taken: dict[str, list[float]], name: str, program: str, *arguments: str | Path) -> None:
        """Run one and keep its seconds."""
        begun = time.perf_counter()
        subprocess.run(
            [self._places.binaries / program, *arguments], env=self._environment, check=True, capture_output=True
        )
        _keep(taken, name, begun)

    def database_bytes(self) -> int:
        with self._scene.superuser() as link:
            ((size,),) = link.execute("select pg_database_size(current_database())").fetchall()
            return int(size)


def _keep(taken: dict[str, list[float]], name: str, begun: float) -> None:
    taken.setdefault(name, []).append(time.perf_counter() - begun)
