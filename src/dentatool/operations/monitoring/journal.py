"""What happened to faults: raised, acknowledged, resolved. The last few hundred, in a file that needs no database.

From here they go into the platform's trail as soon as it can be written, and onto /status.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from dentatool.operations.secrets import write_secret

KEPT = 400


@dataclass(frozen=True, slots=True)
class Happening:
    """One step of one fault. `noted`: it is in the platform's trail."""

    event: str  # raised, acknowledged, resolved
    what: str
    at: datetime
    since: datetime
    reason: str = ""
    noted: bool = False


class Journal:
    """Whoever writes holds the lock of the alerts. What cannot be written is remembered until it can be."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._unwritten: list[Happening] | None = None

    def add(self, happening: Happening) -> None:
        """One more."""
        self._write([*self.all(), happening])

    def all(self) -> list[Happening]:
        """Oldest first; none when the file is no journal."""
        if self._unwritten is not None:
            return list(self._unwritten)
        try:
            return [_happening(row) for row in json.loads(self._file.read_text())]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def hand_on(self, record: Callable[[Happening], None]) -> None:
        """Have what is not in the trail yet recorded there, in order. What `record` raises ends it until the next time."""
        known = self.all()
        if all(each.noted for each in known):
            return
        try:
            for place, each in enumerate(known):
                if not each.noted:
                    record(each)
                    known[place] = replace(each, noted=True)
        finally:
            self._write(known)

    def _write(self, known: list[Happening]) -> None:
        self._unwritten = known[-KEPT:]
        with suppress(OSError):
            write_secret(self._file, json.dumps([asdict(each) for each in self._unwritten], default=datetime.isoformat))
            self._unwritten = None


def _happening(row: dict[str, str]) -> Happening:
    times = {name: datetime.fromisoformat(row[name]) for name in ("at", "since")}
    return Happening(**{**row, **times})  # type: ignore[arg-type]
