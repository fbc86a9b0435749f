"""Base backups by PostgreSQL's own pg_basebackup, sealed while they stream; incrementals build on the backup before.

What an incremental needs of its forerunner is PostgreSQL's manifest (names, sizes and checksums of its files). It
passes by at the end of the stream and is kept in var/backup; the rest is only in the target.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import IO, Any, BinaryIO, Self

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.backlog import backlog, complaint
from dentatool.operations.backup.chain import BACKUPS, FULL, INCREMENTAL, Entry
from dentatool.operations.backup.sealing import seal
from dentatool.operations.backup.segments import segment_at
from dentatool.operations.backup.setup import Setup
from dentatool.operations.cluster.places import PORT, Places
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import superuser_password, write_secret

_BLOCK = 512
_STUCK_S, _REFUSED_S, _LOOK_S = 60.0, 10.0, 1.0
_PATIENCE_S = 12.0  # the archiver tries again every five seconds
_FORERUNNER = "forerunner.json"


def create(setup: Setup, places: Places, kind: str, progress: Callable[[int], None] = lambda _: None) -> Entry:
    """One backup, durable in the target with all segments it needs (PostgreSQL waits for those)."""
    memory = setup.memory
    flow = _Flow(setup, places)
    while not flow.is_fine():
        time.sleep(_LOOK_S / 2)
    known = _forerunner(setup) if kind == INCREMENTAL else None
    if kind == INCREMENTAL and known is None:
        raise BackupError("Es gibt keine Sicherung, auf der eine aufbauen könnte. Machen Sie eine volle: --full")
    if kind == FULL:
        setup.keyring.begin_generation()
    begun, catcher = datetime.now(UTC), ManifestCatcher(progress)
    options = ["--incremental", str(memory / "manifest")] if known else []
    if known:
        write_secret(memory / "manifest", known["manifest"])
    with (
        TemporaryFile() as errors,
        _streaming(setup.var, places, options, errors) as (process, read),
        _Guard(setup, places, process) as guard,
    ):

        def fill(file: BinaryIO) -> tuple[int, str]:
            done = seal(_Passing(read, catcher.feed), file, setup.keyring.recipients())
            process.wait()
            if guard.reason is not None:
                raise guard.reason
            if process.returncode != 0:
                errors.seek(0)
                raise BackupError(f"pg_basebackup: {errors.read().decode(errors='replace').strip()[-500:]}")
            return done.size, done.sha256

        def describe() -> tuple[str, dict[str, Any]]:
            ranges = json.loads(catcher.manifest)["WAL-Ranges"]
            first, last = ranges[0], ranges[-1]
            return kind, {
                "parent": known["number"] if known else None,
                "begun_at": begun.isoformat(),
                "ended_at": datetime.now(UTC).isoformat(),
                "timeline": last["Timeline"],
                "wal_first": segment_at(first["Start-LSN"], first["Timeline"]),
                "wal_last": segment_at(last["End-LSN"], last["Timeline"], before=True),
                "bytes": catcher.seen,
            }

        entry = setup.chain.write(fill, describe)
    kept = {"number": entry.number, "timeline": entry.facts["timeline"], "manifest": catcher.manifest.decode()}
    write_secret(memory / _FORERUNNER, json.dumps(kept))
    if kind == FULL:
        setup.keyring.end_generation()
    return entry


class _Flow:
    """A backup ends when its segments are in the target: without the archiver, or with a full disk, it would never end.

    What waited for a key or a target is given the time in which the archiver tries again: as long as the oldest segment
    changes, something flows.
    """

    def __init__(self, setup: Setup, places: Places) -> None:
        self._setup, self._places = setup, places
        self._oldest, self._since = 0.0, time.monotonic()

    def is_fine(self) -> bool:
        """Whether nothing waits too long. Raises BackupError when it does and nothing has moved for a while."""
        waiting, reason = backlog(self._places.home), complaint(self._setup.memory)
        if waiting.oldest_s <= (_REFUSED_S if reason else _STUCK_S):
            return True
        oldest = time.time() - waiting.oldest_s
        if abs(oldest - self._oldest) > 0.5:
            self._oldest, self._since = oldest, time.monotonic()
        if time.monotonic() - self._since < _PATIENCE_S:
            return False
        reason = reason or "Läuft „dentatool run“? Ist auf diesem Rechner Platz?"
        raise BackupError(
            f"Seit {waiting.oldest_s:.0f} s kommen die Protokollabschnitte nicht im Ziel an, ohne die eine Sicherung nichts"
            f" nützt. {reason}"
        )


def can_increment(setup: Setup) -> bool:
    """Whether the newest backup in the target is the one whose manifest is here."""
    return _forerunner(setup) is not None


def _forerunner(setup: Setup) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads((setup.memory / _FORERUNNER).read_text())
        number = known["number"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
    made = [entry for entry in setup.chain.entries() if entry.kind in BACKUPS]
    return known if made and made[-1].number == number else None


@contextmanager
def _streaming(
    var: Path, places: Places, options: list[str], errors: BinaryIO
) -> "Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]":
    command = [
        *(
            str(places.binaries / "pg_basebackup"),
            "--pgdata=-",
            "--format=tar",
            "--wal-method=none",
            "--checkpoint=fast",
        ),
        *("--no-password", f"--host={places.socket}", f"--port={PORT}", f"--username={SUPERUSER}", *options),
    ]
    process = subprocess.Popen(
        command,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSWORD": superuser_password(var)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


class _Guard(Thread):
    """Ends a backup whose segments do not get into the target any more: PostgreSQL would wait for them for ever."""

    def __init__(self, setup: Setup, places: Places, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._flow, self._process = _Flow(setup, places), process
        self._done = Event()
        self.reason: BackupError | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        """Look once a second."""
        while self.reason is None and not self._done.wait(_LOOK_S):
            try:
                self._flow.is_fine()
            except BackupError as stuck:
                self.reason = stuck
                self._process.kill()


class _Passing:
    """A stream that somebody else watches."""

    def __init__(self, source: IO[bytes], watch: Callable[[bytes], None]) -> None:
        self._source, self._watch = source, watch

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self._watch(chunk)
        return chunk


class ManifestCatcher:
    """Follows a tar stream from header to header and keeps the one file `backup_manifest`, its last."""

    def __init__(self, progress: Callable[[int], None] = lambda _: None) -> None:
        self.manifest, self.seen = b"", 0
        self._header, self._left, self._padding, self._keeps = b"", 0, 0, False
        self._progress = progress

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the stream."""
        self.seen += len(chunk)
        self._progress(self.seen)
        view, at = memoryview(chunk), 0
        while at < len(view):
            if self._left:
                part = view[at : at + self._left]
                if self._keeps:
                    self.manifest += part
                self._left -= len(part)
            elif self._padding:
                part = view[at : at + self._padding]
                self._padding -= len(part)
            else:
                part = view[at : at + _BLOCK - len(self._header)]
                self._header += part
                if len(self._header) == _BLOCK:
                    self._begin(self._header)
                    self._header = b""
            at += len(part)

    def _begin(self, header: bytes) -> None:
        size = header[124:136]
        # Beyond 8 GB the size is binary, told by the first bit.
        self._left = int.from_bytes(size[1:], "big") if size[0] & 0x80 else int(size.split(b"\0")[0].strip() or b"0", 8)
        self._padding = -self._left % _BLOCK
        self._keeps = header[:100].rstrip(b"\0") == b"backup_manifest"
