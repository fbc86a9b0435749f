"""What the database keeps because it is not in the target yet, for how long, and when the disk will be full of it.

Looked up in the folder itself, so that it can be told also when the database does not answer. While a segment waits
nothing is lost; it is lost with the disk, and the disk fills.
"""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dentatool.operations.backup.memory import State
from dentatool.operations.backup.setup import is_wanted
from dentatool.operations.secrets import database_of

_LATE_S = 5 * 60.0  # as old as the newest lost work may be; otherwise a segment is away within a second
_SEGMENT = 16 << 20
_COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Finished segments that wait, seconds since the oldest was finished, bytes of all and bytes left on the disk."""

    count: int
    oldest_s: float
    bytes: int
    free: int

    @property
    def full_in_s(self) -> float | None:
        """When the disk is full if it goes on like this; None while nothing waits."""
        return self.free / self.bytes * self.oldest_s if self.count and self.oldest_s > 0 else None


def backlog(postgres: Path) -> Backlog:
    """Of the server in this folder (var/postgres). OSError where it cannot be looked at."""
    wal = postgres.resolve() / "data" / "pg_wal"
    finished = []
    for path in (wal / "archive_status").iterdir():
        if path.suffix == ".ready":
            with suppress(FileNotFoundError):  # it was taken away at this moment
                finished.append(path.stat().st_mtime)
    oldest = time.time() - min(finished) if finished else 0.0
    return Backlog(len(finished), max(0.0, oldest), len(finished) * _SEGMENT, shutil.disk_usage(wal).free)


def backlog_state(var: Path) -> State:
    """One sentence for the doctor. What cannot be looked at is wrong, not good."""
    if not is_wanted():
        return State(True, "keine Sicherung eingerichtet, nichts wartet")
    with suppress(OSError, ValueError):
        if database_of(var).get("server") == "existing":
            return State(True, "die Datenbank aus DATABASE_URL sichert, wer sie betreibt")
    try:
        waiting = backlog(var / "postgres")
    except OSError as error:
        return State(
            False, f"nicht nachzusehen: {error.strerror or error}", "„dentatool doctor“ als Konto des Dienstes starten"
        )
    if waiting.oldest_s <= _LATE_S:
        return State(True, f"{waiting.count} Protokollabschnitte auf dem Weg ins Ziel" if waiting.count else "keiner")
    told = (
        f"seit {waiting.oldest_s / 60:.0f} Min. kommt nichts im Ziel an; {waiting.count} Protokollabschnitte"
        f" ({waiting.bytes / 1e6:.0f} MB) warten"
    )
    if (left := waiting.full_in_s) is not None:
        told += f", bei diesem Tempo ist der Datenträger in {_spoken(left)} voll"
    reason = complaint(var / "backup") or "läuft „dentatool run“ (oder „dentatool backup watch“)?"
    return State(False, told, f"Der Grund zuletzt: {reason}")


def complain(memory: Path, reason: str) -> None:
    """Remember why nothing goes into the target; empty when it does again. A full disk here changes nothing."""
    with suppress(OSError):
        if reason:
            (memory / _COMPLAINT).write_text(reason, encoding="utf-8")
        else:
            (memory / _COMPLAINT).unlink(missing_ok=True)


def complaint(memory: Path) -> str:
    """The last reason; empty when there is none."""
    try:
        return (memory / _COMPLAINT).read_text(encoding="utf-8")
    except OSError:
        return ""


def _spoken(seconds: float) -> str:
    hours = seconds / 3600
    return f"{seconds / 60:.0f} Min." if hours < 2 else f"{hours:.0f} Std." if hours < 48 else f"{hours / 24:.0f} Tagen"
