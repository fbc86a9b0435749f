"""The order number (Auftragsnummer) that the practice's software gives to a plan.

Six parts joined by ``-``: location (6 digits), patient's pseudonym, area (ZE, KB, KFO), plan, running number, check
digit; at most 50 characters (comment of the official schema 4.5). The laboratory never invents or repairs one: it
normalises what scanners and keyboards do to the separators and says exactly what is wrong with the rest.

What is caught (measured in the tests over the 52 published samples):
- every single wrong digit, in whichever part: the check digit sees each of them, because ``d`` and ``2d`` (less nine
  beyond nine) are both one-to-one on 0 to 9;
- not every mistake with a letter in it: letters share values (``e``, ``o`` and ``y`` count 1). 772 of 23,070 pass;
- not every swap of neighbours: ``0`` and ``9`` swap unseen. 20 of 983 pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

AREAS: Final = {"ZE": "Zahnersatz", "KB": "Kiefergelenk und Kieferbruch", "KFO": "Kieferorthopädie"}
LONGEST: Final = 50

# What scanners with a foreign keyboard layout, word processors and typists make of the minus sign.
_SEPARATORS: Final = re.compile(
    "[\\s\u00a0\u00ad\u202f\u200b_/ßẞ?\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00af.-]+"
)
_FORMAT: Final = re.compile(
    r"(?P<location>[0-9]{6})-(?P<pseudonym>[A-Za-z0-9]+)-(?P<area>ZE|KB|KFO)-(?P<plan>[A-Za-z0-9]+)"
    r"-(?P<running>[0-9]+)-(?P<digit>[0-9])"
)
_PART_NAMES: Final = (
    "Standortnummer",
    "Patientenpseudonym",
    "Bereich",
    "Planidentifikation",
    "laufende Nummer",
    "Prüfziffer",
)


@dataclass(frozen=True, slots=True)
class OrderNumber:
    """A well-formed order number with a right check digit; ``str()`` gives it as it goes into the XML."""

    location: str
    pseudonym: str
    area: str
    plan: str
    running: str
    digit: str

    def __str__(self) -> str:
        return "-".join((self.location, self.pseudonym, self.area, self.plan, self.running, self.digit))

    @property
    def file_name(self) -> str:
        """The XML file must bear the order number as its name."""
        return f"{self}.xml"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a typed order number: which part, and a German sentence that says what to do."""

    part: str
    reason: str

    def __str__(self) -> str:
        return self.reason


def normalise(text: str) -> str:
    """Turn ``ß``, dashes, blanks, underscores and the like into ``-`` and the area into capitals; change nothing else.

    ``"565901ß4711ßzeß20260015ß1ß6"`` → ``"565901-4711-ZE-20260015-1-6"``. Digits and letters are never repaired.
    """
    parts = _SEPARATORS.sub("-", text.strip()).strip("-").split("-")
    if len(parts) > 2 and parts[2].upper() in AREAS:
        parts[2] = parts[2].upper()
    return "-".join(parts)


def check_digit(number_without_digit: str) -> int:
    """The check digit over all characters before it, as the KZBV describes it.

    Digit = its value, letter = ASCII code of its lower case mod 10, ``-`` and ``*`` = 0; the first, third, … character
    counts twice, less nine beyond nine; the sum mod 10 is the digit. Capitals and small letters count alike.

    :raises ValueError: for any other character.
    """
    total = 0
    for place, character in enumerate(number_without_digit):
        weighted = _character_value(character) * (2 if place % 2 == 0 else 1)
        total += weighted - 9 if weighted > 9 else weighted
    return total % 10


def check(text: str) -> OrderNumber | list[Problem]:
    """Normalise, then check structure and check digit.

    Gives the order number, or all problems found with German reasons. The text is limited before anything is computed.
    """
    number = normalise(text[:200])
    if not number:
        return [Problem("Auftragsnummer", "Bitte die Auftragsnummer der Praxis eingeben oder scannen.")]
    if len(number) > LONGEST:
        return [Problem("Auftragsnummer", f"Die Auftragsnummer ist zu lang: Höchstens {LONGEST} Zeichen sind erlaubt.")]
    found = _FORMAT.fullmatch(number)
    if found is None:
        return _structure_problems(number)
    expected = check_digit(number[:-1])
    if int(found["digit"]) != expected:
        return [
            Problem("Prüfziffer", f"Prüfziffer falsch (erwartet {expected}). Bitte die Nummer noch einmal vergleichen.")
        ]
    return OrderNumber(**found.groupdict())


def parse(text: str) -> OrderNumber | None:
    """Like :func:`check`, for those who need no reasons."""
    number = check(text)
    return number if isinstance(number, OrderNumber) else None


def is_location(text: str) -> bool:
    """Whether the text is a location number (Standortnummer): six digits."""
    return re.fullmatch(r"[0-9]{6}", text) is not None


def _character_value(character: str) -> int:
    if character in "-*":
        return 0
    if character.isascii() and character.isdigit():
        return int(character)
    if character.isascii() and character.isalpha():
        return ord(character.lower()) % 10
    raise ValueError(f"no value for {character!r} in an order number")


def _structure_problems(number: str) -> list[Problem]:
    parts = number.split("-")
    if len(parts) != len(_PART_NAMES):
        return [_wrong_count(len(parts))]
    location, pseudonym, area, plan, running, digit = parts
    problems = [
        None if is_location(location) else _problem(0, f"muss aus genau 6 Ziffern bestehen, nicht „{location}“"),
        _letters_and_digits(1, pseudonym),
        None if area in AREAS else _problem(2, f"muss ZE, KB oder KFO sein, nicht „{area}“"),
        _letters_and_digits(3, plan),
        None if re.fullmatch("[0-9]+", running) else _problem(4, f"darf nur Ziffern enthalten, nicht „{running}“"),
        None if re.fullmatch("[0-9]", digit) else _problem(5, f"muss genau eine Ziffer sein, nicht „{digit}“"),
    ]
    return [problem for problem in problems if problem is not None]


def _wrong_count(count: int) -> Problem:
    return Problem(
        "Auftragsnummer",
        f"Die Auftragsnummer hat {count} statt 6 Teile. Sie sieht so aus: "
        "Standort-Pseudonym-Bereich-Plan-Nummer-Prüfziffer, z. B. 123456-1-ZE-1-1-0.",
    )


def _letters_and_digits(place: int, part: str) -> Problem | None:
    if re.fullmatch("[A-Za-z0-9]+", part):
        return None
    return _problem(place, f"darf nur Ziffern und Buchstaben ohne Umlaute enthalten, nicht „{part}“")


def _problem(place: int, what: str) -> Problem:
    article = "Das" if place == 1 else "Der" if place == 2 else "Die"
    return Problem(_PART_NAMES[place], f"{article} {_PART_NAMES[place]} {what}.")
