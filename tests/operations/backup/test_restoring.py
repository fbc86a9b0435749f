"""What was written comes back, to the moment; what is not there, or not ours, is refused before anything is touched."""

import tarfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pyrage import x25519

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import FULL, INCREMENTAL, WAL
from dentatool.operations.backup.planning import NotRestorable
from dentatool.operations.backup.restoring import Wanted, _unpack, restore
from dentatool.operations.backup.segments import is_segment
from dentatool.operations.backup.setup import setup_of
from dentatool.operations.backup.verifying import verify
from dentatool.operations.secrets import ensure_secrets


def moment(backed) -> datetime:
    """Now, with a clear second to what happens before and after."""
    time.sleep(0.05)
    ((now,),) = backed.do("select clock_timestamp()")
    time.sleep(0.05)
    return now


def test_each_moment_comes_back_from_full_incremental_and_log(backed, passable_folder: Path) -> None:
    backed.do("create table work (n int)", "insert into work values (1)")
    backed.create(FULL)
    backed.do("insert into work values (2)")
    one = moment(backed)
    backed.do("insert into work values (3)")
    backed.create(INCREMENTAL)
    backed.do("insert into work values (4)")
    two = moment(backed)
    backed.do("delete from work", "select pg_switch_wal()")
    three = moment(backed)
    backed.do("insert into work values (9)")
    backed.stop()  # an orderly end leaves nothing out of the target

    found = {}
    for name, to in (("one", one), ("two", two), ("three", three), ("newest", None)):
        restored = restore(backed.setup, Wanted(to), passable_folder / name, [backed.identity])
        found[name] = [n for (n,) in backed.ask(restored, "select n from work order by n")]
        restored.stop()

    assert found == {"one": [1, 2], "two": [1, 2, 3, 4], "three": [], "newest": [9]}
    assert verify(backed.setup.chain).wrong == ()
    secret = (backed.var / "keys/root.key").read_bytes()
    assert all(secret not in path.read_bytes() for path in passable_folder.glob("newest/**/*") if path.is_file())


def test_a_moment_after_which_nobody_wrote_comes_back(backed, passable_folder: Path) -> None:
    backed.do("create table work (n int)")
    backed.create(FULL)
    backed.do("insert into work values (1)")
    late = moment(backed)
    backed.do("select pg_switch_wal()")
    backed.stop()

    restored = restore(backed.setup, Wanted(late), passable_folder / "late", [backed.identity])
    rows = backed.ask(restored, "select n from work")
    restored.stop()

    assert rows == [(1,)]


def test_what_cannot_be_restored_is_refused_before_anything_is_written(backed, passable_folder: Path) -> None:
    backed.do("create table work (n int)")
    backed.create(FULL)
    backed.do("select pg_switch_wal()")
    backed.stop()
    into, setup = passable_folder / "into", backed.setup
    another = passable_folder / "another"
    another.mkdir()
    ensure_secrets(another, "test")
    full = passable_folder / "full"
    full.mkdir()
    (full / "something").touch()

    with pytest.raises(NotRestorable, match=r"davor bis \d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d"):
        restore(setup, Wanted(datetime.now(UTC) + timedelta(hours=1)), into, [backed.identity])
    with pytest.raises(NotRestorable, match="danach ab"):
        restore(setup, Wanted(datetime.now(UTC) - timedelta(days=1)), into, [backed.identity])
    with pytest.raises(BackupError, match="nicht leer"):
        restore(setup, Wanted(), full, [backed.identity])
    with pytest.raises(BackupError, match="anderen Installation"):
        restore(setup_of(another, backed.target), Wanted(), into, [backed.identity])
    with pytest.raises(BackupError, match="Schlüsseldatei gehört zu einer anderen Installation"):
        restore(setup, Wanted(), into, [backed.identity], instance="ab" * 32)
    assert not into.exists()
    with pytest.raises(BackupError, match="anderen Schlüssel"):
        restore(setup, Wanted(), passable_folder / "wrong-key", [x25519.Identity.generate()])


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "link"])
def test_a_backup_that_somebody_else_sealed_writes_nothing_outside(name: str, tmp_path: Path) -> None:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(member)
    packed.seek(0)
    (tmp_path / "into").mkdir()

    with (
        pytest.raises(BackupError, match="keine Datei einer Datenbank"),
        tarfile.open(fileobj=packed, mode="r|") as tar,
    ):
        _unpack(tar, tmp_path / "into")

    assert [path.name for path in tmp_path.rglob("*")] == ["into"]


def test_a_missing_segment_names_the_nearest_moment(backed, passable_folder: Path) -> None:
    backed.do("create table work (n int)")
    backed.create(FULL)
    for n in range(3):
        backed.do(f"insert into work values ({n})", "select pg_switch_wal()")
    late = moment(backed)
    backed.do("insert into work values (9)", "select pg_switch_wal()")
    backed.stop()
    lost = [entry for entry in backed.setup.chain.entries() if entry.kind == WAL and is_segment(entry.facts["name"])][
        -3
    ]
    (backed.target / lost.file).unlink()
    (backed.target / f"{lost.number:08}.json").unlink()

    with pytest.raises(NotRestorable, match="davor bis"):
        restore(backed.setup, Wanted(late), passable_folder / "into", [backed.identity])

    assert f"{lost.number:08}.json: fehlt" in map(str, verify(backed.setup.chain).wrong)


def test_a_restored_server_in_the_place_of_the_old_one_is_backed_up_and_restored_again(
    backed, passable_folder: Path
) -> None:
    backed.do("create table work (n int)", "insert into work values (1)")
    backed.create(FULL)
    backed.stop()
    restored = restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity])
    restored.stop()
    home = backed.cluster.places.home
    home.rename(passable_folder / "before")
    (passable_folder / "back").rename(home)

    backed.start()  # a new timeline: its history must come into the target though nobody archived it when it was made
    backed.do("insert into work values (2)", "select pg_switch_wal()")
    backed.stop()
    again = restore(backed.setup, Wanted(), passable_folder / "again", [backed.identity])
    rows = backed.ask(again, "select n from work order by n")
    again.stop()

    assert rows == [(1,), (2,)]
    assert verify(backed.setup.chain).wrong == ()


def test_a_quietly_older_state_is_refused(backed, passable_folder: Path) -> None:
    """The history of the second timeline is lost: PostgreSQL alone would end with the first and say nothing."""
    backed.do("create table work (n int)")
    backed.create(FULL)
    backed.stop()
    restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity]).stop()
    home = backed.cluster.places.home
    home.rename(passable_folder / "before")
    (passable_folder / "back").rename(home)
    backed.start()
    backed.do("insert into work values (2)", "select pg_switch_wal()")
    backed.stop()
    history = next(entry for entry in backed.setup.chain.entries() if entry.facts.get("name", "").endswith(".history"))
    (backed.target / f"{history.number:08}.json").unlink()

    with pytest.raises(BackupError, match="nicht alles eingespielt"):
        restore(backed.setup, Wanted(), passable_folder / "again", [backed.identity])
