"""A cluster in an empty folder, as it was at a minute.

Refused before the first byte is written: a folder that holds something, another installation's backups or keys, a
moment that the target does not hold. Every file is compared with its signed entry while it is opened. What comes out is
the folder of an embedded server like var/postgres, and can take its place (docs/runbooks/wiederherstellen.md).
"""

import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import Entry
from dentatool.operations.backup.planning import Plan, plan
from dentatool.operations.backup.sealing import Counted, unseal
from dentatool.operations.backup.segments import position_of, segment_at
from dentatool.operations.backup.setup import Setup
from dentatool.operations.cluster import Cluster, ClusterError
from dentatool.operations.cluster.account import becoming
from dentatool.operations.cluster.places import Places
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import superuser_password, write_secret

_TOO_SHORT = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall come back. `point` names a restore point instead of a moment."""

    to: datetime | None = None
    point: str = ""


def restore(
    setup: Setup, wanted: Wanted, into: Path, identities: Sequence[Any], *,
    instance: str = "", beside: tuple[str, str] | None = None, tell: Callable[[str], None] = lambda _: None,
) -> Cluster:  # fmt: skip
    """The restored server, running on a socket of its own. The caller stops it.

    `beside`: name and text of a file that lies beside the data before the first of them is there.
    """
    entries = setup.chain.entries()
    _require_ours(setup, entries, instance)
    _require_empty(into)
    found = plan(entries, wanted.to)
    _tell_what_is_missing(setup, entries, tell)
    into.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    cluster = Cluster(into, tell=tell, further=_recovering(wanted), start_s=24 * 3600.0)
    try:
        if beside is not None:
            write_secret(cluster.places.home / beside[0], beside[1])
            cluster.places.account.own(cluster.places.home / beside[0])
        _fetch(setup, found, cluster.places, identities, tell)
        if _recover(cluster, tell) or wanted == Wanted():
            _require_all_replayed(setup, cluster, found)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _require_ours(setup: Setup, entries: Sequence[Entry], instance: str) -> None:
    """The identity file says whose it is, and the newest entry must bear our signature."""
    ours = setup.chain.instance
    if instance and instance != ours:
        raise BackupError(
            "Die Schlüsseldatei gehört zu einer anderen Installation als die Schlüssel in"
            f" {setup.var / 'secrets'} ({instance[:12]} statt {ours[:12]}). Nichts wurde angerührt."
        )
    if not entries:
        some = any(name.endswith(".json") for name in setup.target.names())
        raise BackupError(
            f"Die Sicherungen in {setup.target} stammen von einer anderen Installation. Nichts wurde angerührt."
            if some
            else f"In {setup.target} ist keine Sicherung."
        )


def _require_empty(into: Path) -> None:
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise BackupError(f"{into} ist nicht leer. Nennen Sie einen neuen oder leeren Ordner.")


def _tell_what_is_missing(setup: Setup, entries: Sequence[Entry], tell: Callable[[str], None]) -> None:
    head = setup.chain.head
    newest = max(entry.number for entry in entries)
    if head.number == 0:
        tell(
            "! Dieser Rechner weiß nicht, welche Sicherung die neueste war (var/backup fehlt): Vergleichen Sie die Zeit."
        )
    elif newest < head.number:
        tell(
            f"! Im Ziel fehlt das Neueste: Eintrag {newest} statt {head.number}. Das Ergebnis ist älter, als es sein müsste."
        )


def _recovering(wanted: Wanted) -> dict[str, str]:
    settings = {
        "restore_command": "cp ../wal/%f %p",
        "recovery_target_action": "promote",
        "archive_mode": "off",
        "hot_standby": "off",  # it counts as started when it has arrived, not while it is on its way
    }
    if wanted.to is not None:
        settings["recovery_target_time"] = wanted.to.astimezone(UTC).isoformat()
    if wanted.point:
        settings["recovery_target_name"] = wanted.point
    return settings


def _fetch(setup: Setup, found: Plan, places: Places, identities: Sequence[Any], tell: Callable[[str], None]) -> None:
    """Open every file that is needed; the data folder has its name only when it is whole."""
    parts = []
    for entry in found.backups:
        tell(
            f"  {entry.file}: {entry.size / 1e6:.1f} MB vom {datetime.fromisoformat(entry.facts['ended_at']):%d.%m.%Y %H:%M} UTC"
        )
        parts.append(places.home / f"part-{entry.number}")
        parts[-1].mkdir(mode=0o700)
        with _opened(setup, entry, identities) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            _unpack(tar, parts[-1])
    (wal := places.home / "wal").mkdir(mode=0o700)
    tell(f"  {len(found.wal)} Protokollabschnitte")
    for entry in found.wal:
        with _opened(setup, entry, identities) as stream, (wal / Path(entry.facts["name"]).name).open("wb") as file:
            shutil.copyfileobj(stream, file)
    for path in (p for top in (*parts, wal) for p in (top, *top.rglob("*"))):
        places.account.own(path)
    if len(parts) > 1:
        _tool(places, "pg_combinebackup", *parts, "--output", places.home / "combined")
        for part in parts:
            shutil.rmtree(part)
        parts = [places.home / "combined"]
    _tool(places, "pg_verifybackup", "--no-parse-wal", "--quiet", parts[0])
    (parts[0] / "recovery.signal").touch()
    places.account.own(parts[0] / "recovery.signal")
    parts[0].rename(places.data)


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Files and folders below this one, and nothing else: anybody can encrypt to us, and the signed hash is known to be
    right only at the end. Not `extractall(filter="data")`, which Debian 12's Python does not have.
    """
    for member in tar:
        path = folder / member.name
        if member.name.startswith("/") or ".." in Path(member.name).parts or not (member.isfile() or member.isdir()):
            raise BackupError(f"Die Sicherung enthält etwas, das keine Datei einer Datenbank ist: {member.name!r}")
        if member.isdir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif (content := tar.extractfile(member)) is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)


@contextmanager
def _opened(setup: Setup, entry: Entry, identities: Sequence[Any]) -> "Iterator[IO[bytes]]":
    """The plaintext as a stream. Whatever was wrong with it is raised at the end, before anything is used."""
    reader, writer = (os.fdopen(number, mode) for number, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    failed: list[Exception] = []

    def work() -> None:
        try:
            with writer, setup.target.read(entry.file) as file:
                measured = _Measured(file)
                unseal(measured, writer.write, identities)
                if (measured.counted.sha256, measured.counted.size) != (entry.sha256, entry.size):
                    raise BackupError(f"{entry.file} ist verändert. Prüfen: dentatool backup verify")
        except Exception as error:  # told to whoever reads, in their thread
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield reader
        while reader.read(1 << 16):
            pass
    except tarfile.TarError as error:
        thread.join(5)
        raise failed[0] if failed else BackupError(f"{entry.file}: {error}") from error
    finally:
        reader.close()
        thread.join(5)
    if failed:
        raise failed[0] if isinstance(failed[0], BackupError) else BackupError(f"{entry.file}: {failed[0]}")


class _Measured:
    """A stream and the hash of all that was read of it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.counted = source, Counted(lambda _: None)

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self.counted.write(chunk)
        return chunk


def _tool(places: Places, name: str, *arguments: object) -> None:
    done = subprocess.run(
        [places.binaries / name, *map(str, arguments)],
        preexec_fn=becoming(places.account, folder=places.home),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"{name}: {(done.stderr or done.stdout).strip()[-1000:]}")


def _recover(cluster: Cluster, tell: Callable[[str], None]) -> bool:
    """Replay up to the moment. If nobody wrote anything after it, everything is replayed: it is the same state.

    Whether that was so.
    """
    all_of_it = False
    try:
        cluster.start()
    except ClusterError as error:
        told = "".join(path.read_text(errors="replace") for path in cluster.places.log.iterdir())
        if _TOO_SHORT not in told or "recovery_target_time" not in cluster.further:
            reasons = [line.partition("FATAL:")[2].strip() for line in told.splitlines() if "FATAL:" in line]
            raise BackupError(
                f"Die Datenbank ließ sich nicht wiederherstellen: {reasons[-1] if reasons else error}"
            ) from error
        tell("  Nach dem Zeitpunkt wurde nichts mehr geschrieben: Alles davor ist da.")
        cluster.further = {name: value for name, value in cluster.further.items() if name != "recovery_target_time"}
        cluster.start()
        all_of_it = True
    shutil.rmtree(cluster.places.home / "wal")
    return all_of_it


def _require_all_replayed(setup: Setup, cluster: Cluster, found: Plan) -> None:
    """PostgreSQL ends quietly at the first segment it cannot follow; that would be an older state than there is."""
    with psycopg.connect(cluster.dsn(SUPERUSER, superuser_password(setup.var)), autocommit=True) as link:
        ((arrived,),) = link.execute("select pg_last_wal_replay_lsn()::text").fetchall()
    last = max(entry.position for entry in found.wal if entry.position is not None)
    if position_of(segment_at(arrived, 1, before=True)) < last:
        raise BackupError(
            "Die Datenbank hat nicht alles eingespielt, was im Ziel liegt: Ein Protokollabschnitt schließt nicht an."
            " Prüfen: dentatool backup verify"
        )
