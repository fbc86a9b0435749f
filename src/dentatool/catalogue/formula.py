"""Quantities of service chains: whole numbers, variables, + - * ( ) min max. Pure; no eval.

Units: pieces. `evaluate` gives a whole number ≥ 0; `FormulaError` says in German what is wrong and where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

VARIABLES: Final = (
    "kronen",
    "anker",
    "glieder",
    "verblendungen",
    "pfeiler",
    "stifte",
    "zaehne",
    "klammern",
    "versandgaenge",
)
MOST_CHARACTERS, MOST_DEPTH, MOST_RESULT = 80, 10, 999
_TOKEN = re.compile(r"\s*(?:([0-9]{1,4})|([A-Za-zÄÖÜäöüß]+)|(.))")


class FormulaError(ValueError):
    """The formula cannot be read; the message is for people."""


def evaluate(formula: str, variables: Mapping[str, int]) -> int:
    """The quantity of a formula such as ``2*pfeiler+min(zaehne, 14)``; unknown counts are 0, less than none is 0."""
    result = _Reader(formula, variables).whole()
    if result > MOST_RESULT:
        raise FormulaError(f"Die Menge {result} ist zu groß; höchstens {MOST_RESULT}.")
    return max(result, 0)


def check(formula: str) -> None:
    """Raise FormulaError unless the formula can be read."""
    evaluate(formula, dict.fromkeys(VARIABLES, 1))


class _Reader:
    """A recursive descent over the tokens: sum > product > piece."""

    def __init__(self, formula: str, variables: Mapping[str, int]) -> None:
        if len(formula) > MOST_CHARACTERS:
            raise FormulaError(f"Die Formel ist länger als {MOST_CHARACTERS} Zeichen.")
        if not formula.strip():
            raise FormulaError("Die Formel ist leer; zum Beispiel 1 oder kronen.")
        self._tokens = [
            (match.start(match.lastindex or 0), match.group().strip()) for match in _TOKEN.finditer(formula.rstrip())
        ]
        self._variables = variables
        self._at = 0
        self._depth = 0

    def whole(self) -> int:
        result = self._sum()
        if self._next() is not None:
            raise self._wrong()
        return result

    def _sum(self) -> int:
        total = self._product()
        while (sign := self._next()) in ("+", "-"):
            self._at += 1
            piece = self._product()
            total = total + piece if sign == "+" else total - piece
        return total

    def _product(self) -> int:
        total = self._piece()
        while self._next() == "*":
            self._at += 1
            total *= self._piece()
        return total

    def _piece(self) -> int:
        word = self._next()
        if word is None:
            raise FormulaError("Am Ende der Formel fehlt etwas.")
        if word == "(":
            return self._in_brackets()[0]
        self._at += 1
        if word.isascii() and word.isdigit():
            return int(word)
        name = word.lower()
        if name in ("min", "max") and self._next() == "(":
            values = self._in_brackets(several=True)
            return min(values) if name == "min" else max(values)
        if name in VARIABLES:
            return self._variables.get(name, 0)
        self._at -= 1
        raise self._wrong()

    def _in_brackets(self, *, several: bool = False) -> list[int]:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise FormulaError(f"Mehr als {MOST_DEPTH} Klammern ineinander.")
        self._at += 1
        values = [self._sum()]
        while several and self._next() == ",":
            self._at += 1
            values.append(self._sum())
        if self._next() != ")":
            raise self._wrong() if self._next() is not None else FormulaError("Eine Klammer ist nicht geschlossen.")
        self._at += 1
        self._depth -= 1
        return values

    def _next(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _wrong(self) -> FormulaError:
        place, token = self._tokens[self._at]
        known = ", ".join(VARIABLES)
        if token[:1].isalpha():
            return FormulaError(f"„{token}“ an Stelle {place + 1} ist unbekannt. Möglich sind: {known}, min, max.")
        return FormulaError(f"„{token}“ an Stelle {place + 1} passt hier nicht.")
