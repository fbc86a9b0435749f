"""What a running installation does when the disk is full or read-only, a key is gone, the clock jumps or names do not resolve.

It fails closed and in German, tells the operator by mail, and goes on when the fault is over. Disks are real small ones,
so those tests need root; without, they are skipped and say so.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import override_settings

from dentatool.operations.doctor import WRONG, examine
from harness.installation import Run
from harness.smtp import PostOffice, in_settings
from operations.rounds.installed import ask, order_form

pytestmark = pytest.mark.slow
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own needs root")
CLARA = "clara@betreiber.example"
DISK_MB = 900


@contextmanager
def disk(place: Path) -> Iterator[Path]:
    """A real file system of its own, in the place of an empty folder."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0711", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


class Laboratory:
    """A laboratory in an installation of its own, and one of its people."""

    def __init__(self, run: Run) -> None:
        self.run = run
        done = subprocess.run(
            [sys.executable, "-m", "operations.rounds.installed", "found"],
            env=run.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.facts = json.loads(done.stdout)
        self.stored: dict[str, str] = {}

    def order(self) -> tuple[int, str]:
        """Take in an order; status and page. What is acknowledged is remembered."""
        key = str(uuid4())
        form = order_form(key)
        status, page = self.ask("POST", "/auftraege/neu/", form)
        if status == 302:
            self.stored[key] = form["patient_name"]
        return status, page

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        answer = ask(self.run, method, path, self.facts["sessions"][0], form)
        return answer.status, answer.text

    def tells(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "operations.rounds.installed", "tell", self.facts["lab"]],
            env=self.run.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told: dict[str, Any] = json.loads(done.stdout)["orders"]
        return told

    def lost_nothing(self) -> None:
        told = self.tells()
        assert {key: each["patient"] for key, each in told.items()} == self.stored
        assert all(each["has_tooth"] for each in told.values())


def await_answer(asked: Any, wanted: int, seconds: float = 60) -> str:
    ending = time.monotonic() + seconds
    while True:
        status, page = asked()
        if status == wanted:
            return page
        assert time.monotonic() < ending and status in (0, 302, 503), (status, page[-1500:])
        time.sleep(0.2)


def hears_of(post_office: PostOffice, subject: str) -> None:
    """The watch looks once a minute; `make test` waits for it in project/test_monitor.py alone."""
    if os.environ.get("DENTATOOL_SOAK"):
        post_office.wait_for(to=CLARA, subject=subject, seconds=150)


@needs_root
def test_a_full_disk_stores_nothing_says_so_alerts_and_then_goes_on(
    passable_folder: Path, post_office: PostOffice
) -> None:
    with disk(passable_folder / "disk") as place:
        run = Run(place / "var", DENTATOOL_ALERT_TO=CLARA, **in_settings(post_office))
        try:
            run.await_ready(120)
            anna = Laboratory(run)
            assert anna.order()[0] == 302

            ballast = place / "ballast"
            with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65536))
            page = ""
            for _ in range(400):  # what the database has laid aside is used up first
                status, page = anna.order()
                assert status in (0, 302, 503), page[-1500:]
                if status == 503:
                    break
            assert status == 503 and "Traceback" not in page
            assert "gespeichert" in page
            hears_of(post_office, "Störung")

            ballast.unlink()
            await_answer(anna.order, 302)
            anna.lost_nothing()
            hears_of(post_office, "Behoben")
        finally:
            run.stop()


@needs_root
def test_a_read_only_folder_starts_nothing_says_why_and_loses_nothing(passable_folder: Path) -> None:
    with disk(passable_folder / "disk") as place:
        run = Run(place / "var")
        run.await_ready(120)
        anna = Laboratory(run)
        assert anna.order()[0] == 302
        run.stop()
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        refused = subprocess.run(
            [sys.executable, "-m", "dentatool.project.cli", "run", "--no-demo"],
            env=run.environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert refused.returncode == 1
        assert "lässt sich nicht schreiben" in refused.stderr and "Traceback" not in refused.stderr
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        again = Run(place / "var", run.port)
        try:
            again.await_ready(120)
            anna.run = again
            await_answer(anna.order, 302)
            anna.lost_nothing()
        finally:
            again.stop()


def test_a_root_key_that_is_gone_closes_what_is_sealed_alerts_and_opens_again(
    passable_folder: Path, post_office: PostOffice
) -> None:
    run = Run(passable_folder / "var", DENTATOOL_ALERT_TO=CLARA, **in_settings(post_office))
    try:
        run.await_ready(120)
        anna = Laboratory(run)
        assert anna.order()[0] == 302
        key = passable_folder / "var/keys/root.key"
        key.rename(key.with_suffix(".away"))
        os.kill(run.child("granian"), 9)  # what a process has opened before, it knows for some minutes

        assert "Hauptschl" in await_answer(anna.order, 503) or "gespeichert" in anna.order()[1]
        assert anna.ask("GET", "/readyz")[0] == 503
        hears_of(post_office, "Störung")

        key.with_suffix(".away").rename(key)
        await_answer(anna.order, 302)
        anna.lost_nothing()
        hears_of(post_office, "Behoben")
    finally:
        run.stop()


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=-400), timedelta(hours=2), timedelta(days=400)])
def test_a_clock_that_jumps_opens_nothing_and_breaks_nothing(anna: Any, bert: Any, jump: timedelta) -> None:
    client = anna.client("owner")
    before = client.get("/auftraege/").status_code

    with time_machine.travel(datetime.now(UTC) + jump, tick=True):
        answer = client.get("/auftraege/")
        if jump < timedelta():  # the database judges by its own clock: what is signed by ours has expired
            assert answer.status_code == 503 and "Uhren" in answer.content.decode()
        assert answer.status_code in (200, 302, 503), answer.status_code
        told = answer.content.decode()
        assert bert.name not in told and "Traceback" not in told
        (clock,) = [each for each in examine(Path(os.environ["DENTATOOL_VAR"]), production=False) if each.what == "Uhr"]
        assert clock.status == WRONG and "NTP" in clock.mend

    assert before == 200
    assert anna.client("owner").get("/auftraege/").status_code == 200


def test_a_name_that_does_not_resolve_holds_up_mail_alone(anna: Any, post_office: PostOffice) -> None:
    with override_settings(**in_settings(post_office) | {"DENTATOOL_SMTP_URL": "smtp://mail.nirgends.invalid"}):
        (mail,) = [
            each for each in examine(Path(os.environ["DENTATOOL_VAR"]), production=False) if each.what == "Mailserver"
        ]
        assert mail.status == WRONG and mail.mend
        assert anna.client("owner").get("/auftraege/").status_code == 200
