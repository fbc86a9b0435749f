"""All trails computed anew each night, those first that were looked at longest ago.

A night has an end: what does not fit in comes first the next time, and the doctor says how long the oldest has waited.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from uuid import UUID

from dentatool.operations.backup.generations import last_night
from dentatool.operations.trails.memory import Checked, Memory, remember, remembered

LONGEST = timedelta(hours=4)
_FIRST_LOOK_S, _LOOK_S, _AFTER_FAILURE_S = 20.0, 60.0, 900.0
_KEEP_EVERY_S = 30.0


def check_all(
    var: Path, trees: Iterable[UUID], check: Callable[[UUID], tuple[int, str]], *, longest: timedelta = LONGEST
) -> Memory:
    """Look at each trail; what was found is kept as it goes, so that a night that is cut off is not in vain.

    `check` gives the number of sealed entries and the first bad entry, "" for none.
    """
    begun, known = time.monotonic(), remembered(var)
    there = list(trees)
    memory = Memory({tree: known.trails[tree] for tree in there if tree in known.trails}, known.night)
    never = datetime.min.replace(tzinfo=UTC)
    kept = begun
    for tree in sorted(there, key=lambda each: memory.trails[each].at if each in memory.trails else never):
        if time.monotonic() - begun > longest.total_seconds():
            break
        sealed, wrong = check(tree)
        memory.trails[tree] = Checked(datetime.now(UTC), sealed, wrong)
        if time.monotonic() - kept > _KEEP_EVERY_S:
            kept = time.monotonic()
            remember(var, memory)
    memory.night = datetime.now(UTC)
    remember(var, memory)
    return memory


def is_due(var: Path) -> bool:
    """Whether the last night has passed without a check."""
    night = remembered(var).night
    return night is None or night < last_night(datetime.now(UTC))


def check_each_night(
    var: Path, command: Sequence[str], environment: dict[str, str], stopping: Event, say: Callable[[str], None]
) -> None:
    """Until told to stop: run the command when it is due, in a process of its own (it takes the owner's role)."""
    for _ in _ticks(stopping):
        if not is_due(var):
            continue
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        while process.poll() is None and not stopping.wait(1.0):
            pass
        if process.poll() is None:
            process.terminate()
            process.wait()
            return
        if process.returncode != 0:
            say("Protokolle: Die nächtliche Prüfung hat etwas gefunden oder ging nicht; siehe oben.")
            if is_due(var) and stopping.wait(_AFTER_FAILURE_S):
                return


def _ticks(stopping: Event) -> Iterator[None]:
    wait = _FIRST_LOOK_S
    while not stopping.wait(wait):
        wait = _LOOK_S
        yield
