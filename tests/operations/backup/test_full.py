"""A full disk: nothing half is written, no old backup is touched, the operator is told, and afterwards all is made up for.

The disks are real ones of a few megabytes, so this needs root; without, it is skipped and says so.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.backlog import backlog, backlog_state, complaint
from dentatool.operations.backup.chain import BACKUPS, FULL
from dentatool.operations.backup.restoring import Wanted, restore
from dentatool.operations.backup.verifying import verify

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own needs root")


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    """A real file system of this size, in the place of an empty folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(folder: Path, *, but: int = 0) -> Path:
    """To the last byte, or but for so many."""
    ballast = folder / "ballast.unfinished"  # a name that `verify` does not call foreign
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, ballast.stat().st_size - but)
    return ballast


def wait_for(what: Callable[[], object]) -> None:
    ending = time.monotonic() + 60
    while not what():
        assert time.monotonic() < ending
        time.sleep(0.1)


def write_segment(backed, n: int) -> None:
    backed.do("create table if not exists work (n int)", f"insert into work values ({n})", "select pg_switch_wal()")


def make_old(backed) -> None:
    """What waits, waits for a quarter of an hour."""
    for path in (backed.cluster.places.data / "pg_wal/archive_status").glob("*.ready"):
        os.utime(path, (time.time() - 1000, time.time() - 1000))


@needs_root
def test_a_full_target_stops_backups_and_loses_none(
    backed, passable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENTATOOL_BACKUP_TARGET", str(backed.target))
    with small_disk(backed.target, 40):
        backed.create(FULL)
        write_segment(backed, 1)
        wait_for(lambda: not backlog(backed.var / "postgres").count)
        ballast = fill(backed.target, but=200_000)  # so that it is full in the middle of a file
        before = {path.name: path.read_bytes() for path in backed.target.glob("0*")}

        with pytest.raises(BackupError, match=r"kein Platz mehr .*alte Sicherungen bleiben unangetastet. Schaffen Sie"):
            backed.create(FULL)
        fill(backed.target)
        for n in (2, 3):
            write_segment(backed, n)
        wait_for(lambda: backed.told)
        assert "kein Platz mehr" in backed.told[0] and "kein Platz mehr" in complaint(backed.setup.memory)
        assert {path.name: path.read_bytes() for path in backed.target.glob("0*")} == before
        assert list(backed.target.glob("*.unfinished")) == [ballast]
        assert verify(backed.setup.chain).wrong == ()
        make_old(backed)
        seen = backlog_state(backed.var)
        assert seen.ok is False and "seit 17 Min. kommt nichts im Ziel an" in seen.found and " voll" in seen.found
        assert "kein Platz mehr" in seen.mend

        ballast.unlink()
        wait_for(lambda: len(backed.told) == 2)
        write_segment(backed, 4)  # wakes PostgreSQL, which else asks once a minute
        wait_for(lambda: not backlog(backed.var / "postgres").count)
        assert backlog_state(backed.var).ok is True and complaint(backed.setup.memory) == ""
        backed.stop()
        assert verify(backed.setup.chain).wrong == ()
        assert len([entry for entry in backed.setup.chain.entries() if entry.kind in BACKUPS]) == 1
        restored = restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity])
        rows = backed.ask(restored, "select n from work order by n")
        restored.stop()
    assert rows == [(1,), (2,), (3,), (4,)]


@needs_root
def test_a_full_disk_here_stops_backups_and_the_target_stays_whole(backed, passable_folder: Path) -> None:
    """var/backup is full: what was written into the target but cannot be remembered is told again afterwards."""
    backed.create(FULL)
    remembered = {path.name: path.read_bytes() for path in backed.setup.memory.iterdir() if path.is_file()}
    with small_disk(backed.setup.memory, 1):
        for name, content in remembered.items():
            (backed.setup.memory / name).write_bytes(content)
        ballast = fill(backed.setup.memory)

        write_segment(backed, 1)
        wait_for(lambda: backed.told)
        assert "kein Platz mehr" in backed.told[0]
        assert json.loads((backed.setup.memory / "head.json").read_text())  # not cut, not empty
        make_old(backed)
        with pytest.raises(BackupError, match=r"Seit 10\d\d s kommen die Protokollabschnitte nicht im Ziel an"):
            backed.create(FULL)  # PostgreSQL would let it wait for ever
        assert backlog(backed.var / "postgres").count

        ballast.unlink()
        wait_for(lambda: len(backed.told) == 2)
        write_segment(backed, 2)
        wait_for(lambda: not backlog(backed.var / "postgres").count)
        backed.stop()
        assert verify(backed.setup.chain).wrong == ()
        restored = restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity])
        rows = backed.ask(restored, "select n from work order by n")
        restored.stop()
    assert rows == [(1,), (2,)]


def test_what_cannot_be_looked_at_is_not_called_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backlog_state(tmp_path).ok is True  # no target, nothing to wait for

    monkeypatch.setenv("DENTATOOL_BACKUP_TARGET", str(tmp_path))

    assert backlog_state(tmp_path).ok is False
