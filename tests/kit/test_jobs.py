"""Background work: done once, after the commit, for its own laboratory, and again later when it fails."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from dentatool.kit import jobs
from dentatool.kit.jobs import enqueue, job, run_due_jobs
from dentatool.kit.models import Job, JobState
from dentatool.protection.access import Account
from dentatool.protection.access.sessions import Ending, end_everything_of
from dentatool.protection.audit import Entry
from dentatool.protection.tenancy import NoPass, current, laboratory
from harness.database import connect_as

done: list[tuple] = []


@job("kit-test.note")
def note(**facts):
    done.append((current().lab_id, facts))


@job("kit-test.fail")
def fail(**facts):
    enqueue("kit-test.note", left="behind")
    raise ValueError("Erika Mustermann ist kein Zahn")


@job("kit-test.broken-sql")
def broken_sql():
    Job.objects.create(name="x" * 500, actor_id=current().actor_id)


@job("kit-test.goodbye")
def goodbye(account):
    """In the middle of it, somebody ends the access of the person in whose name it runs."""
    enqueue("kit-test.note", left="behind")
    end_everything_of(UUID(account), Ending.ROLE)


@job("kit-test.mail", outlives_actor=True)
def mail(**facts):
    done.append((current().lab_id, facts))


@pytest.fixture(autouse=True)
def forget():
    done.clear()


def jobs_of(lab):
    with lab.at_work():
        return [(found.name, found.state, found.attempts) for found in Job.objects.order_by("created_at")]


def test_a_job_runs_once_under_its_own_laboratory(anna, bert):
    with anna.at_work():
        enqueue("kit-test.note", order="7")
    with bert.at_work():
        enqueue("kit-test.note", order="8")

    assert run_due_jobs(anna.lab_id) == 1
    assert run_due_jobs(anna.lab_id) == 0
    assert done == [(anna.lab_id, {"order": "7"})]
    assert jobs_of(anna) == [("kit-test.note", "done", 1)]
    assert jobs_of(bert) == [("kit-test.note", "waiting", 0)]


def test_what_was_rolled_back_left_no_job(anna):
    def change_of_mind():
        with anna.at_work():
            enqueue("kit-test.note")
            raise KeyError

    with pytest.raises(KeyError):
        change_of_mind()

    assert (run_due_jobs(anna.lab_id), done) == (0, [])


def test_without_a_pass_nothing_can_be_enqueued(database):
    with pytest.raises(NoPass):
        enqueue("kit-test.note")


def test_unknown_work_is_refused_when_it_is_enqueued(anna):
    with anna.at_work(), pytest.raises(ImproperlyConfigured):
        enqueue("kit-test.unknown")


def test_a_job_for_later_waits(anna):
    with anna.at_work():
        enqueue("kit-test.note", run_at=timezone.now() + timedelta(hours=1))

    assert (run_due_jobs(anna.lab_id), done) == (0, [])


def test_a_failed_run_leaves_nothing_behind_but_a_note_without_personal_data_and_is_tried_later(anna):
    with anna.at_work():
        enqueue("kit-test.fail")

    assert run_due_jobs(anna.lab_id) == 1

    with anna.at_work():
        (found,) = Job.objects.all()
    assert (found.state, found.attempts, found.last_error) == ("waiting", 1, "ValueError")
    assert timedelta(seconds=50) < found.run_at - timezone.now() <= timedelta(minutes=1)
    assert run_due_jobs(anna.lab_id) == 0


def test_an_error_of_the_database_is_a_failed_run_too(anna):
    with anna.at_work():
        enqueue("kit-test.broken-sql")

    assert run_due_jobs(anna.lab_id) == 1
    assert jobs_of(anna) == [("kit-test.broken-sql", "waiting", 1)]


def test_after_the_last_attempt_the_job_counts_as_failed(anna):
    with anna.at_work():
        enqueue("kit-test.fail")
    for _ in range(jobs.MOST_ATTEMPTS):
        with anna.at_work():
            Job.objects.filter(state=JobState.WAITING).update(run_at=timezone.now())
        run_due_jobs(anna.lab_id)

    assert jobs_of(anna) == [("kit-test.fail", "failed", jobs.MOST_ATTEMPTS)]


DEADLY = """
import os, signal, sys
from uuid import UUID
from dentatool.project.instance import start_django
start_django("app")
from dentatool.kit import jobs
@jobs.job("kit-test.deadly")
def deadly(**facts):
    jobs.Job.objects.create(name="kit-test.note", facts={"left": "behind"}, actor_id=jobs.current().actor_id)
    os.kill(os.getpid(), signal.SIGKILL)
jobs.run_due_jobs(UUID(sys.argv[1]))
"""


@job("kit-test.deadly")
def deadly(**facts):
    done.append(("run once more", facts))


def test_a_job_that_kills_its_process_is_counted_and_in_the_end_given_up(anna, caplog):
    with anna.at_work():
        enqueue("kit-test.deadly")

    died = subprocess.run(
        [sys.executable, "-c", DEADLY, str(anna.lab_id)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )

    assert died.returncode == -signal.SIGKILL
    with anna.at_work():
        (found,) = Job.objects.all()  # and nothing of what it began
        assert (found.state, found.attempts, found.last_error) == ("waiting", 1, jobs.DIED)
        assert timedelta(seconds=50) < found.run_at - timezone.now() <= timedelta(minutes=1)
    assert run_due_jobs(anna.lab_id) == 0  # not at once again

    with anna.at_work():
        Job.objects.update(attempts=jobs.MOST_ATTEMPTS, run_at=timezone.now())
    assert run_due_jobs(anna.lab_id) == 1
    assert done == []
    assert jobs_of(anna) == [("kit-test.deadly", "failed", jobs.MOST_ATTEMPTS)]
    assert f"is given up: its process died in attempt {jobs.MOST_ATTEMPTS}" in caplog.text


def test_a_job_that_was_interrupted_is_done_by_the_next_attempt(anna):
    with laboratory(anna.lab_id):
        Job.objects.create(name="kit-test.note", attempts=2, last_error=jobs.DIED)

    assert run_due_jobs(anna.lab_id) == 1

    assert jobs_of(anna) == [("kit-test.note", "done", 3)]
    with anna.at_work():
        assert Job.objects.get().last_error == ""


def test_what_ended_long_ago_is_deleted_and_nothing_else(anna, bert, monkeypatch):
    ages = {"done": [1, 6, 8], "failed": [8, 89, 91], "waiting": [91]}
    for lab in (anna, bert):
        with laboratory(lab.lab_id):
            for state, days in ages.items():
                for day in days:
                    ended = None if state == "waiting" else timezone.now() - timedelta(days=day)
                    Job.objects.create(name=f"{state} {day}", state=state, finished_at=ended, run_at=timezone.now())
    monkeypatch.setattr(jobs, "all_laboratories", lambda: [anna.lab_id])

    assert jobs.clean_up() == 2

    kept = ["done 1", "done 6", "failed 8", "failed 89", "waiting 91"]
    assert sorted(name for name, _state, _attempts in jobs_of(anna)) == kept
    assert len(jobs_of(bert)) == 7  # it was not his turn


def test_two_workers_never_run_the_same_job(anna, database):
    with anna.at_work():
        enqueue("kit-test.note")
        enqueue("kit-test.note")

    def other_worker():
        run_due_jobs(anna.lab_id)
        jobs.connection.close()

    workers = [threading.Thread(target=other_worker) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)

    assert len(done) == 2
    assert jobs_of(anna) == [("kit-test.note", "done", 1)] * 2


def test_a_job_works_in_the_name_of_whoever_enqueued_it(anna):
    with anna.at_work("technician"):
        enqueue("kit-test.note")
    with laboratory(anna.lab_id):
        enqueue("kit-test.note")

    with anna.at_work():
        assert [found.actor_id for found in Job.objects.order_by("created_at")] == [anna.technician.id, None]
    assert (run_due_jobs(anna.lab_id), len(done)) == (2, 2)


def test_a_waiting_job_of_a_person_whose_access_ended_is_refused(anna):
    with anna.at_work("technician"):
        enqueue("kit-test.note")
        enqueue("kit-test.mail")
    with anna.at_work():
        enqueue("kit-test.note", by="owner")
        end_everything_of(anna.technician.id, Ending.ROLE)

    run_due_jobs(anna.lab_id)

    assert done == [(anna.lab_id, {}), (anna.lab_id, {"by": "owner"})]  # the mail was written, the owner is here
    assert [state for _name, state, _attempts in jobs_of(anna)] == ["refused", "done", "done"]
    with anna.at_work():
        (entry,) = Entry.objects.filter(what="job_refused")
    assert entry.changes == {"account": str(anna.technician.id), "name": "kit-test.note"}


def test_a_deactivated_account_has_no_jobs_even_if_nobody_ended_anything(anna):
    with anna.at_work("technician"):
        enqueue("kit-test.note")
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(active=False)

    run_due_jobs(anna.lab_id)

    assert (done, [state for _name, state, _attempts in jobs_of(anna)]) == ([], ["refused"])


def test_a_job_during_which_the_access_ends_stores_nothing(anna):
    with anna.at_work("technician"):
        enqueue("kit-test.goodbye", account=str(anna.technician.id))

    run_due_jobs(anna.lab_id)

    assert jobs_of(anna) == [("kit-test.goodbye", "refused", 1)]


def test_the_worker_goes_round_beats_and_stops_when_told(anna, database, monkeypatch):
    stop = threading.Event()
    with anna.at_work():
        enqueue("kit-test.note", order="9")

    def due_as_worker():
        with connect_as(database, "worker") as link:
            return [found for (found,) in link.execute("select * from protection.door_due_labs()")]

    def note_and_stop(lab_id, stopping):
        count = run_due_jobs(lab_id, stopping)
        if lab_id == anna.lab_id:
            stop.set()
        return count

    cleaned, rounds = [], []
    monkeypatch.setattr(jobs, "_each_round", [lambda: rounds.append("round"), lambda: 1 / 0])
    monkeypatch.setattr(jobs, "clean_up", lambda: cleaned.append("once"))
    monkeypatch.setattr(jobs, "due_laboratories", due_as_worker)
    monkeypatch.setattr(jobs, "run_due_jobs", note_and_stop)
    jobs.work_forever(stop=stop, pause_s=0.01)

    assert (anna.lab_id, {"order": "9"}) in done
    assert cleaned == ["once"]
    assert rounds  # and what failed in the same round kept nothing from being done
    assert jobs.seconds_since_heartbeat() < 10


def test_the_web_role_may_not_ask_which_laboratories_have_work(app_connection):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute("select * from protection.door_due_labs()")
