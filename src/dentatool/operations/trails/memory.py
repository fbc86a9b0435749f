"""What the checks of the trails found (var/trails.json): for the doctor, whether the database answers or not."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from dentatool.operations.secrets import write_secret


@dataclass(frozen=True, slots=True)
class Checked:
    """One trail when it was last computed anew. `wrong`: the first bad entry in German; empty when all is as sealed."""

    at: datetime
    sealed: int
    wrong: str = ""


@dataclass(slots=True)
class Memory:
    """The last check of each trail, and the end of the last whole night."""

    trails: dict[UUID, Checked] = field(default_factory=dict)
    night: datetime | None = None

    @property
    def wrong(self) -> dict[UUID, Checked]:
        """The trails that are not as they were sealed."""
        return {tree: each for tree, each in self.trails.items() if each.wrong}

    @property
    def oldest(self) -> datetime | None:
        """When the trail was looked at that has waited longest."""
        return min((each.at for each in self.trails.values()), default=None)


def remembered(var: Path) -> Memory:
    """What is known. An unreadable memory is none: the next night fills it again."""
    try:
        known = json.loads(_file(var).read_text())
        trails = {
            UUID(tree): Checked(datetime.fromisoformat(each["at"]), int(each["sealed"]), str(each["wrong"]))
            for tree, each in known["trails"].items()
        }
        night = datetime.fromisoformat(known["night"]) if known["night"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Memory()
    return Memory(trails, night)


def remember(var: Path, memory: Memory) -> None:
    """All or nothing."""
    trails = {str(tree): asdict(each) for tree, each in memory.trails.items()}
    write_secret(
        _file(var),
        json.dumps({"night": memory.night, "trails": trails}, default=datetime.isoformat, ensure_ascii=False),
    )


def _file(var: Path) -> Path:
    return var / "trails.json"
