"""Invoice numbers from a laboratory's pattern. Pure.

A pattern is text with ``{year}`` and ``{number}`` or ``{number:06}``; nothing else in braces means anything, and nothing
is evaluated. The number goes into the Laborabrechnungsdaten XML: at most 50 characters, no slash, no control character.
"""

from __future__ import annotations

import re
from typing import Final

DEFAULT_PATTERN: Final = "RE-{year}-{number:06}"
CANCELLATION_PATTERN: Final = "ST-{year}-{number:06}"
LONGEST: Final = 50

_PLACE: Final = re.compile(r"\{(?P<name>year|number)(?::0?(?P<width>[1-9]))?\}")
_ALLOWED: Final = re.compile(r"[A-Za-z0-9ÄÖÜäöüß ._+-]*")


class BadPattern(ValueError):
    """The pattern cannot give a number of its own to every invoice; the message is German and says what to change."""


def format_number(pattern: str, *, year: int, number: int) -> str:
    """``("RE-{year}-{number:06}", 2026, 123)`` → ``"RE-2026-000123"``; ``"{year}{number:04}"`` → ``"20260123"``.

    :raises BadPattern: when year or number is missing (numbers would repeat), or a character is not allowed.
    """
    values = {"year": str(year), "number": str(number)}
    names = [found["name"] for found in _PLACE.finditer(pattern)]
    if sorted(names) != ["number", "year"]:
        raise BadPattern(
            "Das Format der Rechnungsnummer muss {year} und {number} je einmal enthalten, "
            f"z. B. {DEFAULT_PATTERN}. Bitte in den Angaben zum Labor ändern."
        )
    if not _ALLOWED.fullmatch(_PLACE.sub("", pattern)):
        raise BadPattern(
            "Das Format der Rechnungsnummer darf neben {year} und {number} nur Buchstaben, Ziffern, Punkt, Leerzeichen "
            "und Bindestrich enthalten, keinen Schrägstrich. Bitte in den Angaben zum Labor ändern."
        )
    if _runs_together(pattern):
        raise BadPattern(
            "Im Format der Rechnungsnummer braucht {number} direkt neben {year} eine feste Länge, "
            "z. B. {year}{number:04}. Bitte in den Angaben zum Labor ändern."
        )
    shown = _PLACE.sub(lambda found: values[found["name"]].zfill(int(found["width"] or 0)), pattern).strip()
    if len(shown) > LONGEST:
        raise BadPattern(f"Die Rechnungsnummer „{shown}“ ist länger als {LONGEST} Zeichen. Bitte das Format kürzen.")
    return shown


def _runs_together(pattern: str) -> bool:
    """Whether two pairs of year and number could read the same: 2026 and 1 like 202 and 61."""
    places = list(_PLACE.finditer(pattern))
    between = pattern[places[0].end() : places[1].start()]
    number = next(found for found in places if found["name"] == "number")
    return not between and not number["width"]
