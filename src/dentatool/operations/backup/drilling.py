"""Brings the newest backup back into a scratch server and compares it with the living database, row by row.

To compare exactly while people work, a restore point is set at an instant at which nobody is writing (all tables are
locked for some milliseconds) and a snapshot of the same instant is read at leisure. The restored server stops at that
very point: counts and checksums of every table must be equal.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.restoring import Wanted, restore
from dentatool.operations.backup.setup import Setup
from dentatool.operations.backup.witnessed import older_than_told, told_here
from dentatool.operations.cluster import Cluster
from dentatool.operations.cluster.places import PORT, Places
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import superuser_password, write_secret

_ARCHIVED_WITHIN_S = 120.0
_TRIES = 5
_KEPT_PROTOCOLS = 60
_TABLES: LiteralString = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 1, 2
"""

Summary = dict[str, tuple[int, str]]  # table → rows, checksum


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a drill saw. `wrong` is empty when everything came back."""

    begun_at: str
    newest: int
    tables: int
    rows: int
    samples: str
    seconds: float
    wrong: list[str]

    @property
    def passed(self) -> bool:
        return not self.wrong


def drill(
    setup: Setup, places: Places, name: str, identities: Sequence[Any],
    open_samples: Callable[[Cluster], tuple[str, list[str]]], *, tell: Callable[[str], None] = lambda _: None,
) -> Protocol:  # fmt: skip
    """Restore, compare, open samples with the installation's keys, time it, keep the protocol in var/backup/drills."""
    begun, clock = datetime.now(UTC), time.monotonic()
    password = superuser_password(setup.var)
    living = psycopg.conninfo.make_conninfo(
        host=str(places.socket), port=PORT, user=SUPERUSER, password=password, dbname=name
    )
    expected: Summary = {}
    found: Summary = {}
    told, wrong = "", list[str]()
    try:
        point = f"drill-{begun:%Y%m%d%H%M%S}"
        here = told_here(setup)
        expected = _summary_at(living, point)
        _await_archived(living)
        with scratch(setup.var, "drill") as folder:
            restored = restore(setup, Wanted(point=point), folder, identities, tell=tell)
            try:
                with psycopg.connect(restored.dsn(SUPERUSER, password, name), autocommit=True) as link:
                    found = _summary(link)
                    older = older_than_told(setup, link, identities, here)
                told, wrong = open_samples(restored)
                wrong += [f"Älter als bezeugt: {each}" for each in older]
            finally:
                restored.stop()
        wrong += compare(expected, found)
    except (BackupError, psycopg.Error, RuntimeError, OSError) as error:
        wrong.append(str(error).strip())
    done = Protocol(
        begun.isoformat(), setup.chain.head.number, len(found), sum(rows for rows, _ in found.values()), told,
        round(time.monotonic() - clock, 1), wrong,
    )  # fmt: skip
    _keep(setup, done)
    return done


def compare(expected: Summary, found: Summary) -> list[str]:
    """Each table that differs, with both counts."""
    wrong = []
    for table in sorted({*expected, *found}):
        then, now = expected.get(table), found.get(table)
        if then is None or now is None:
            wrong.append(f"Tabelle {table} {'fehlt' if now is None else 'gab es nicht'}")
        elif then[0] != now[0]:
            wrong.append(f"Tabelle {table}: {now[0]} statt {then[0]} Zeilen")
        elif then != now:
            wrong.append(f"Tabelle {table}: Inhalt weicht ab")
    return wrong


def _summary_at(living: str, point: str) -> Summary:
    """Of the instant of a new restore point."""
    with psycopg.connect(living) as reader:
        reader.isolation_level, reader.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        for attempt in range(_TRIES):
            try:
                with psycopg.connect(living) as writer:
                    tables = [sql.Identifier(*row) for row in writer.execute(_TABLES).fetchall()]
                    writer.execute("set local lock_timeout = '2s'")
                    writer.execute(sql.SQL("lock table {} in share mode").format(sql.SQL(", ").join(tables)))
                    reader.execute("select 1")  # takes the snapshot
                    writer.execute("select pg_create_restore_point(%s)", [point])
                return _summary(reader)
            except psycopg.errors.LockNotAvailable:
                reader.rollback()
                time.sleep(1 + attempt)
    raise BackupError("Kein Augenblick ohne Schreibende gefunden; die Probe wird wiederholt.")


def _summary(link: psycopg.Connection) -> Summary:
    """Rows and a checksum that does not depend on their order."""
    link.execute("set timezone = 'UTC'")
    found: Summary = {}
    for schema, table in link.execute(_TABLES).fetchall():
        row = link.execute(
            sql.SQL("select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from {} t").format(
                sql.Identifier(schema, table)
            )
        ).fetchone()
        assert row is not None
        found[f"{schema}.{table}"] = (row[0], row[1])
    return found


def _await_archived(living: str) -> None:
    with psycopg.connect(living, autocommit=True) as link:
        ((wanted,),) = link.execute("select pg_walfile_name(pg_switch_wal())").fetchall()
        ending = time.monotonic() + _ARCHIVED_WITHIN_S
        while time.monotonic() < ending:
            ((last,),) = link.execute("select coalesce(last_archived_wal, '') from pg_stat_archiver").fetchall()
            if last[:24] >= wanted and last[:8] == wanted[:8]:
                return
            time.sleep(0.2)
    raise BackupError(
        "Der letzte Protokollabschnitt kommt nicht im Ziel an. Läuft „dentatool run“, ist das Ziel erreichbar?"
    )


@contextmanager
def scratch(var: Path, name: str) -> Iterator[Path]:
    """A folder beside the data, gone afterwards; as root it may come to lie elsewhere, with a link to it."""
    folder = var / name
    _remove(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        shutil.rmtree(folder.resolve(), ignore_errors=True)
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _keep(setup: Setup, done: Protocol) -> None:
    folder = setup.memory / "drills"
    folder.mkdir(mode=0o700, exist_ok=True)
    write_secret(
        folder / f"{done.begun_at[:19].replace(':', '-')}.json", json.dumps(asdict(done), ensure_ascii=False, indent=2)
    )
    for old in sorted(folder.glob("*.json"))[:-_KEPT_PROTOCOLS]:
        old.unlink()
