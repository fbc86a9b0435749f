"""Teeth by the FDI scheme: permanent 11 to 48, milk teeth 51 to 85, typed lists and ranges.

The order of teeth is the one of the chart, seen from the front: upper jaw 18 … 11 21 … 28, lower jaw 48 … 41 31 … 38.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

from dentatool.values.money import Unreadable

Jaw = Literal["upper", "lower"]

UPPER: Final = (*range(18, 10, -1), *range(21, 29))
LOWER: Final = (*range(48, 40, -1), *range(31, 39))
UPPER_MILK: Final = (*range(55, 50, -1), *range(61, 66))
LOWER_MILK: Final = (*range(85, 80, -1), *range(71, 76))
ROWS: Final = (UPPER, LOWER, UPPER_MILK, LOWER_MILK)
TEETH: Final = frozenset(tooth for row in ROWS for tooth in row)

_PLACE: Final = {tooth: (row, column) for row, teeth in enumerate(ROWS) for column, tooth in enumerate(teeth)}
_KINDS: Final = ("mittlerer Schneidezahn", "seitlicher Schneidezahn", "Eckzahn", "1. Prämolar", "2. Prämolar")
_MOLARS: Final = ("1. Molar", "2. Molar", "3. Molar (Weisheitszahn)")
_MILK_KINDS: Final = (*_KINDS[:3], "1. Milchmolar", "2. Milchmolar")
_ITEM: Final = re.compile(r"([0-9]{2})(?:-([0-9]{2}))?")
_LONGEST_LIST: Final = 500


def is_tooth(number: int) -> bool:
    """Whether the FDI scheme knows the number."""
    return number in TEETH


def is_milk_tooth(tooth: int) -> bool:
    return tooth // 10 >= 5


def quadrant(tooth: int) -> int:
    """1 to 4 for permanent, 5 to 8 for milk teeth.

    :raises Unreadable: when there is no such tooth.
    """
    return _known(tooth) // 10


def jaw(tooth: int) -> Jaw:
    """``"upper"`` for quadrants 1, 2, 5, 6, else ``"lower"``."""
    return "upper" if quadrant(tooth) in {1, 2, 5, 6} else "lower"


def tooth_name(tooth: int) -> str:
    """German name for the chart and for screen readers: ``14`` → ``"14, 1. Prämolar oben rechts"``."""
    place = _known(tooth) % 10
    kind = _MILK_KINDS[place - 1] if is_milk_tooth(tooth) else (*_KINDS, *_MOLARS)[place - 1]
    height = "oben" if jaw(tooth) == "upper" else "unten"
    return f"{tooth}, {kind} {height} {'rechts' if quadrant(tooth) in {1, 4, 5, 8} else 'links'}"


def in_order(teeth: Iterable[int]) -> tuple[int, ...]:
    """Each tooth once, in the order of the chart.

    :raises Unreadable: when one of them does not exist.
    """
    return tuple(sorted({_known(tooth) for tooth in teeth}, key=_PLACE.__getitem__))


def parse_teeth(text: str) -> tuple[int, ...]:
    """Typed list → teeth in the order of the chart: ``"14,15-17 21"`` → ``(17, 16, 15, 14, 21)``.

    Ranges run along one jaw, also across the middle: ``"12-22"`` → ``(12, 11, 21, 22)``. Empty text gives no tooth.

    :raises Unreadable: German message that names the wrong entry.
    """
    if len(text) > _LONGEST_LIST:
        raise Unreadable("Die Liste der Zähne ist zu lang. Bitte Bereiche wie 14-16 verwenden.")
    joined = re.sub(r"\s*[-\u2010-\u2015\u2212]\s*", "-", text)  # any dash, with or without blanks
    teeth: list[int] = []
    for item in re.split(r"[\s,;+/]+", joined.strip()):
        if item:
            teeth.extend(_item_teeth(item))
    return in_order(teeth)


def format_teeth(teeth: Iterable[int]) -> str:
    """Teeth → short text with ranges of three and more: ``(17, 16, 15, 21)`` → ``"17-15, 21"``. Reads back the same."""
    runs: list[list[int]] = []
    for tooth in in_order(teeth):
        if runs and _follows(runs[-1][-1], tooth):
            runs[-1].append(tooth)
        else:
            runs.append([tooth])
    return ", ".join(_run_text(run) for run in runs)


def within_veneer_limits(tooth: int) -> bool:
    """Whether the statutory insurance covers a veneer on this tooth: upper 15 to 25, lower 34 to 44 (BEL II, 384 0)."""
    return tooth % 10 <= (5 if jaw(tooth) == "upper" else 4)


def _known(tooth: int) -> int:
    if tooth not in TEETH:
        raise Unreadable(f"Den Zahn {tooth} gibt es nicht. Möglich sind 11 bis 48 und Milchzähne 51 bis 85 (FDI).")
    return tooth


def _item_teeth(item: str) -> tuple[int, ...]:
    found = _ITEM.fullmatch(item)
    if found is None:
        shown = item if len(item) <= 20 else item[:19] + "…"
        raise Unreadable(f"„{shown}“ ist kein Zahn. Bitte so schreiben: 14, 15-17, 21.")
    first, last = int(found[1]), int(found[2] or found[1])
    (row, start), (other_row, end) = _PLACE[_known(first)], _PLACE[_known(last)]
    if row != other_row:
        raise Unreadable(f"„{item}“ geht über zwei Kiefer. Bitte einen Bereich je Kiefer angeben, z. B. 14-16, 34-36.")
    return ROWS[row][min(start, end) : max(start, end) + 1]


def _follows(left: int, right: int) -> bool:
    (row, column), (other_row, other_column) = _PLACE[left], _PLACE[right]
    return row == other_row and column + 1 == other_column


def _run_text(run: list[int]) -> str:
    return f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
