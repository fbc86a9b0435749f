"""Deletes what no generation needs. The signed entry that names it comes first: a kill leaves files, never a riddle."""

from collections.abc import Iterable
from datetime import datetime

from dentatool.operations.backup.chain import PRUNE, Chain
from dentatool.operations.backup.generations import may_go

_TWO_DAYS_S = 48 * 3600.0


def prune(chain: Chain, now: datetime) -> int:
    """How many entries went. Safe to repeat; also removes what an earlier, killed run left."""
    entries, head = chain.entries(), chain.head
    going, gone = may_go(entries, now), chain.absent(head.prune)
    if going:
        chain.enter(PRUNE, {"absent": _ranges(going | gone)})
    dead = going | gone
    for name in list(chain.target.names()):
        stem = name.split(".")[0]
        if stem.isdigit() and int(stem) in dead:
            chain.target.remove(name)
    chain.target.tidy(_TWO_DAYS_S)
    return len(going)


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    """1, 2, 3, 7 → [1, 3], [7, 7]."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
