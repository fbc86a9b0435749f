"""What the last check found, remembered in var/updates/state.json: also that it failed, and of which set of packages."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from dentatool.operations.secrets import write_secret
from dentatool.operations.updates.holes import LONGEST_ACCEPTANCE, Acceptance, Hole, acceptance_from, hole_from

KEPT_CLOSED = timedelta(days=3 * 365)


class NotAccepted(ValueError):
    """Why something is not put off. The message is for people."""


@dataclass(frozen=True, slots=True)
class Data:
    """The advisories of one ecosystem that were compared: how many, and the newest change in them."""

    records: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is remembered. `failed` says why the last check failed, and is empty when it did not."""

    tried: datetime
    failed: str = ""
    checked: datetime | None = None
    fingerprint: str = ""
    data: dict[str, Data] = field(default_factory=dict)
    holes: tuple[Hole, ...] = ()
    closed: tuple[dict[str, Any], ...] = ()
    accepted: tuple[Acceptance, ...] = ()


class Memory:
    """Changes are made under a lock: a person accepts while the nightly check goes on."""

    def __init__(self, var: Path) -> None:
        self.folder = var / "updates"
        self._file = self.folder / "state.json"

    def known(self) -> Known | None:
        """None before the first check, and where it cannot be read: then it has to be checked again."""
        try:
            row = json.loads(self._file.read_text(encoding="utf-8"))
            return Known(
                tried=datetime.fromisoformat(row["tried"]),
                failed=str(row["failed"]),
                checked=datetime.fromisoformat(row["checked"]) if row["checked"] else None,
                fingerprint=str(row["fingerprint"]),
                data={
                    name: Data(int(each["records"]), datetime.fromisoformat(each["newest"]))
                    for name, each in row["data"].items()
                },
                holes=tuple(hole_from(each) for each in row["holes"]),
                closed=tuple(dict(each) for each in row["closed"]),
                accepted=tuple(acceptance_from(each) for each in row["accepted"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def remember_failure(self, why: str, now: datetime) -> None:
        """What was found before stays; that it could not be looked at again is what counts."""
        with self._locked():
            before = self.known() or Known(tried=now)
            self._write(replace(before, tried=now, failed=why))

    def remember(self, holes: list[Hole], *, fingerprint: str, data: dict[str, Data], now: datetime) -> Known:
        """What a check found. What is there no longer is done."""
        with self._locked():
            before = self.known() or Known(tried=now)
            found = tuple(hole.seen_as(list(before.holes)) for hole in holes)
            done = [hole for hole in before.holes if not any(hole.is_same(each) for each in found)]
            kept = [each for each in before.closed if now - datetime.fromisoformat(each["closed"]) < KEPT_CLOSED]
            closed = [{**asdict(hole), "due": hole.due, "closed": now.isoformat()} for hole in done]
            accepted = tuple(each for each in before.accepted if now < each.ends)
            known = Known(now, "", now, fingerprint, data, found, (*kept, *closed), accepted)
            self._write(known)
            return known

    def accept(self, name: str, *, until: date, reason: str, by: str, now: datetime) -> list[Hole]:
        """Put off every open hole of this name. Raises NotAccepted."""
        if not reason.strip() or not by.strip():
            raise NotAccepted("Nennen Sie mit --reason den Grund und mit --by, wer dafür einsteht.")
        today = now.astimezone().date()
        if not today <= until <= today + LONGEST_ACCEPTANCE:
            raise NotAccepted(
                f"Aufschieben geht von heute an für höchstens {LONGEST_ACCEPTANCE.days} Tage,"
                f" also bis {today + LONGEST_ACCEPTANCE:%d.%m.%Y}."
            )
        with self._locked():
            known = self.known()
            holes = [hole for hole in known.holes if name in hole.names] if known else []
            if known is None or not holes:
                raise NotAccepted(
                    f"Eine offene Lücke „{name}“ gibt es hier nicht. Offen sind: dentatool updates status"
                )
            new = [
                Acceptance(
                    each.component, each.version, each.severity, each.names, until, reason.strip(), by.strip(), now
                )
                for each in holes
            ]
            others = [each for each in known.accepted if not any(each.covers(hole, now) for hole in holes)]
            self._write(replace(known, accepted=(*others, *new)))
            return holes

    def _write(self, known: Known) -> None:
        write_secret(self._file, json.dumps(asdict(known), default=_spelled, ensure_ascii=False, indent=1))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _spelled(value: Any) -> str:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    raise TypeError(type(value).__name__)
