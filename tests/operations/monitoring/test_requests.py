"""Requests are counted rightly over several processes, for next to nothing."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dentatool.operations.monitoring.requests import BUCKETS_S, NO_VIEW, Counted, Counters, counted, folder_of, views
from harness.live import Line, running_server

COUNT_AND_DIE = """
import os, signal, sys, django
from pathlib import Path
django.setup()
from dentatool.operations.monitoring.requests import Counters
counters = Counters(Path(sys.argv[1]))
for _ in range(1000):
    counters.add("healthz", 200, 0.003)
print("counted", flush=True)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def process(folder: Path, how: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", COUNT_AND_DIE, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip


def test_processes_count_into_files_of_their_own_and_a_killed_one_loses_nothing(tmp_path: Path) -> None:
    processes = [process(tmp_path, "live")]
    try:
        assert processes[0].stdout.readline() == b"counted\n"
        processes.append(process(tmp_path, "die"))
        processes[1].wait()
        (found,) = counted(tmp_path)
        assert (found.view, found.status, found.count, found.buckets[0]) == ("healthz", 200, 2000, 2000)
        assert len(list(tmp_path.iterdir())) == 2

        processes.append(process(tmp_path, "die"))
        processes[2].wait()
        (found,) = counted(tmp_path)
        assert (found.count, round(found.seconds, 3)) == (3000, 9.0)
        assert len(list(tmp_path.iterdir())) == 2  # it took over the file of the one that had ended
    finally:
        for each in processes:
            each.communicate()


def test_each_duration_falls_into_its_bucket_and_what_is_not_known_is_counted_too(tmp_path: Path) -> None:
    counters = Counters(tmp_path)
    for seconds in (0.004, 0.005, 0.006, 10.0, 10.1):
        counters.add("status", 200, seconds)
    counters.add("no such view", 418, 0.1)

    assert counted(tmp_path) == [
        Counted(NO_VIEW, 0, 0.1, tuple(int(bound == 0.1) for bound in (*BUCKETS_S, 0.0))),
        Counted("status", 200, pytest.approx(20.115), (2, 1, *[0] * 8, 1, 1)),
    ]


def test_threads_lose_no_count(tmp_path: Path) -> None:
    counters = Counters(tmp_path)
    threads = [
        threading.Thread(target=lambda: [counters.add("status", 200, 0.1) for _ in range(20_000)]) for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [each.count for each in counted(tmp_path)] == [80_000]


def test_a_file_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "00").write_bytes(b"x" * 100)

    assert counted(tmp_path) == []
    Counters(tmp_path).add("status", 200, 0.1)
    assert [each.count for each in counted(tmp_path)] == [1]


def test_the_names_of_views_are_those_that_requests_bear() -> None:
    assert {"order", "sign_in", "metrics", "healthz"} <= set(views())


@pytest.mark.slow
def test_metrics_of_a_server_with_several_processes_are_right_whichever_answers(database: dict) -> None:
    def healthz() -> int:
        found = counted(folder_of(Path(os.environ["DENTATOOL_VAR"])))
        return sum(each.count for each in found if each.view == "healthz" and each.status == 200)

    before = healthz()
    with running_server("counted", threads=1, workers=3) as server:
        for _ in range(60):  # each on a connection of its own: the kernel deals them out
            line = Line(server)
            assert line.ask("GET", "/healthz").status == 200
            line.close()
        shown = set()
        for _ in range(6):
            line = Line(server)
            text = line.ask("GET", "/metrics").text
            line.close()
            shown |= {row for row in text.splitlines() if 'duration_seconds_count{view="healthz",status="200"}' in row}

    assert healthz() == before + 60
    assert len(shown) == 1 and shown.pop().endswith(f" {before + 60}")
