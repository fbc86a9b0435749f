"""How bad an advisory is: computed from its CVSS vectors, else as its publisher says, else the worst."""

from collections.abc import Iterator
from typing import Any

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from dentatool.operations.updates.reading import Advisory

CRITICAL, HIGH, MEDIUM, LOW = "kritisch", "hoch", "mittel", "niedrig"
WORST_FIRST = (CRITICAL, HIGH, MEDIUM, LOW)
_WORDS = {
    "critical": CRITICAL, "high": HIGH, "important": HIGH, "medium": MEDIUM, "moderate": MEDIUM, "low": LOW, "none": LOW,
}  # fmt: skip


def severity_of(advisories: list[Advisory], affected: list[dict[str, Any]]) -> str:
    """Of several names of one hole the worst. What nobody rated, or nobody can read, is critical."""
    computed = [_computed(each) for each in _vectors(advisories, affected)]
    said = [_said(each) for each in _places(advisories, affected)]
    known = [each for each in (*computed, *said) if each]
    return min(known, key=WORST_FIRST.index) if known else CRITICAL


def _places(advisories: list[Advisory], affected: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from (each.facts for each in advisories)
    yield from affected


def _vectors(advisories: list[Advisory], affected: list[dict[str, Any]]) -> Iterator[str]:
    for place in _places(advisories, affected):
        rated = place.get("severity")
        for each in rated if isinstance(rated, list) else []:
            if isinstance(each, dict) and isinstance(each.get("score"), str):
                yield each["score"]


def _computed(vector: str) -> str | None:
    """The base severity of a vector; None where it is none."""
    try:
        if vector.startswith("CVSS:4"):
            return _WORDS.get(str(CVSS4(vector).severity).lower())
        kind = CVSS3 if vector.startswith("CVSS:3") else CVSS2
        return _WORDS.get(str(kind(vector).severities()[0]).lower())
    except (CVSSError, ValueError, KeyError, IndexError):
        return None


def _said(place: dict[str, Any]) -> str | None:
    own = place.get("database_specific")
    word = own.get("severity") if isinstance(own, dict) else None
    return _WORDS.get(word.lower()) if isinstance(word, str) else None
