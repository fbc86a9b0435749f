"""What is measured each minute, in one table, and how: numbers of the machine and of all laboratories together.

No number belongs to a laboratory or a person. A value that cannot be had (no right, no database, never happened) is
left out: a gap is honest, a zero is not.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from dentatool.kit.jobs import is_worker_alive, seconds_since_heartbeat
from dentatool.operations.backup import memory as backups
from dentatool.operations.backup.backlog import backlog
from dentatool.operations.certificate import days_left
from dentatool.operations.environment import connect
from dentatool.operations.monitoring.alerts import Alerts

GAUGE, COUNTER = "gauge", "counter"
_SLACK = timedelta(minutes=5)  # of the sealer: how late an entry may still come


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: its name (Prometheus' rules: base units, counters end in _total) and what it says."""

    name: str
    kind: str
    words: str


MEASURES = tuple(
    Measure(name, COUNTER if name.endswith("_total") else GAUGE, words)
    for name, words in {
        "load_1m": "Prozesse, die rechnen oder warten, Mittel einer Minute",
        "processors": "Kerne des Rechners",
        "memory_total_bytes": "Arbeitsspeicher",
        "memory_available_bytes": "davon verfügbar",
        "disk_total_bytes": "Datenträger, auf dem die Daten liegen",
        "disk_free_bytes": "davon frei",
        "certificate_days": "Tage, die das TLS-Zertifikat noch gilt",
        "backup_age_seconds": "Alter der letzten Sicherung",
        "backup_verified_age_seconds": "Zeit seit der letzten Prüfung der Sicherungen",
        "backup_drill_age_seconds": "Zeit seit der letzten Probe der Wiederherstellung",
        "worker_up": "ob Hintergrundaufgaben laufen",
        "worker_heartbeat_age_seconds": "Zeit seit ihrem letzten Lebenszeichen",
        "alerts_open": "offene Störungen",
        "errors_open": "offene Programmfehler, nach Art und Stelle",
        "errors_total": "Programmfehler",
        "database_up": "ob die Datenbank antwortet",
        "database_connections": "Verbindungen",
        "database_connections_max": "so viele sind erlaubt",
        "database_size_bytes": "Größe der Datenbank",
        "database_oldest_transaction_seconds": "Alter der ältesten laufenden Transaktion",
        "database_commits_total": "abgeschlossene Transaktionen",
        "database_rollbacks_total": "zurückgerollte Transaktionen",
        "database_deadlocks_total": "Transaktionen, die aufeinander warteten",
        "database_blocks_hit_total": "Blöcke aus dem Zwischenspeicher",
        "database_blocks_read_total": "Blöcke vom Datenträger",
        "database_wal_waiting": "Protokollabschnitte, die auf die Sicherung warten",
        "database_archive_failures_total": "gescheiterte Übergaben an die Sicherung",
        "database_replicas": "angeschlossene Kopien",
        "database_replica_lag_bytes": "was der langsamsten Kopie fehlt",
        "key_age_days": "Alter des ältesten Schlüssels, mit dem versiegelt wird",
        "sealing_lag_seconds": "so lange wartet ein Protokolleintrag auf sein Siegel",
        "jobs_due": "fällige Hintergrundaufgaben",
        "jobs_oldest_due_seconds": "so lange ist die älteste fällig",
        "jobs_retrying": "Aufgaben nach einem Fehlschlag",
        "mail_waiting": "Nachrichten im Postausgang",
        "mail_oldest_seconds": "so lange wartet die älteste",
        "jobs_done_total": "erledigte Hintergrundaufgaben",
        "jobs_failed_total": "endgültig gescheiterte Hintergrundaufgaben",
        "mail_sent_total": "übergebene Nachrichten",
        "sign_ins_total": "Anmeldungen",
        "sign_in_failures_total": "abgewiesene Anmeldungen",
    }.items()
)


@dataclass(frozen=True, slots=True)
class Sample:
    """All numbers of one moment."""

    at: datetime
    values: dict[str, float]


def measure(var: Path, database: Mapping[str, Any] | None, before: Sample | None) -> Sample:
    """All that can be had now. Counters that only the tables know go on from the sample before."""
    now = datetime.now(UTC)
    values = dict(_host(var))
    if database is not None:
        values["database_up"] = 0.0
        with suppress(psycopg.Error), connect(database, "backup") as link:
            link.execute("set statement_timeout = '10s'")
            values["database_up"] = 1.0
            for question in (_SERVER, _TRANSACTIONS, _STATISTICS, _ARCHIVE, _REPLICAS, _KEYS, _JOBS, _MAIL, _ERRORS):
                with suppress(psycopg.ProgrammingError):  # a server that others run shows us less
                    values |= _named(link.execute(question))
            for name, value in _named(
                link.execute(_SINCE, {"since": before.at if before else now, "now": now})
            ).items():
                values[name] = value + (before.values.get(name, 0.0) if before else 0.0)
        with suppress(psycopg.Error), connect(database, "worker") as link:
            values |= _named(link.execute(_UNSEALED, [_SLACK]))
    return Sample(now, values)


def _host(var: Path) -> Iterator[tuple[str, float]]:
    yield "load_1m", os.getloadavg()[0]
    yield "processors", float(os.cpu_count() or 1)
    with suppress(OSError, KeyError):
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        kilobytes = {name.rstrip(":"): float(number) for name, number, *_ in lines}
        yield "memory_total_bytes", kilobytes["MemTotal"] * 1024
        yield "memory_available_bytes", kilobytes["MemAvailable"] * 1024
    disk = shutil.disk_usage(var)
    yield "disk_total_bytes", float(disk.total)
    yield "disk_free_bytes", float(disk.free)
    own = os.environ.get("DENTATOOL_TLS_CERT")
    yield "certificate_days", float(days_left(Path(own) if own else var / "tls" / "certificate.pem"))
    for name, what in (("backup_age", "backup"), ("backup_verified_age", "verify"), ("backup_drill_age", "drill")):
        if (age := backups.age(var, what)) is not None:
            yield f"{name}_seconds", age.total_seconds()
    yield "worker_up", float(is_worker_alive())
    if (seen_s := seconds_since_heartbeat()) is not None:
        yield "worker_heartbeat_age_seconds", seen_s
    with suppress(OSError):  # a server that others run has no folder here
        yield "database_wal_waiting", float(backlog(var / "postgres").count)
    yield "alerts_open", float(sum(alert.is_open for alert in Alerts(var).all()))


def _named(cursor: psycopg.Cursor[Any]) -> dict[str, float]:
    """The one row by the names of its columns; without what is null."""
    row = cursor.fetchone() or ()
    columns = [column.name for column in cursor.description or ()]
    return {name: float(value) for name, value in zip(columns, row, strict=False) if value is not None}


_SERVER = """
    select (select sum(numbackends) from pg_stat_database) as database_connections,
           current_setting('max_connections')::int as database_connections_max,
           pg_database_size(current_database()) as database_size_bytes
"""
_TRANSACTIONS = """
    select coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0) as database_oldest_transaction_seconds
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""
_STATISTICS = """
    select xact_commit as database_commits_total, xact_rollback as database_rollbacks_total,
           deadlocks as database_deadlocks_total, blks_hit as database_blocks_hit_total, blks_read as database_blocks_read_total
    from pg_stat_database where datname = current_database()
"""
_ARCHIVE = "select failed_count as database_archive_failures_total from pg_stat_archiver"
_REPLICAS = """
    select count(*) as database_replicas,
           coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0) as database_replica_lag_bytes
    from pg_stat_replication
"""
_KEYS = """
    select extract(epoch from now() - min(newest)) / 86400 as key_age_days
    from (select max(created_at) as newest from protection_labkey where retired_at is null group by lab_id, kind) as each
"""
_JOBS = """
    select count(*) filter (where is_due) as jobs_due,
           coalesce(extract(epoch from now() - min(run_at) filter (where is_due)), 0) as jobs_oldest_due_seconds,
           count(*) filter (where state = 'waiting' and last_error not in ('', 'ProcessDied')) as jobs_retrying
    from kit_job, lateral (select state = 'waiting' and run_at <= now() as is_due) as due
"""
_MAIL = """
    select count(*) as mail_waiting, coalesce(extract(epoch from now() - min(created_at)), 0) as mail_oldest_seconds
    from kit_mail where state = 'waiting'
"""
_ERRORS = """
    select count(*) filter (where settled_at is null) as errors_open, coalesce(sum(count), 0) as errors_total
    from protection.error_group
"""
# By the stamps of the rows: what commits later than its stamp by more than a minute is missed.
_SINCE = """
    select (select count(*) from kit_job where state = 'done' and finished_at > %(since)s and finished_at <= %(now)s)
               as jobs_done_total,
           (select count(*) from kit_job where state = 'failed' and finished_at > %(since)s and finished_at <= %(now)s)
               as jobs_failed_total,
           (select count(*) from kit_mail where sent_at > %(since)s and sent_at <= %(now)s) as mail_sent_total,
           (select count(*) from protection_laboratory l join protection_entry e
                on e.lab_id = l.id and e.what = 'authn_login_success' and e.at > %(since)s and e.at <= %(now)s)
               as sign_ins_total,
           (select count(*) from protection_platformevent
                where event in ('authn_login_fail', 'authn_login_lock') and at > %(since)s and at <= %(now)s)
               as sign_in_failures_total
"""
_UNSEALED = """
    select coalesce(extract(epoch from clock_timestamp() - min(oldest)), 0) as sealing_lag_seconds
    from protection.door_unsealed_trails(%s)
"""
