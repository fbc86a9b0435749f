"""What an attribute may hold: the simple types of the schema, each with its own German reason.

The lexical rules are those of XML Schema: blanks around whole numbers do not count, in texts they do;
leading zeros do not count as digits; a sign is allowed where the range permits it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import Final, Protocol

from dentatool.billing.kzbv_xml.splitting import proposal_text
from dentatool.values.money import format_money

_BLANKS: Final = " \t\n\r"
_CENTS: Final = "; Beträge stehen in ganzen Cent"
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_DAY: Final = re.compile(
    r"(?P<year>-?(?:[0-9]{4}|[1-9][0-9]{4,}))-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?P<zone>Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
)


class Kind(Protocol):
    """A simple type: says in German what is wrong with a value, or nothing."""

    def problem(self, value: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Text:
    """Any characters, at least and at most so many."""

    most: int | None = None
    least: int = 0

    def problem(self, value: str) -> str | None:
        if self.most is not None and len(value) > self.most:
            return f"ist {len(value)} Zeichen lang, erlaubt sind höchstens {self.most}. Bitte kürzen."
        if len(value) < self.least:
            return f"ist zu kurz, nötig sind mindestens {self.least} Zeichen."
        return None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of at most so many digits; money kinds show the limit in euros."""

    digits: int
    least: int | None = 0
    unit: str = ""

    def problem(self, value: str) -> str | None:
        bare = value.strip(_BLANKS)
        if not _WHOLE.fullmatch(bare):
            return f"„{_shown(value)}“ ist keine ganze Zahl{self._hint()}."
        digits = bare.lstrip("+-").lstrip("0")  # Python converts no more than 4300 digits, zeros included
        if len(digits) > self.digits:
            return f"„{_shown(value)}“ ist zu groß, erlaubt sind höchstens {self._limit()}.{self._advice(bare)}"
        number = -int(digits or "0") if bare.startswith("-") else int(digits or "0")
        if self.least is not None and number < self.least:
            return f"„{_shown(value)}“ ist zu klein, der Wert muss mindestens {self.least} sein."
        return None

    def _hint(self) -> str:
        hints = {"cent": _CENTS, "price": _CENTS, "milli": "; Mengen stehen in ganzen Tausendsteln"}
        return hints.get(self.unit, "")

    def _limit(self) -> str:
        largest = 10**self.digits - 1
        return format_money(largest) if self.unit in {"cent", "price"} else f"{self.digits} Stellen"

    def _advice(self, bare: str) -> str:
        is_splittable = self.unit == "price" and len(bare) < 12 and not bare.startswith("-")
        return f" Bitte auf mehrere Zeilen aufteilen, z. B. {proposal_text(int(bare))}." if is_splittable else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a list of values, letter for letter."""

    values: frozenset[str]
    meaning: str
    shown: str = ""

    def problem(self, value: str) -> str | None:
        if value in self.values:
            return None
        allowed = f" Erlaubt sind {self.shown}." if self.shown else ""
        return f"„{_shown(value)}“ ist {self.meaning}.{allowed}"


@dataclass(frozen=True, slots=True)
class FourDigits:
    """Schema 4.0 and 4.1 list no numbers: any four digits."""

    def problem(self, value: str) -> str | None:
        return None if re.fullmatch("[0-9]{4}", value) else f"„{_shown(value)}“ muss aus genau vier Ziffern bestehen."


@dataclass(frozen=True, slots=True)
class Day:
    """``xs:date``: year-month-day, perhaps with a time zone.

    The standard would let blanks around it pass; libxml2, which many importers use, does not. So neither do we.
    """

    def problem(self, value: str) -> str | None:
        found = _DAY.fullmatch(value)
        if found is None:
            return f"„{_shown(value)}“ ist kein Datum. Bitte so angeben: 2026-11-23."
        year, month, day = found["year"], int(found["month"]), int(found["day"])
        if int(year[:20]) == 0 or not 1 <= month <= 12 or not 1 <= day <= _days_of(year, month):
            return f"Den Tag „{_shown(value)}“ gibt es nicht."
        return None


def _days_of(year: str, month: int) -> int:
    # Leap years repeat every 400 years, so the last four digits of the year decide; years may be negative or huge.
    return monthrange(2000 + int(year[-4:]) % 400, month)[1]


def _shown(value: str) -> str:
    cleaned = "".join(letter if letter.isprintable() else "␣" for letter in value[:41])
    return cleaned if len(cleaned) <= 40 else cleaned[:39] + "…"
