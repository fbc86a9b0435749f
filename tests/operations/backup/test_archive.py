"""While the target is away the database keeps what it has; afterwards everything is made up for."""

import time
from threading import Thread

from dentatool.operations.backup.chain import FULL, WAL
from dentatool.operations.backup.verifying import verify


def wait_for(what) -> None:
    ending = time.monotonic() + 60
    while not what():
        assert time.monotonic() < ending
        time.sleep(0.1)


def test_a_target_that_goes_away_is_told_once_and_made_up_for(backed) -> None:
    backed.create(FULL)
    away = backed.target.with_name("unmounted")
    backed.target.rename(away)

    for _segment in range(2):
        backed.do("create table if not exists work (n int)", "insert into work values (1)", "select pg_switch_wal()")
    wait_for(lambda: backed.told)
    waiting = list((backed.cluster.places.data / "pg_wal/archive_status").glob("*.ready"))
    away.rename(backed.target)
    wait_for(lambda: len(backed.told) == 2)

    assert len(waiting) >= 2
    assert "eingehängt" in backed.told[0] and "nimmt wieder an" in backed.told[1]
    had = {entry.facts["name"] for entry in backed.setup.chain.entries() if entry.kind == WAL}
    assert {path.stem for path in waiting} <= had
    assert verify(backed.setup.chain).wrong == ()


def test_deletion_waits_for_a_backup_in_the_making(backed) -> None:
    """Deleting meanwhile would take the segments from under the one that is not finished."""
    waiting = Thread(target=lambda: took.append(len(enter(backed.setup))))
    took: list[int] = []

    with backed.setup.one_at_a_time():
        waiting.start()
        time.sleep(0.3)
        assert took == []
    waiting.join(10)

    assert took == [0]


def enter(setup) -> list:
    with setup.one_at_a_time():
        return []
