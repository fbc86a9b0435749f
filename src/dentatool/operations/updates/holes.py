"""A known hole in something installed: how bad, since when, until when it must be closed, and who put it off."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from dentatool.operations.updates.severity import CRITICAL, HIGH, LOW, MEDIUM

# How long a hole may stay open once it is known: security.md's parameter sheet, TOM 11.S1, 15.5 and 15.S2.
DUE = {CRITICAL: timedelta(hours=72), HIGH: timedelta(days=7), MEDIUM: timedelta(days=30), LOW: timedelta(days=90)}
LONGEST_ACCEPTANCE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody answers for leaving one hole open until the end of a day, in this version and at this severity."""

    component: str
    version: str
    severity: str
    names: tuple[str, ...]
    until: date
    reason: str
    by: str
    at: datetime

    def covers(self, hole: "Hole", now: datetime) -> bool:
        """Still, and this very one."""
        return (
            (self.component, self.version, self.severity) == (hole.component, hole.version, hole.severity)
            and bool(set(self.names) & set(hole.names))
            and now < self.ends
        )

    @property
    def ends(self) -> datetime:
        """Midnight after its last day, by the clock on the wall."""
        return datetime.combine(self.until + timedelta(days=1), time()).astimezone()


@dataclass(frozen=True, slots=True)
class Hole:
    """`seen`: by us, first. `is_certain`: false where no version is named, so that nobody can say whether we have it."""

    component: str
    version: str
    names: tuple[str, ...]
    severity: str
    seen: datetime
    published: datetime | None = None
    fixed_in: str = ""
    is_certain: bool = True

    @property
    def since(self) -> datetime:
        """The clock starts when the world knew, or we: a lost memory and an old version do not set it back."""
        return min(self.seen, self.published) if self.published else self.seen

    @property
    def due(self) -> datetime:
        """What nobody can decide has to be looked at now."""
        return self.since + DUE[self.severity] if self.is_certain else self.since

    @property
    def name(self) -> str:
        """The one that people look up."""
        return min(self.names, key=lambda name: (not name.startswith("CVE-"), name))

    def is_same(self, other: "Hole") -> bool:
        """The same hole in the same thing, in whatever version and under whatever new names."""
        return self.component == other.component and bool(set(self.names) & set(other.names))

    def seen_as(self, before: list["Hole"]) -> "Hole":
        """With the time when it was first seen."""
        return replace(self, seen=min([self.seen, *(each.seen for each in before if self.is_same(each))]))


def hole_from(row: dict[str, Any]) -> Hole:
    """As it was remembered. Raises KeyError, TypeError, ValueError."""
    times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in ("seen", "published")}
    return Hole(**{**row, **times, "names": tuple(row["names"])})


def acceptance_from(row: dict[str, Any]) -> Acceptance:
    """As it was remembered. Raises KeyError, TypeError, ValueError."""
    times = {"until": date.fromisoformat(row["until"]), "at": datetime.fromisoformat(row["at"])}
    return Acceptance(**{**row, **times, "names": tuple(row["names"])})


def utc_now() -> datetime:
    """Whole seconds are enough."""
    return datetime.now(UTC).replace(microsecond=0)
