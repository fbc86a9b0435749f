"""Each finished segment of the write-ahead log goes to the target before PostgreSQL may let go of it.

PostgreSQL marks a finished segment `.ready` and keeps it until its archive command succeeds. That command waits for a
marker which is set here, after the sealed segment and its entry are durable in the target. Killed in between, the
segment is still there and is looked up again. Read straight from pg_wal: no second plaintext copy, no signed-in role.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import BinaryIO

from dentatool.operations.backup import BackupError, in_words
from dentatool.operations.backup.backlog import complain
from dentatool.operations.backup.chain import WAL, Chain
from dentatool.operations.backup.sealing import Keyring, seal
from dentatool.operations.cluster.places import Places, private_folder
from dentatool.operations.cluster.tuning import ARCHIVED, WATCHED

_LOOK_S, _AFTER_FAILURE_S = 0.2, 5.0


class Archiver:
    """Watches one server's finished segments."""

    def __init__(self, places: Places, chain: Chain, keyring: Keyring) -> None:
        self._wal = places.data / "pg_wal"
        self._markers = private_folder(places.home / ARCHIVED, places.account)
        self._chain, self._keyring = chain, keyring
        self._had: set[str] | None = None

    def watch(self, stopping: Event, tell: Callable[[str], None], look: Callable[[], None]) -> None:
        """Until told to stop, and once more then: the last segment of an orderly end is finished by now.

        `look` is asked at each round, for what else is due.
        """
        watched, complained = self._markers / WATCHED, False
        try:
            while True:
                last, wait = stopping.is_set(), _LOOK_S
                try:
                    self.archive_ready()
                    watched.touch()
                    complain(self._chain.memory, "")
                    if complained:
                        tell("Sicherung: Das Ziel nimmt wieder an; alles Versäumte ist nachgeholt.")
                    complained = False
                except (BackupError, OSError) as error:
                    watched.unlink(missing_ok=True)  # so that the database does not wait in vain when it is to end
                    reason = in_words(error).rstrip(".")
                    complain(self._chain.memory, reason)
                    if not complained:
                        tell(f"Sicherung steht: {reason}. Die Datenbank hebt auf, was noch nicht im Ziel ist.")
                    complained, wait = True, _AFTER_FAILURE_S
                if last:
                    return
                look()
                stopping.wait(wait)
        finally:
            watched.unlink(missing_ok=True)

    def archive_ready(self) -> int:
        """All that is finished now; how many were new."""
        ready = sorted(path.name.removesuffix(".ready") for path in (self._wal / "archive_status").glob("*.ready"))
        for marker in os.listdir(self._markers):
            if marker != WATCHED and marker not in ready:
                (self._markers / marker).unlink()
        new = [name for name in ready if not (self._markers / name).exists()]
        if self._had is None:
            self._had = self._known()
            # A restored server made its history before it was archived: without it nobody finds the way to its segments.
            new += [path.name for path in self._wal.glob("*.history") if path.name not in {*self._had, *ready}]
        if new:
            self._chain.target.require()
        # History files first: what comes after cannot be read without them.
        for name in sorted(new, key=lambda name: (not name.endswith(".history"), name)):
            self._archive(name, self._had)
        return len(new)

    def _known(self) -> set[str]:
        """What is in the target already, perhaps put there by an earlier run that was killed before it set the marker."""
        self._chain.target.require()
        return {entry.facts["name"] for entry in self._chain.entries() if entry.kind == WAL}

    def _archive(self, name: str, had: set[str]) -> None:
        ready = self._wal / "archive_status" / f"{name}.ready"
        if name not in had:
            finished = (ready if ready.exists() else self._wal / name).stat().st_mtime
            with (self._wal / name).open("rb") as segment:

                def fill(file: BinaryIO) -> tuple[int, str]:
                    done = seal(segment, file, self._keyring.recipients())
                    return done.size, done.sha256

                facts = {"name": name, "until": datetime.fromtimestamp(finished, UTC).isoformat()}
                self._chain.write(fill, lambda: (WAL, facts))
            had.add(name)
        if ready.exists():
            (self._markers / name).touch()
