"""Days as Germans type and read them. A day is a ``date`` in Germany; what "today" is, the caller says."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from dentatool.values.money import Unreadable

WEEKDAYS: Final = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")

_NAMED: Final = {"heute": 0, "h": 0, "morgen": 1, "m": 1, "übermorgen": 2, "gestern": -1, "vorgestern": -2}
_DOTTED: Final = re.compile(r"([0-9]{1,2})[./]([0-9]{1,2})(?:[./]([0-9]{4}|[0-9]{2})?)?")
_DIGITS: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})?")
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OFFSET: Final = re.compile(r"([+-])([0-9]{1,4})")
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)


def parse_day(text: str, *, today: date, past: bool = False) -> date:
    """Typed day → date. Accepts ``23.11.2026``, ``23.11.26``, ``23.11.``, ``231126``, ``23112026``, ``2311``,
    ``2026-11-23``, ``+3``, ``-1``, ``heute``, ``morgen``, ``Mo`` to ``So`` (the next such day).

    Without a year the day nearest to today is meant, so that in December ``10.01.`` is next January. ``past=True``
    is for days that lie behind us (birth): two-digit years and missing years never give a day after today.

    :raises Unreadable: German message that says how to write it.
    """
    typed = text.strip().lower()
    if not typed:
        raise Unreadable("Bitte einen Tag angeben, z. B. 23.11.2026.")
    day = _spoken(typed, today)
    if day is None:
        day = _written(typed, text, today, past=past)
    if not _EARLIEST <= day <= _LATEST:
        raise Unreadable(f"Der Tag {format_day(day)} liegt zu weit entfernt. Bitte das Jahr prüfen.")
    return day


def format_day(day: date) -> str:
    """``23.11.2026``"""
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def format_weekday(day: date) -> str:
    """``Mo 23.11.2026``"""
    return f"{WEEKDAYS[day.weekday()][:2]} {format_day(day)}"


def _spoken(typed: str, today: date) -> date | None:
    if typed in _NAMED:
        return _moved(today, _NAMED[typed])
    if found := _OFFSET.fullmatch(typed):
        return _moved(today, int(found[1] + found[2]))
    for number, name in enumerate(WEEKDAYS):
        if typed.rstrip(".") in {name.lower(), name[:2].lower()}:
            return _moved(today, (number - today.weekday() - 1) % 7 + 1)
    return None


def _moved(today: date, days: int) -> date:
    try:
        return today + timedelta(days=days)
    except OverflowError:
        raise Unreadable("Der Tag liegt zu weit entfernt. Bitte ein Datum wie 23.11.2026 angeben.") from None


def _written(typed: str, shown: str, today: date, *, past: bool) -> date:
    if found := _ISO.fullmatch(typed):
        return _date(int(found[1]), int(found[2]), int(found[3]), shown)
    dotted = re.sub(r"\s*([./])\s*", r"\1", typed)
    numbers = _DOTTED.fullmatch(dotted) or _DIGITS.fullmatch(dotted)
    if numbers is None:
        raise Unreadable(f"„{_short(shown)}“ ist kein Datum. Bitte so schreiben: 23.11.2026, 23.11. oder +3.")
    day, month, year = int(numbers[1]), int(numbers[2]), numbers[3]
    if year is None:
        return _nearest(day, month, shown, today, past=past)
    if len(year) == 4:
        return _date(int(year), month, day, shown)
    return _century(int(year), month, day, shown, today, past=past)


def _nearest(day: int, month: int, shown: str, today: date, *, past: bool) -> date:
    candidates = [found for year in range(today.year - 8, today.year + 9) if (found := _maybe(year, month, day))]
    if past:
        candidates = [found for found in candidates if found <= today]
    if not candidates:
        raise Unreadable(f"Den Tag „{_short(shown)}“ gibt es nicht. Bitte Tag und Monat prüfen.")
    return min(candidates, key=lambda found: abs((found - today).days))


def _century(year: int, month: int, day: int, shown: str, today: date, *, past: bool) -> date:
    found = _date(2000 + year, month, day, shown) if not past else None
    if found is not None:
        return found
    near = _maybe(2000 + year, month, day)
    return near if near is not None and near <= today else _date(1900 + year, month, day, shown)


def _maybe(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date(year: int, month: int, day: int, shown: str) -> date:
    found = _maybe(year, month, day)
    if found is None:
        raise Unreadable(f"Den Tag „{_short(shown)}“ gibt es nicht. Bitte Tag, Monat und Jahr prüfen.")
    return found


def _short(text: str) -> str:
    cleaned = "".join(letter if letter.isprintable() else " " for letter in text.strip())
    return cleaned if len(cleaned) <= 20 else cleaned[:19] + "…"
