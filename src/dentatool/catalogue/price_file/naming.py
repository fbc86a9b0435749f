"""What the name of a price file says: ``02la0225.csv`` is KZV 02 (Baden-Württemberg), valid from February 2025."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

REGION_OF_KZV: Final = {
    "02": "BW", "04": "NS", "06": "RP", "11": "BY", "13": "NR", "20": "HS", "30": "BE", "31": "HB", "32": "HH",
    "35": "SAA", "36": "SH", "37": "WL", "52": "MVO", "53": "BBG", "54": "SAN", "55": "TH", "56": "SA",
}  # fmt: skip
_NAME: Final = re.compile(r"(?:^|\D)(\d{2})[il]a(\d{2})(\d{2})", re.IGNORECASE)
_DAY_IN_NAME: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def region_in(name: str) -> str | None:
    """The Abrechnungsbereich, by the KZV's number or by its abbreviation."""
    if match := _NAME.search(name):
        return REGION_OF_KZV.get(match.group(1))
    words: Iterable[str] = re.split(r"[^A-Za-z]+", name.upper())
    return next((word for word in words if word in REGION_OF_KZV.values()), None)


def valid_from_in(name: str) -> date | None:
    """The first day, if the name tells one that exists."""
    if match := _DAY_IN_NAME.search(name):
        return _day(int(match.group(1)), int(match.group(2)), int(match.group(3)))
    if match := _NAME.search(name):
        return _day(2000 + int(match.group(3)), int(match.group(2)), 1)
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
