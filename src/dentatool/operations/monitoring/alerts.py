"""Which faults are open, and what is to be told of them now. Remembered in var/monitoring/alerts.json.

What happened to them (raised, acknowledged, resolved) is in the journal beside it.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from dentatool.operations.finding import WRONG, Finding
from dentatool.operations.monitoring.journal import Happening, Journal
from dentatool.operations.secrets import write_secret

LOOKS = 2  # as often in a row a fault is seen, or not seen, before it is told
# While one of these is wrong, the others are not all looked at.
CANNOT_LOOK = "Nachsehen"
BLINDING = {"Datenbank", CANNOT_LOOK}
REPEATED = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Alert:
    """One fault: `since` it was first seen, `told` last by mail, `taken` on by somebody. Times with zone."""

    what: str
    found: str
    mend: str
    since: datetime
    seen: int = 0
    missed: int = 0
    told: datetime | None = None
    taken: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        """To name it in a command: the same from its first minute to its last."""
        return sha256(f"{self.what}|{self.since.isoformat()}".encode()).hexdigest()[:6]

    @property
    def is_over(self) -> bool:
        """Not seen for long enough; it is forgotten as soon as that has been told."""
        return self.missed >= LOOKS

    @property
    def is_open(self) -> bool:
        """Seen often enough to be more than a hiccup."""
        return self.seen >= LOOKS and not self.is_over

    @property
    def is_unsettled(self) -> bool:
        """Seen or missed once: the next look decides."""
        return self.seen < LOOKS or 0 < self.missed < LOOKS

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be told now: the first time at once, afterwards until somebody takes it on."""
        return self.is_open and (self.told is None or (not self.taken and now - self.told >= REPEATED))


class Alerts:
    """The alerts of an installation. Everything is done under a lock: a person takes one on while the watch goes on.

    What cannot be written is remembered here until it can be: a full disk is a fault to be told, too.
    """

    def __init__(self, var: Path) -> None:
        self.var = var
        self.folder = var / "monitoring"
        self.journal = Journal(self.folder / "journal.json")
        self._unwritten: dict[str, Alert] | None = None

    def look(self, findings: Iterable[Finding], now: datetime) -> list[Alert]:
        """Take in what was found just now; all alerts, the newest last."""
        looked_at = {finding.what: finding for finding in findings}
        wrong = {what: finding for what, finding in looked_at.items() if finding.status == WRONG}
        is_blind = bool(wrong.keys() & BLINDING)
        with self._locked():
            known = self._read()
            for what, finding in wrong.items():
                alert = known.get(what) or Alert(what, finding.found, finding.mend, now)
                known[what] = replace(alert, found=finding.found, mend=finding.mend, seen=alert.seen + 1, missed=0)
                if alert.seen + 1 == LOOKS:
                    self.journal.add(Happening("raised", what, now, alert.since))
            for what in known.keys() - wrong.keys():
                if is_blind and what not in looked_at:
                    continue  # not seen is not over
                alert = known[what] = replace(known[what], missed=known[what].missed + 1)
                if alert.told is None and (alert.is_over or alert.seen < LOOKS):
                    self._forget(known, alert, now)  # nobody heard of it
            self._write(known)
        return list(known.values())

    def tell(self, told: Iterable[Alert], now: datetime) -> None:
        """That these were told: those that are over are forgotten."""
        with self._locked():
            known = self._read()
            for alert in told:
                if alert.is_over:
                    self._forget(known, alert, now)
                elif alert.what in known:
                    known[alert.what] = replace(known[alert.what], told=now)
            self._write(known)

    def acknowledge(self, named: str, *, by: str, reason: str) -> Alert | None:
        """Somebody takes a fault on: it is not told again until it is over. None when no alert has this id or name."""
        with self._locked():
            known = self._read()
            found = next((alert for alert in known.values() if named in (alert.id, alert.what)), None)
            if found is None:
                return None
            known[found.what] = taken = replace(found, taken=by, reason=reason)
            self.journal.add(Happening("acknowledged", found.what, datetime.now(UTC), found.since, reason))
            self._write(known)
        return taken

    def hand_on(self, record: Callable[[Happening], None]) -> None:
        """Have what happened since the last time recorded in the trail."""
        if any(not each.noted for each in self.journal.all()):
            with self._locked():
                self.journal.hand_on(record)

    def all(self) -> list[Alert]:
        """As they were remembered last."""
        return list(self._read().values())

    def _forget(self, known: dict[str, Alert], alert: Alert, now: datetime) -> None:
        if known.pop(alert.what, None) is not None and alert.seen >= LOOKS:
            self.journal.add(Happening("resolved", alert.what, now, alert.since))

    def _read(self) -> dict[str, Alert]:
        """An unreadable memory is none: what is wrong now is seen again by the next look."""
        if self._unwritten is not None:
            return dict(self._unwritten)
        try:
            rows = json.loads((self.folder / "alerts.json").read_text())
            return {row["what"]: _alert(row) for row in rows}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _write(self, known: dict[str, Alert]) -> None:
        rows = [asdict(alert) for alert in known.values()]
        self._unwritten = known
        with suppress(OSError):
            write_secret(self.folder / "alerts.json", json.dumps(rows, default=datetime.isoformat))
            self._unwritten = None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _alert(row: dict[str, str | int | None]) -> Alert:
    times = {name: datetime.fromisoformat(str(row[name])) if row[name] else None for name in ("since", "told")}
    return Alert(**{**row, **times})  # type: ignore[arg-type]
