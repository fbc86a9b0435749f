"""Whatever stands in the way is said before anything is touched, in German and English."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from dentatool.project.console import Failure
from dentatool.project.database import Database
from dentatool.project.instance import Instance, this_instance
from dentatool.project.preflight import check_disk, check_folder, check_port, hold_lock


def test_a_taken_port_is_named_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(Failure, match=f"Der Port {port} .* belegt[^$]*DENTATOOL_PORT={port + 1}[^$]*is taken"):
            check_port("127.0.0.1", port)


def test_a_free_port_is_no_trouble() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

    check_port("127.0.0.1", port)


def test_a_full_disk_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 499_000_000, 499_000_000))

    with pytest.raises(Failure, match="nur 499 MB frei; nötig sind 500 MB"):
        check_disk(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Failure, match=r"lässt sich nicht schreiben[^$]*DENTATOOL_VAR"):
        check_folder(tmp_path / "file" / "var")


def test_a_disk_without_a_single_byte_is_not_taken_for_missing_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)

    with pytest.raises(Failure, match=r"nur 0 MB frei[^$]*Schaffen Sie Platz"):
        check_folder(tmp_path)


@pytest.mark.parametrize("host", ["203.0.113.9", "gibt-es-nicht.invalid"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(Failure, match=f"Die Adresse {host} gehört nicht zu diesem Rechner. Prüfen Sie DENTATOOL_HOST"):
        check_port(host, 8443)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(Failure, match="lässt sich nicht schreiben"):
        check_folder(tmp_path)


def test_a_second_run_in_the_same_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    first, second = hold_lock(tmp_path), hold_lock(tmp_path)

    with first, pytest.raises(Failure, match=f"läuft hier schon .Prozess {os.getpid()}"), second:
        pass

    with hold_lock(tmp_path):
        pass


@pytest.mark.parametrize("port", ["0", "65536", "abc", "-1"])
def test_a_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENTATOOL_PORT", port)

    with pytest.raises(Failure, match="DENTATOOL_PORT"):
        this_instance()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin:x@db.example/dentatool",
        "postgresql://admin:x@192.0.2.7/dentatool?sslmode=prefer",
        "postgresql://admin:x@db.example/dentatool?sslmode=disable",
    ],
)
def test_a_database_elsewhere_without_tls_is_refused(url: str, tmp_path: Path) -> None:
    instance = Instance(var=tmp_path, mode="development", host="127.0.0.1", port=8443, database_url=url)

    with pytest.raises(Failure, match="unverschlüsselt"):
        Database(instance, print).prepare()
    assert not (tmp_path / "secrets" / "database.json").exists()


def test_the_command_line_says_failures_on_stderr_and_by_its_exit_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "run"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "DENTATOOL_PORT": "viele"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Fehler: DENTATOOL_PORT muss eine Zahl von 1 bis 65535 sein, nicht 'viele'.\n"


def test_a_port_that_a_killed_run_still_holds_is_waited_for():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        holder.listen()
        threading.Timer(0.5, holder.close).start()
        check_port("127.0.0.1", port, after_kill=True)


def test_the_lock_tells_whether_the_run_before_was_killed(tmp_path):
    with hold_lock(tmp_path) as first:
        pass
    with hold_lock(tmp_path) as after_a_proper_end:
        pass
    (tmp_path / "run.lock").write_text("4711")
    with hold_lock(tmp_path) as after_a_kill:
        pass
    assert (first, after_a_proper_end, after_a_kill) == (False, False, True)
