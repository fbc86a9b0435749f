"""The whole installation with its watch: a fault is told by mail within two minutes, and its return too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.installation import Run
from harness.live import Line, LiveServer
from harness.smtp import PostOffice, in_settings

pytestmark = pytest.mark.slow
CLARA = "clara@betreiber.example"


def monitor(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dentatool.project.cli", "monitor", *arguments]
    return subprocess.run(command, env=run.environment, capture_output=True, text=True, check=False)


def test_a_fault_of_the_whole_program_is_mailed_within_two_minutes_and_so_is_its_end(
    passable_folder: Path, post_office: PostOffice
) -> None:
    run = Run(passable_folder / "var", DENTATOOL_ALERT_TO=CLARA, **in_settings(post_office))
    try:
        run.await_ready(120)
        key = passable_folder / "var" / "keys" / "root.key"
        ending = time.monotonic() + 60
        while not monitor(run, "status").stdout.startswith("  ✓"):
            assert time.monotonic() < ending, run.log.read_text()
            time.sleep(0.2)
        key.chmod(0o644)
        post_office.wait_for(to=CLARA, subject="Störung", seconds=120)

        status = monitor(run, "status")
        assert status.returncode == 1 and "Datei keys/root.key: für andere zugänglich" in status.stdout
        assert monitor(run, "acknowledge", "Datei keys/root.key", "--by", "Clara", "--reason", "chmod").returncode == 0
        assert "übernommen von Clara" in monitor(run, "status").stdout
        assert monitor(run, "acknowledge", "Unsinn", "--by", "Clara", "--reason", "-").returncode == 1

        key.chmod(0o600)
        post_office.wait_for(to=CLARA, subject="Behoben", seconds=120)
        assert monitor(run, "status").returncode == 0

        line = Line(LiveServer(run.port, run.log))
        page = line.ask("GET", "/metrics").text
        line.close()
        assert "dentatool_database_up 1" in page and "dentatool_worker_up 1" in page
        assert "dentatool_database_oldest_transaction_seconds" in page

        os.kill(run.child("\0monitor\0"), signal.SIGKILL)
        run.await_line("Überwachung ist abgebrochen", 20)
    finally:
        assert run.stop() == 0


def test_acknowledging_needs_a_name_and_a_reason(passable_folder: Path) -> None:
    for given in (
        ["x", "--by", "Clara"],
        ["x", "--by", " ", "--reason", "y"],
        ["nichts", "--by", "Clara", "--reason", "y"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "dentatool.project.cli", "monitor", "acknowledge", *given],
            env={**os.environ, "DENTATOOL_VAR": str(passable_folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (1, 2) and "Traceback" not in done.stderr
