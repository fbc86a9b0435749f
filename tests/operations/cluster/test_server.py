"""The embedded server: closed to strangers, sound on disk, and back after every kind of death."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dentatool.operations.cluster import Cluster
from dentatool.operations.cluster.places import UnsafePlace, private_folder, settle
from dentatool.operations.cluster.server import SUPERUSER

PASSWORD = "only for this test"


@pytest.fixture
def cluster(passable_folder: Path) -> Iterator[Cluster]:
    """A founded server that is not running."""
    cluster = Cluster(passable_folder / "postgres", durable=False)
    cluster.found(PASSWORD)
    yield cluster
    cluster.stop()


def _ask(cluster: Cluster, question: str, password: str = PASSWORD) -> object:
    with psycopg.connect(cluster.dsn(SUPERUSER, password), autocommit=True) as connection:
        (answer,) = connection.execute(question).fetchone() or (None,)
        return answer


def test_it_runs_with_checksums_scram_and_code_point_order(cluster: Cluster) -> None:
    cluster.start()

    assert _ask(cluster, "show data_checksums") == "on"
    assert _ask(cluster, "show password_encryption") == "scram-sha-256"
    assert _ask(cluster, "show listen_addresses") == ""
    assert _ask(cluster, "select 'Z' < 'Ä'") is True
    methods = "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"
    assert _ask(cluster, methods) == "scram-sha-256"


def test_a_wrong_or_missing_password_is_refused(cluster: Cluster) -> None:
    cluster.start()

    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            _ask(cluster, "select 1", password)


def test_its_folders_are_closed_and_it_is_never_root(cluster: Cluster) -> None:
    cluster.start()
    places = cluster.places

    for folder in (places.home, places.data, places.log, places.socket):
        found = folder.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, places.account.uid)
    assert cluster.process is not None
    assert places.account.uid != 0
    assert Path(f"/proc/{cluster.process.pid}").stat().st_uid == places.account.uid
    assert not (places.home / "first-password").exists()


def test_the_log_names_errors_but_neither_statement_nor_values(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.dsn(SUPERUSER, PASSWORD), autocommit=True) as connection:
        connection.execute("create table patient (name text primary key)")
        connection.execute("insert into patient values ('Geheimnis-Müller')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into patient values ('Geheimnis-Müller')")
    cluster.stop()

    log = "".join(path.read_text() for path in cluster.places.log.iterdir())

    assert "duplicate key value violates unique constraint" in log
    assert "Geheimnis" not in log


def test_what_was_committed_is_there_after_a_restart(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.dsn(SUPERUSER, PASSWORD), autocommit=True) as connection:
        connection.execute("create table t as select 7 as a")
    cluster.stop()

    cluster.start()

    assert _ask(cluster, "select a from t") == 7


def test_it_comes_back_after_kill_9_with_all_that_was_committed(passable_folder: Path) -> None:
    cluster = Cluster(passable_folder / "postgres", durable=True)
    cluster.found(PASSWORD)
    cluster.start()
    with psycopg.connect(cluster.dsn(SUPERUSER, PASSWORD), autocommit=True) as connection:
        connection.execute("create table t as select 7 as a")
    assert cluster.process is not None
    cluster.process.kill()
    cluster.process.wait()
    assert (cluster.places.data / "postmaster.pid").exists()

    cluster.start()

    try:
        assert _ask(cluster, "select a from t") == 7
    finally:
        cluster.stop()


def test_a_pid_file_whose_number_now_belongs_to_another_process_does_not_stop_it(cluster: Cluster) -> None:
    cluster.start()
    stale = (cluster.places.data / "postmaster.pid").read_text().splitlines()
    cluster.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        file = cluster.places.data / "postmaster.pid"
        file.write_text("\n".join([str(stranger.pid), *stale[1:]]) + "\n")
        cluster.places.account.own(file)

        cluster.start()

        assert _ask(cluster, "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_left_over_from_a_killed_run_is_replaced(cluster: Cluster, passable_folder: Path) -> None:
    cluster.start()
    assert cluster.process is not None
    left_over = cluster.process

    successor = Cluster(passable_folder / "postgres", durable=False)
    successor.start()

    try:
        assert left_over.wait(10) == 0
        assert _ask(successor, "select 1") == 1
    finally:
        successor.stop()


def test_it_ends_when_its_launcher_is_killed(passable_folder: Path) -> None:
    launcher = subprocess.Popen(
        [
            *("python3", "-c"),
            "import sys, time; from pathlib import Path; from dentatool.operations.cluster import Cluster;"
            "c = Cluster(Path(sys.argv[1]), durable=False); c.found('x'); c.start(); print(c.process.pid, flush=True);"
            "time.sleep(60)",
            str(passable_folder / "postgres"),
        ],
        executable=os.sys.executable,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(os.sys.path)},
        stdout=subprocess.PIPE,
    )
    assert launcher.stdout is not None
    server = int(launcher.stdout.readline())

    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()

    ending = time.monotonic() + 10
    while Path(f"/proc/{server}").exists() and time.monotonic() < ending:
        time.sleep(0.05)
    assert not Path(f"/proc/{server}").exists()


def test_an_interrupted_founding_is_begun_anew(passable_folder: Path) -> None:
    cluster = Cluster(passable_folder / "postgres", durable=False)
    (cluster.places.home / "founding").mkdir()
    (cluster.places.home / "founding" / "PG_VERSION").write_text("18\n")
    assert not cluster.is_founded

    cluster.found(PASSWORD)
    cluster.start()

    assert _ask(cluster, "select 1") == 1
    cluster.stop()


def test_a_long_path_gets_its_socket_elsewhere(passable_folder: Path) -> None:
    deep = passable_folder / ("a" * 60) / ("b" * 60)
    deep.mkdir(mode=0o711, parents=True)

    cluster = Cluster(deep / "postgres", durable=False)
    cluster.found(PASSWORD)
    cluster.start()

    try:
        assert _ask(cluster, "select 1") == 1
        assert not cluster.places.socket.is_relative_to(deep)
        assert stat.S_IMODE(cluster.places.socket.stat().st_mode) == 0o700
    finally:
        cluster.stop()
        cluster.places.socket.rmdir()


def test_a_folder_prepared_by_someone_else_is_refused(passable_folder: Path) -> None:
    places = settle(passable_folder / "postgres")
    trap = passable_folder / "trap"
    trap.symlink_to(passable_folder)

    with pytest.raises(UnsafePlace):
        private_folder(trap, places.account)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to look after")
def test_below_a_closed_folder_root_keeps_the_data_elsewhere_and_finds_them_again(passable_folder: Path) -> None:
    closed = passable_folder / "closed"
    closed.mkdir(mode=0o700)
    first = settle(closed / "postgres")
    try:
        assert first.moved
        assert not first.home.is_relative_to(passable_folder)
        assert (closed / "postgres").resolve() == first.home
        assert settle(closed / "postgres") == first

        (closed / "postgres").unlink()  # the project was deleted and cloned anew: its data are not adopted
        second = settle(closed / "postgres")

        assert second.home != first.home
        second.log.rmdir()
        second.socket.rmdir()
        second.home.rmdir()
    finally:
        first.log.rmdir()
        first.socket.rmdir()
        first.home.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to look after")
def test_data_whose_way_was_closed_are_not_left_behind_silently(passable_folder: Path) -> None:
    closed = passable_folder / "closed"
    closed.mkdir(mode=0o711)
    settle(closed / "postgres")
    closed.chmod(0o700)

    with pytest.raises(UnsafePlace, match=r"chmod o\+x"):
        settle(closed / "postgres")
