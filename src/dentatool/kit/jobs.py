"""Background work on PostgreSQL: enqueued in the same transaction as what caused it, done once it is committed.

    @job("billing.send")
    def send(invoice: str) -> None: ...

    enqueue("billing.send", invoice=str(invoice.pk))       # inside a laboratory's pass

Promise: a job is run at least once after its transaction commits, under its own laboratory's pass and no other, by one
worker at a time (row lock), each run in one transaction: a run that fails leaves nothing behind but the note of it.
Each attempt is counted before it begins, so a job that kills its process does not do so for ever.
A job is done in the name of whoever enqueued it, and refused when that person's access has ended since, also if it
ended while the job ran: then nothing of it is stored. What belongs to the laboratory rather than to the person (mail
that is already written) says so with `outlives_actor=True`.
Retries wait 1, 4, 16, 64 … minutes; after `MOST_ATTEMPTS` the job is marked failed and logged.
A job that is `nightly` is enqueued for each laboratory once a day, after two in the morning or when the worker starts.
What was done is deleted after `KEPT_DONE`, what failed after `KEPT_FAILED`, a message after `KEPT_MAIL`.
"""

import fcntl
import importlib
import importlib.util
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFailure
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from dentatool.kit.models import Job, JobState, Mail, MailState
from dentatool.protection.access.sessions import access_lasts, drop_expired_drafts
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import current, laboratory

log = logging.getLogger("dentatool.jobs")

MOST_ATTEMPTS = 6
FIRST_DELAY = timedelta(minutes=1)
KEPT_DONE, KEPT_FAILED = timedelta(days=7), timedelta(days=90)
KEPT_MAIL = timedelta(days=30)
_KEPT = {JobState.DONE: KEPT_DONE, JobState.FAILED: KEPT_FAILED, JobState.REFUSED: KEPT_FAILED}
CLEAN_EVERY_S = 24 * 3600.0
NIGHTLY_LOOK_S = 3600.0
NIGHT = time_of_day(2)
DIED = "ProcessDied"  # stands as the error while a job runs, and stays when nobody is left to say more
PAUSE_S = 2.0  # between two looks when nothing is due
AFTER_FAILURE_S = 10.0  # when the database itself does not answer
HEARTBEAT_FILE = "worker.alive"

Work = Callable[..., None]
_registry: dict[str, Work] = {}
_nightly: set[str] = set()
_each_round: list[Callable[[], None]] = []
_outliving: set[str] = set()
_given_up: dict[str, Work] = {}


class AccessEnded(Exception):
    """The person in whose name the job works may no longer do anything."""


def job(
    name: str, *, nightly: bool = False, outlives_actor: bool = False, given_up: Work | None = None
) -> Callable[[Work], Work]:
    """Register a function as the work of this name. It runs inside the laboratory's pass and one transaction.

    `given_up`: called with the same facts, so that nobody waits for what will not come: the job failed for good, or
    was refused.
    """

    def register(work: Work) -> Work:
        if name in _registry and _registry[name].__qualname__ != work.__qualname__:
            raise ImproperlyConfigured(f"job {name!r} is registered twice")
        _registry[name] = work
        if nightly:
            _nightly.add(name)
        if outlives_actor:
            _outliving.add(name)
        if given_up is not None:
            _given_up[name] = given_up
        return work

    return register


def each_round(work: Callable[[], None]) -> Callable[[], None]:
    """Register what the worker does at each look, before a laboratory is known. It opens passes by itself."""
    if work not in _each_round:
        _each_round.append(work)
    return work


def enqueue(name: str, *, run_at: datetime | None = None, **facts: Any) -> Job:
    """Add work to the laboratory whose pass is in force; it starts only if this transaction commits.

    Facts must be JSON and hold no personal data: ids only.
    """
    if name not in _registry:
        raise ImproperlyConfigured(f"job {name!r} is not registered")
    known = json.loads(json.dumps(facts))
    return Job.objects.create(name=name, facts=known, run_at=run_at or timezone.now(), actor_id=current().actor_id)


def work_forever(*, stop: Event | None = None, pause_s: float = PAUSE_S) -> None:
    """Run due jobs until SIGTERM or SIGINT; the job in hand is finished first."""
    stopping = stop or _stop_on_signal()
    load_jobs()
    with at_work():
        _work(stopping, pause_s)


def _work(stopping: Event, pause_s: float) -> None:
    cleaned: float | None = None
    looked: float | None = None
    while not stopping.is_set():
        try:
            if cleaned is None or time.monotonic() - cleaned > CLEAN_EVERY_S:
                cleaned = time.monotonic()  # even if it fails: the work does not wait for it
                clean_up()
            if looked is None or time.monotonic() - looked > NIGHTLY_LOOK_S:
                looked = time.monotonic()
                enqueue_nightly()
            done = work_once(stopping)
            wait = 0.0 if done else pause_s
        except DatabaseFailure:
            # A restart of the database must not end the worker: it has nobody to start it again.
            log.exception("the database does not answer; trying again in %s s", AFTER_FAILURE_S)
            connection.close()
            wait = AFTER_FAILURE_S
        _beat()
        stopping.wait(wait)


def work_once(stopping: Event | None = None) -> int:
    """One look at all laboratories with due jobs. Returns how many jobs were run."""
    close_old_connections()
    for work in _each_round:
        _do_round(work)
    return sum(run_due_jobs(lab_id, stopping) for lab_id in due_laboratories())


def _do_round(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # whatever it is, the laboratories' jobs do not wait for it
        log.exception("%s failed", work.__qualname__)


def due_laboratories() -> list[UUID]:
    """Laboratories with a job due, through the worker's door."""
    return _ask_door("select * from protection.door_due_labs()")


def all_laboratories() -> list[UUID]:
    """Every active laboratory, through the worker's door."""
    return _ask_door("select * from protection.door_laboratories()")


def clean_up() -> int:
    """Delete each laboratory's jobs and messages that ended long ago. Returns how many."""
    return sum(_clean_up_one(lab_id) for lab_id in all_laboratories())


def enqueue_nightly() -> int:
    """Enqueue for each laboratory the nightly jobs that it has not had today. Returns how many. Safe to repeat."""
    now = timezone.localtime()
    if now.time() < NIGHT:
        return 0
    since = now.replace(hour=NIGHT.hour, minute=0, second=0, microsecond=0)
    return sum(_enqueue_nightly_of(lab_id, since) for lab_id in all_laboratories())


def _enqueue_nightly_of(lab_id: UUID, since: datetime) -> int:
    with laboratory(lab_id):
        had = set(Job.objects.filter(name__in=_nightly, created_at__gte=since).values_list("name", flat=True))
        for name in sorted(_nightly - had):
            enqueue(name)
    return len(_nightly - had)


def _clean_up_one(lab_id: UUID) -> int:
    now, count = timezone.now(), 0
    with laboratory(lab_id):
        drop_expired_drafts()
        for state, kept in _KEPT.items():
            count += Job.objects.filter(state=state, finished_at__lt=now - kept).delete()[0]
        count += Mail.objects.exclude(state=MailState.WAITING).filter(changed_at__lt=now - KEPT_MAIL).delete()[0]
    return count


def _ask_door(question: str) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return [lab_id for (lab_id,) in cursor.fetchall()]


def run_due_jobs(lab_id: UUID, stopping: Event | None = None, *, most: int = 50) -> int:
    """Run this laboratory's due jobs, at most `most`, so that a busy one does not starve the others."""
    count = 0
    while count < most and not (stopping and stopping.is_set()) and _run_next(lab_id):
        count += 1
        _beat()
    return count


def load_jobs() -> None:
    """Import every app's `jobs` module, so that its work is registered. The kit's own work is mail."""
    importlib.import_module("dentatool.kit.mail")
    for config in apps.get_app_configs():
        name = f"{config.name}.jobs"
        if config.name.startswith("dentatool.") and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def seconds_since_heartbeat() -> float | None:
    """How long ago a worker last went round; None when none ever did. For /readyz and monitoring."""
    try:
        return max(0.0, time.time() - _heartbeat_file().stat().st_mtime)
    except FileNotFoundError:
        return None


@contextmanager
def at_work() -> Iterator[None]:
    """A worker lives for so long. The kernel lets go of the lock even after kill -9."""
    _beat()
    with _heartbeat_file().open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_worker_alive() -> bool:
    """Whether any worker lives on this machine, however busy it is."""
    try:
        with _heartbeat_file().open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _run_next(lab_id: UUID) -> bool:
    """Take one due job, run it, note the outcome. False when none is free."""
    taken = _take_next(lab_id)
    if taken is None:
        return False
    if taken.state == JobState.WAITING:
        _run(lab_id, taken)
    return True


def _take_next(lab_id: UUID) -> Job | None:
    """Count the attempt before it begins and put off the next: whoever dies in the middle cannot do so any more."""
    with laboratory(lab_id):
        due = Job.objects.select_for_update(skip_locked=True).filter(state=JobState.WAITING, run_at__lte=timezone.now())
        found = due.order_by("run_at", "id").first()
        if found is None:
            return None
        if found.attempts >= MOST_ATTEMPTS:  # the last one was not survived
            found.state, found.finished_at = JobState.FAILED, timezone.now()
            log.error("job %s %s is given up: its process died in attempt %s", found.name, found.pk, found.attempts)
            _give_up(found)
        else:
            found.attempts, found.last_error = found.attempts + 1, DIED
            found.run_at = _next_try(found.attempts)
        found.save(update_fields=["attempts", "state", "run_at", "last_error", "finished_at"])
        return found


def _run(lab_id: UUID, taken: Job) -> None:
    with laboratory(lab_id, actor=None if taken.name in _outliving else taken.actor_id):
        # Locked again: should it run longer than until its next attempt, no other worker joins in. Not skip_locked:
        # who looked for work in between may hold it for a moment, though it was no longer due.
        found = Job.objects.select_for_update().filter(pk=taken.pk, attempts=taken.attempts).first()
        if found is None or found.state != JobState.WAITING:
            return
        try:
            with transaction.atomic():
                _require_access(found)
                _work_of(found.name)(**found.facts)
                _require_access(found)
        except AccessEnded:
            found.state, found.finished_at, found.last_error = JobState.REFUSED, timezone.now(), AccessEnded.__name__
            record_event("job_refused", found, account=found.actor_id, name=found.name)
            _give_up(found)
        except DatabaseFailure as failure:
            if not connection.is_usable():
                raise
            _note_failure(found, failure)
        except Exception as failure:  # whatever a job raises must neither end the worker nor be lost
            _note_failure(found, failure)
        else:
            found.state, found.finished_at, found.last_error = JobState.DONE, timezone.now(), ""
        found.save(update_fields=["state", "run_at", "last_error", "finished_at"])


def _require_access(found: Job) -> None:
    """The person must be there still, and without interruption since the job was enqueued."""
    if found.actor_id is None or found.name in _outliving:
        return
    if not access_lasts(found.actor_id, since=found.created_at):
        raise AccessEnded


def _next_try(attempts: int) -> datetime:
    return timezone.now() + FIRST_DELAY * 4 ** (attempts - 1)


def _work_of(name: str) -> Work:
    if name not in _registry:
        raise ImproperlyConfigured(f"no work is registered for job {name!r}")
    return _registry[name]


def _give_up(found: Job) -> None:
    """Tell whoever wants to know. Should that fail too, the job is over all the same."""
    if (tell := _given_up.get(found.name)) is None:
        return
    try:
        with transaction.atomic():
            tell(**found.facts)
    except Exception:
        log.exception("job %s %s is given up, and that could not be told", found.name, found.pk)


def _note_failure(found: Job, failure: Exception) -> None:
    """Later again, or given up. The kind of error only: its text may hold personal data."""
    found.last_error = type(failure).__name__[:200]
    if found.attempts >= MOST_ATTEMPTS:
        found.state, found.finished_at = JobState.FAILED, timezone.now()
        _give_up(found)
    else:
        found.run_at = _next_try(found.attempts)
    log.error(
        "job %s %s failed (attempt %s): %s", found.name, found.pk, found.attempts, found.last_error,
        exc_info=failure, extra={"part": found.name},
    )  # fmt: skip


def _stop_on_signal() -> Event:
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _heartbeat_file() -> Path:
    return Path(settings.DENTATOOL_VAR) / HEARTBEAT_FILE


def _beat() -> None:
    file = _heartbeat_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    os.utime(file)
