"""The whole of `dentatool run`, as a person meets it: start, death of a part, orderly end, start again."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


class Run:
    """One `dentatool run --no-demo` on a free port."""

    def __init__(self, var: Path, port: int = 0) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = port or probe.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DENTATOOL_", "PYTEST"))}
        self.environment = {
            **clean,
            "DENTATOOL_VAR": str(var),
            "DENTATOOL_PORT": str(self.port),
            "DENTATOOL_WORKERS": "1",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        }
        self.log = var.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dentatool.project.cli", "run", "--no-demo"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def await_line(self, part: str, seconds: float = 60) -> None:
        ending = time.monotonic() + seconds
        while part not in self.log.read_text():
            assert time.monotonic() < ending and self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def await_ready(self, seconds: float = 20) -> None:
        """Until /readyz says that database, migrations and keys are there."""
        trust = ssl._create_unverified_context()  # noqa: S323 - our own server, self-signed
        ending = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"https://localhost:{self.port}/readyz", context=trust, timeout=5) as page:
                    assert set(json.load(page).values()) == {"bereit"}
                    return
            except OSError:
                assert time.monotonic() < ending, self.log.read_text()
                time.sleep(0.1)

    def children(self) -> list[int]:
        """Process numbers of database, web server and worker."""
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def child(self, word: str) -> int:
        """The child whose command line holds this word."""
        (found,) = [pid for pid in self.children() if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def var(passable_folder: Path) -> Path:
    """The data folder of a new installation."""
    return passable_folder / "var"


@pytest.fixture
def run(var: Path) -> Iterator[Run]:
    started = Run(var)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def test_a_new_folder_becomes_a_served_page_survives_deaths_and_ends_in_order(run: Run, var: Path) -> None:
    run.await_line("DentaTool ist bereit")
    run.await_ready()
    keys = (var / "keys" / "root.key").read_text()

    os.kill(run.child("granian"), signal.SIGKILL)
    run.await_line("Webserver ist abgebrochen (Code -9) und wird neu gestartet.")
    run.await_ready()

    os.kill(run.child("postgres/data"), signal.SIGKILL)
    run.await_line("Datenbank ist abgebrochen (Code -9) und wird neu gestartet.")
    run.await_ready()

    parts = run.children()
    assert len(parts) == 3
    assert run.stop() == 0
    assert run.log.read_text().endswith("DentaTool ist beendet; alle Daten sind gespeichert.\n")
    assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []

    again = Run(var)
    again.await_line("DentaTool ist bereit")
    assert again.stop() == 0
    assert (var / "keys" / "root.key").read_text() == keys


def test_after_kill_9_of_everything_the_next_run_starts(run: Run, var: Path) -> None:
    run.await_line("DentaTool ist bereit")
    for pid in [run.process.pid, *run.children()]:
        os.kill(pid, signal.SIGKILL)
    run.process.wait()
    time.sleep(1)

    again = Run(var, run.port)

    again.await_line("DentaTool ist bereit")
    assert again.stop() == 0


def test_a_second_run_at_the_same_time_is_refused_and_disturbs_nothing(run: Run, var: Path) -> None:
    run.await_line("DentaTool ist bereit")

    second = subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "run"],
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (second.returncode, second.stdout) == (1, "")
    assert "läuft hier schon" in second.stderr
    run.await_ready()
    assert run.stop() == 0
