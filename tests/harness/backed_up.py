"""A whole installation with a target for its backups, driven by its commands."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.installation import Run


class Installation:
    """One that runs with a target."""

    def __init__(self, base: Path) -> None:
        self.base, self.var, self.target, self.key = base, base / "var", base / "target", base / "operator.key"
        self.target.mkdir()
        self.run = Run(self.var, DENTATOOL_BACKUP_TARGET=str(self.target))
        self.run.await_line("bereit nach", 120)

    def dentatool(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dentatool.project.cli", *map(str, arguments)],
            env=self.run.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def works(self, *arguments: object) -> str:
        done = self.dentatool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: object) -> str:
        done = self.dentatool(*arguments)
        assert done.returncode == 1, done.stdout
        return done.stdout + done.stderr

    def as_the_app(self, program: str) -> str:
        """Run Python in a process of its own that begins with `start_django("app")`; what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", program], env=self.run.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def superuser(self) -> psycopg.Connection:
        """What the database's superuser sees."""
        known = json.loads((self.var / "secrets/database.json").read_text())
        password = (self.var / "secrets/superuser.key").read_text()
        return psycopg.connect(
            host=known["host"], port=known["port"], user="postgres", password=password, dbname=known["name"],
            autocommit=True,
        )  # fmt: skip

    def archive(self) -> None:
        """Everything written by now is in the target afterwards."""
        with self.superuser() as link:
            ((wanted,),) = link.execute("select pg_walfile_name(pg_switch_wal())").fetchall()
            ending = time.monotonic() + 60
            while (link.execute("select last_archived_wal from pg_stat_archiver").fetchone() or ("",))[0] < wanted:
                assert time.monotonic() < ending
                time.sleep(0.1)

    def restart(self) -> None:
        """In the same folder."""
        self.run = Run(self.var, DENTATOOL_BACKUP_TARGET=str(self.target))
        self.run.await_line("bereit nach", 120)

    def events(self, name: str) -> list[dict]:
        known = json.loads((self.var / "secrets/database.json").read_text())
        password = (self.var / "secrets/superuser.key").read_text()
        with psycopg.connect(
            host=known["host"], port=known["port"], user="postgres", password=password, dbname=known["name"]
        ) as link:
            rows = link.execute("select facts from protection_platformevent where event = %s order by at", [name])
            return [facts for (facts,) in rows]

    def doctor(self, what: str = "Sicherungen") -> tuple[str, str]:
        done = self.dentatool("doctor", "--json")
        ((status, found),) = [
            (each["status"], each["found"]) for each in json.loads(done.stdout) if each["what"] == what
        ]
        return status, found


@pytest.fixture
def installation(passable_folder: Path) -> Iterator[Installation]:
    started = Installation(passable_folder)
    yield started
    if started.run.process.poll() is None:
        started.run.stop()
