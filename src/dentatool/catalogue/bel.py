"""BEL II: the 175 service numbers in force since 1 January 2022 with their official short texts (Anlage 2).

Pure: no Django, no database. Prices live in the price lists; here is what is the same in all of Germany.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

SCHEMA_VERSIONS: Final = ("4.0", "4.1", "4.2", "4.3", "4.4", "4.5")

# Numbers of the BEL II before 2014. Only schema 4.2 knows them; they are no longer billed.
_WITHDRAWN: Final = """
2022 2023 2024 2032 2033 2034 2035 2036 2042 2043 2044 2045 2046 3801 3802 3803 3804 3806 3811 3812 3813 3814
4011 4012 4013 4021 4022 4023 4060 7120 7610 7620 7700 8110
"""
WITHDRAWN: Final = frozenset(_WITHDRAWN.split())


@dataclass(frozen=True, slots=True)
class Service:
    """One service number of four digits, its official short text, and the schema versions whose list contains it."""

    number: str
    short_text: str
    schema_versions: frozenset[str]

    @property
    def is_ukps(self) -> bool:
        """Splints against sleep apnoea (Unterkieferprotrusionsschiene): the numbers that came with schema 4.5."""
        return self.schema_versions == {"4.5"}


@cache
def services() -> dict[str, Service]:
    """All services in the order of their numbers. The mapping is shared: do not change it."""
    text = resources.files("dentatool.catalogue").joinpath("bel_numbers.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter=";")
    return {
        row["number"]: Service(row["number"], row["short_text"], frozenset(row["schema_versions"].split()))
        for row in rows
    }


@cache
def numbers_known_to(version: str) -> frozenset[str] | None:
    """The numbers a schema version lists; ``None`` for 4.0 and 4.1, which take any four digits.

    :raises ValueError: for an unknown version.
    """
    if version not in SCHEMA_VERSIONS:
        raise ValueError(f"unknown schema version {version!r}")
    if version in {"4.0", "4.1"}:
        return None
    known = frozenset(number for number, service in services().items() if version in service.schema_versions)
    return known | WITHDRAWN if version == "4.2" else known


def short_text(number: str) -> str | None:
    """The official short text, ``None`` when there is no such number."""
    service = services().get(number)
    return service.short_text if service else None


def normalise_number(text: str) -> str | None:
    """Typed number → four digits (``"001 0"`` and ``"10"`` → ``"0010"``); ``None`` when BEL II has no such number."""
    digits = "".join(text.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
        return None
    number = digits.zfill(4)
    return number if number in services() else None


def printed_number(number: str) -> str:
    """As the BEL prints it: ``"0010"`` → ``"001 0"``."""
    return f"{number[:3]} {number[3:]}"
