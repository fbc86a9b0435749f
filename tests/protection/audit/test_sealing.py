"""Each minute what is committed gets a number and a seal: nothing is passed over, and nobody waits for it."""

import os
import random
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from dentatool.protection.audit import Entry, record_event, record_platform_event
from dentatool.protection.audit.internal.models import Checkpoint, Leaf
from dentatool.protection.audit.sealing import (
    PLATFORM,
    Report,
    Sealer,
    check_trail,
    head,
    sealer,
    sealing_lag,
    set_witness_aside,
    trail_key,
    witness_folder,
)
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.passes import Pass, sign
from dentatool.values.witness import WitnessFile
from harness.database import connect_as, in_role


def seal(by: Sealer | None = None) -> int:
    """A round of the worker's."""
    with in_role("worker"):
        return (by or sealer()).round()


def checked(tree: UUID) -> Report:
    """As the command does, in the owner's role."""
    with in_role("owner"), laboratory(tree):
        return check_trail(trail_key().public, witness_folder())


def unsealed(lab: Any) -> int:
    with lab.at_work():
        return Entry.objects.exclude(pk__in=Leaf.objects.values("pk")).count()


def test_what_was_done_is_sealed_and_holds(anna: Any) -> None:
    seal()

    report = checked(anna.lab_id)

    assert report.findings == []
    assert report.last is not None
    with anna.at_work():
        assert report.sealed == Entry.objects.count() == report.last.size > 5
        assert head() == report.last


def test_a_trail_that_was_never_sealed_has_nothing_wrong_and_all_waiting(anna: Any) -> None:
    report = checked(anna.lab_id)

    assert report.findings == [] and report.sealed == 0 and report.waiting > 3


def test_the_platforms_own_events_are_sealed_too(superuser: Any) -> None:
    seal()
    before = checked(PLATFORM)  # other tests of this run tampered with these events
    record_platform_event("sys_startup", what="test")
    seal()

    after = checked(PLATFORM)

    assert after.findings == before.findings
    assert after.sealed > before.sealed and after.waiting == before.waiting


def test_numbers_have_no_gap_and_a_second_round_goes_on_where_the_first_ended(anna: Any) -> None:
    one = sealer()
    seal(one)
    for number in range(7):
        with anna.at_work():
            record_event("authn_logout", count=number)
        seal(one if number % 2 else Sealer(trail_key(), witness_folder(), batch=2))

    with anna.at_work():
        assert list(Leaf.objects.order_by("seq").values_list("seq", flat=True)) == list(range(Entry.objects.count()))
    assert checked(anna.lab_id).findings == []


@pytest.mark.alone
def test_no_entry_is_passed_over_while_everybody_writes(anna: Any, bert: Any) -> None:
    """Entries of transactions that begin early and commit late: much later than the slack, so that not it is what helps."""
    done = threading.Event()
    failures: list[BaseException] = []

    def write(lab_id: UUID, seed: int) -> None:
        dice = random.Random(seed)
        try:
            while not done.is_set():
                try:
                    with laboratory(lab_id):
                        record_event("authn_logout", count=seed)
                        time.sleep(dice.choice([0, 0.01, 0.2, 0.7]))
                        record_event("authn_logout", count=-seed)
                        if dice.random() < 0.2:
                            raise TimeoutError
                except TimeoutError:
                    pass
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    with in_role("worker"):
        writers = [threading.Thread(target=write, args=[lab.lab_id, seed]) for seed in range(4) for lab in (anna, bert)]
        for writer in writers:
            writer.start()
        working = Sealer(trail_key(), witness_folder(), slack=timedelta(seconds=0.1), batch=50)
        until = time.monotonic() + 6
        rounds = 0
        while time.monotonic() < until:
            working.round()
            rounds += 1
            time.sleep(0.05)
        done.set()
        for writer in writers:
            writer.join()
        working.round()
        working.round()

    assert failures == []
    assert rounds > 20
    assert (unsealed(anna), unsealed(bert)) == (0, 0)
    for lab in (anna, bert):
        report = checked(lab.lab_id)
        assert report.findings == [] and report.sealed > 50


def test_what_a_long_transaction_wrote_first_is_sealed_when_it_commits_last(anna: Any, database: dict) -> None:
    working = Sealer(trail_key(), witness_folder(), slack=timedelta(0))
    with connect_as(database, "app") as slow:
        slow.execute(
            "select set_config('dentatool.pass', %s, false)",
            [sign(Pass(anna.lab_id), backend_pid=slow.info.backend_pid)],
        )
        slow.execute("select protection.record_event('authn_logout', null, null, '{\"count\": 1}')")
        for _ in range(5):
            with anna.at_work():
                record_event("authn_logout")
            seal(working)
        assert unsealed(anna) == 0
        slow.commit()

    assert unsealed(anna) == 1
    seal(working)
    assert unsealed(anna) == 0
    assert checked(anna.lab_id).findings == []


def _kill_at(step: int) -> Callable[..., Any]:
    """Before the step-th statement the process is gone."""
    asked = iter(range(1_000))

    def count(execute: Any, *facts: Any) -> Any:
        if next(asked) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*facts)

    return count


def _killed(work: Callable[[], None]) -> bool:
    """Run in a process of its own; whether it was killed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child opens everything anew
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _one_tree_only(tree: UUID) -> Sealer:
    """So that each statement of sealing it is met, and not those of hundreds of others of this run."""
    one = sealer()
    one._all_trails = lambda: [tree]  # type: ignore[method-assign]
    return one


@pytest.mark.alone
def test_a_sealer_that_is_killed_between_any_two_statements_leaves_nothing_half_done(anna: Any) -> None:
    seal()
    for step in range(100):
        with anna.at_work():
            record_event("authn_logout", count=step)

        def work(step: int = step) -> None:
            with connection.execute_wrapper(_kill_at(step)):
                _one_tree_only(anna.lab_id).round()

        with in_role("worker"):
            was_killed = _killed(work)
        if not was_killed:
            break
        seal()
        assert unsealed(anna) == 0
        assert checked(anna.lab_id).findings == []

    assert step > 5


@pytest.mark.alone  # a child of a process in which Playwright's loop runs finds another connection, of another role
@pytest.mark.parametrize("moment", ["before", "half", "after"])
def test_a_sealer_that_is_killed_while_it_tells_the_witness_is_made_up_for(anna: Any, moment: str) -> None:
    seal()
    with anna.at_work():
        record_event("authn_logout")
    append = WitnessFile.append

    def killed(file: WitnessFile, note: str, leaves: bytes) -> None:
        if moment == "half":
            with file.path.open("ab") as half:
                half.write(b'{"before": "0123')
        elif moment == "after":
            append(file, note, leaves)
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        WitnessFile.append = killed  # type: ignore[method-assign]  # in the child alone
        _one_tree_only(anna.lab_id).round()

    with in_role("worker"):
        assert _killed(work)
    assert checked(anna.lab_id).findings == []

    seal()
    assert checked(anna.lab_id).findings == []
    with anna.at_work():
        assert WitnessFile(witness_folder(), anna.lab_id).read(trail_key().public).last == head()


def test_two_sealers_do_not_get_in_each_others_way(anna: Any) -> None:
    with in_role("worker"):
        sealers = [threading.Thread(target=sealer().run, args=[stop := threading.Event()], kwargs={"every_s": 0.01})]
        sealers.append(threading.Thread(target=sealer().run, args=[stop], kwargs={"every_s": 0.01}))
        for each in sealers:
            each.start()
        for number in range(30):
            with laboratory(anna.lab_id):
                record_event("authn_logout", count=number)
        time.sleep(1)
        stop.set()
        for each in sealers:
            each.join()
        sealer().round()

    assert unsealed(anna) == 0
    assert checked(anna.lab_id).findings == []


def test_a_clock_that_was_set_back_hides_nothing(anna: Any, superuser: psycopg.Connection) -> None:
    """Two hours, while the sealer runs: what is written then is older than what the last checkpoint reaches to."""
    working = sealer()
    seal(working)
    working._now += timedelta(hours=2)  # as if the round had been before the jump
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes) values"
        " (gen_random_uuid(), %s, now() - interval '1 hour', 'work', '', '-', 'event', 'authn_logout', '', '{}')",
        [anna.lab_id],
    )

    seal(working)

    assert unsealed(anna) == 0


def test_how_long_entries_wait_is_told(anna: Any, superuser: psycopg.Connection) -> None:
    seal()
    with in_role("worker"):
        assert sealing_lag() < timedelta(seconds=5)
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes) values"
        " (gen_random_uuid(), %s, now() - interval '3 minutes', 'work', '', '-', 'event', 'authn_logout', '', '{}')",
        [anna.lab_id],
    )
    with in_role("worker"):
        assert timedelta(seconds=170) < sealing_lag() < timedelta(seconds=300)
    seal()


def test_a_laboratory_sees_its_own_tree_and_nobody_writes_one(anna: Any, bert: Any) -> None:
    seal()
    with bert.at_work():
        theirs = set(Leaf.objects.values_list("pk", flat=True))
    with anna.at_work():
        assert not Leaf.objects.filter(pk__in=theirs).exists()
        assert set(Leaf.objects.values_list("lab_id", flat=True)) == {anna.lab_id}
        assert set(Checkpoint.objects.values_list("lab_id", flat=True)) == {anna.lab_id}


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "update protection_leaf set seq = seq + 1", "delete from protection_leaf", "truncate protection_leaf",
        "insert into protection_leaf select * from protection_leaf", "update protection_checkpoint set signed = ''",
        "delete from protection_checkpoint", "insert into protection_checkpoint select * from protection_checkpoint",
    ],
)  # fmt: skip
def test_neither_web_server_nor_worker_writes_leaves(anna: Any, database: dict, role: str, statement: str) -> None:
    with connect_as(database, role) as link:
        link.execute(
            "select set_config('dentatool.pass', %s, false)",
            [sign(Pass(anna.lab_id), backend_pid=link.info.backend_pid)],
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(statement)


def test_the_web_server_cannot_seal(anna: Any) -> None:
    with pytest.raises(Exception, match="permission denied"):
        sealer()._unsealed_trails()


def lay_down(superuser: psycopg.Connection, lab: Any, name: str, days: int) -> None:
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        " values (gen_random_uuid(), %s, now() - %s, 'work', '', '-', 'event', %s, '', '{}')",
        [lab.lab_id, timedelta(days=days), name],
    )


def expire(database: dict, lab: Any) -> None:
    with connect_as(database, "worker") as link:
        link.execute(
            "select set_config('dentatool.pass', %s, true)",
            [sign(Pass(lab.lab_id), backend_pid=link.info.backend_pid)],
        )
        link.execute("select * from protection.expire_entries(1000)")


def test_what_expired_in_time_is_missed_by_nobody(anna: Any, superuser: psycopg.Connection, database: dict) -> None:
    for days in (400, 401, 402):
        lay_down(superuser, anna, "authn_login_fail", days)
    lay_down(superuser, anna, "trail.viewed", 91)
    seal()
    expire(database, anna)
    seal()

    report = checked(anna.lab_id)

    assert report.findings == []
    assert report.expired == 4


def test_what_is_due_but_was_taken_out_by_hand_is_missed(
    anna: Any, superuser: psycopg.Connection, database: dict
) -> None:
    lay_down(superuser, anna, "authn_login_fail", 400)
    seal()
    expire(database, anna)
    lay_down(superuser, anna, "authn_login_fail", 390)
    seal(Sealer(trail_key(), witness_folder(), slack=timedelta(days=3000)))
    superuser.execute(
        "delete from protection_entry where lab_id = %s and at < now() - interval '380 days'", [anna.lab_id]
    )

    report = checked(anna.lab_id)

    assert [found.text for found in report.findings] == [
        "Von hier an fehlen 2 abgelaufene Einträge, als gelöscht verzeichnet sind 1."
    ]


def test_nothing_is_signed_on_top_of_what_was_tampered_with(
    anna: Any, bert: Any, superuser: psycopg.Connection
) -> None:
    """It is told once, critical, in the laboratory's trail and among the platform's events; the others are sealed."""
    working = sealer()
    seal(working)
    # The last one alone: it is put right again, so that no halted trail is left to whoever looks at this database.
    ((key, peaks),) = superuser.execute(
        "select id, peaks from protection_checkpoint where lab_id = %s order by size desc limit 1", [anna.lab_id]
    ).fetchall()
    superuser.execute("update protection_checkpoint set peaks = sha256('x') where id = %s", [key])
    for _ in range(3):
        for lab in (anna, bert):
            with lab.at_work():
                record_event("authn_logout")
        seal(working)

    assert unsealed(bert) == 0
    assert unsealed(anna) == 4
    with anna.at_work():
        assert Entry.objects.filter(what="audit_chain_broken").count() == 1
    (told,) = superuser.execute(
        "select facts from protection_platformevent where event = 'audit_chain_broken' and facts ->> 'record' = %s",
        [str(anna.lab_id)],
    ).fetchall()
    assert "geändert" in told[0]["reason"] and told[0]["kind"] == "angehalten"

    superuser.execute("update protection_checkpoint set peaks = %s where id = %s", [peaks, key])
    seal(working)
    assert unsealed(anna) == 0


def test_after_a_restore_it_is_said_what_was_lost_and_sealing_goes_on(anna: Any, superuser: psycopg.Connection) -> None:
    """An older state of the database than what was witnessed stops the sealer, until somebody says why it is so."""
    seal()
    with anna.at_work():
        record_event("authn_logout")
    seal()
    size = checked(anna.lab_id).sealed
    for table, which in (("leaf", "seq >= %s - 1"), ("checkpoint", "size >= %s")):
        superuser.execute(f"delete from protection_{table} where lab_id = %s and {which}", [anna.lab_id, size])
    superuser.execute("delete from protection_entry where lab_id = %s and what = 'authn_logout'", [anna.lab_id])
    seal()
    (first, *_rest) = checked(anna.lab_id).findings
    assert first.seq == size - 1

    lost = set_witness_aside(anna.lab_id, datetime.now(UTC))
    seal()

    report = checked(anna.lab_id)
    assert lost and lost.size == size
    assert report.findings == [] and report.begun_anew == 1
