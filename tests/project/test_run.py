"""The whole of `dentatool run`, as a person meets it: start, death of a part, orderly end, start again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.installation import Run

pytestmark = pytest.mark.slow


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
    assert len(parts) == 4  # with the watch
    assert run.stop() == 0
    assert run.log.read_text().endswith("DentaTool ist beendet; alle Daten sind gespeichert.\n")
    assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []

    (var / "secrets" / "pass.key").unlink()  # lost, or thought to be stolen
    again = Run(var)
    again.await_line("DentaTool ist bereit")
    noted = work_on_keys(again)
    assert again.stop() == 0
    assert (var / "keys" / "root.key").read_text() == keys
    assert noted[0] == ("pass.key, django.key, signing.key, trail.key, superuser.key, root.key", "angelegt")
    assert set(noted[1:]) == {("pass.key", "angelegt"), ("pass.key", "ausgetauscht")}


def work_on_keys(run: Run) -> list[tuple[str, str]]:
    """What the events of the platform say of keys, oldest first."""
    shown = subprocess.run(
        [*(sys.executable, "-m", "dentatool.project.cli", "audit", "platform"),
         *("--reason", "Test", "--event", "crypt_key_event", "--json")],
        env=run.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    facts = [json.loads(line)["facts"] for line in shown.stdout.splitlines()]
    return [(each["kind"], each["result"]) for each in facts]


def test_after_kill_9_of_everything_the_next_run_starts(run: Run, var: Path) -> None:
    run.await_line("DentaTool ist bereit")
    run.kill_everything()
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
