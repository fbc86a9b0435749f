"""What the doctor says of the work in the background: the worker itself, its list of jobs, the outbox."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from dentatool.operations.environment import connect
from dentatool.operations.finding import GOOD, WARNING, WRONG, Finding
from dentatool.operations.monitoring.errors import told_of_errors

HANGS_S = 900.0  # between two signs of life a worker does one job; the longest takes minutes
LATE_S, TOO_LATE_S = 300.0, 900.0  # a due job
MAIL_LATE_S = 1800.0  # the third try is after six minutes, the fifth after an hour and a half

# What was given up stays a fault for a day.
_JOBS = """
    select count(*) filter (where is_due), coalesce(extract(epoch from now() - min(run_at) filter (where is_due)), 0)::float8,
           count(*) filter (where state = 'failed' and finished_at > now() - interval '24 hours')
    from kit_job, lateral (select state = 'waiting' and run_at <= now() as is_due) as due
"""
_MAIL = """
    select count(*) filter (where state = 'waiting'),
           coalesce(extract(epoch from now() - min(created_at) filter (where state = 'waiting')), 0)::float8,
           count(*) filter (where sent_at > now() - make_interval(secs => %s)),
           count(*) filter (where state = 'failed' and changed_at > now() - interval '24 hours')
    from kit_mail
"""

_LOG = "Das Protokoll des Prozesses nennt Aufgabe und Fehlerart; danach noch einmal auslösen."


def background(database: Mapping[str, Any]) -> Iterator[Finding]:
    """Four lines, and one for each rule over the trail that applies. Of all laboratories together, and of none by name."""
    from dentatool.operations.monitoring.rules import suspicions  # noqa: PLC0415  (models can be loaded now)

    yield _worker()
    with connect(database, "backup") as link:  # the only role that sees all laboratories
        due, oldest_s, failed = link.execute(_JOBS).fetchone() or (0, 0.0, 0)
        waiting, since_s, lately, given_up = link.execute(_MAIL, [MAIL_LATE_S]).fetchone() or (0, 0.0, 0, 0)
        errors = told_of_errors(link)
    yield errors
    yield _jobs(due, oldest_s, failed)
    yield _outbox(waiting, since_s, lately, given_up)
    with connect(database, "worker") as link, link.cursor() as cursor:
        yield from suspicions(cursor)


def _worker() -> Finding:
    what, start = "Hintergrundaufgaben", "„dentatool worker“ starten (dentatool run tut es von selbst)"
    from dentatool.kit.jobs import is_worker_alive, seconds_since_heartbeat  # noqa: PLC0415  (models can be loaded now)

    seen_s = seconds_since_heartbeat()
    if not is_worker_alive():
        when = "lief noch nie" if seen_s is None else f"läuft nicht, zuletzt vor {_minutes(seen_s)}"
        return Finding(what, WRONG, when, start)
    if seen_s is not None and seen_s > HANGS_S:
        mend = "Prozess „dentatool worker“ beenden: Er wird neu gestartet, die Aufgabe von vorn begonnen."
        return Finding(what, WRONG, f"läuft, aber ohne Lebenszeichen seit {_minutes(seen_s)}", mend)
    return Finding(what, GOOD, "laufen")


def _jobs(due: int, oldest_s: float, failed: int) -> Finding:
    what = "Aufgabenliste"
    if oldest_s > LATE_S:
        mend = "Läuft „dentatool worker“, und kommt er nach? Mehrere nebeneinander sind erlaubt."
        status = WRONG if oldest_s > TOO_LATE_S else WARNING
        return Finding(what, status, f"{due} fällig, die älteste seit {_minutes(oldest_s)}", mend)
    if failed:
        return Finding(what, WRONG, f"{failed} in den letzten 24 Stunden endgültig gescheitert", _LOG)
    return Finding(what, GOOD, f"{due} fällig, keine gescheitert")


def _outbox(waiting: int, since_s: float, lately: int, given_up: int) -> Finding:
    what = "Postausgang"
    if since_s > MAIL_LATE_S:
        # Without a server they are meant to wait; and while others leave, it is one mailbox that takes nothing.
        status = WRONG if settings.DENTATOOL_SMTP_URL and not lately else WARNING
        mend = "Nimmt der Mailserver uns an (Zeile „Mailserver“)? Danach gehen sie von selbst hinaus."
        return Finding(what, status, f"{waiting} warten, die älteste seit {_minutes(since_s)}", mend)
    if given_up:  # an address with a slip of the pen, mostly: nothing of ours is broken
        mend = "Das Labor sieht im Protokoll, welche; das Protokoll des Prozesses nennt die Fehlerart."
        return Finding(what, WARNING, f"{given_up} in den letzten 24 Stunden aufgegeben", mend)
    return Finding(what, GOOD, f"{waiting} warten, keine zu lange")


def _minutes(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} Sekunden"
    return f"{minutes} Minuten" if minutes < 120 else f"{minutes // 60} Stunden"
