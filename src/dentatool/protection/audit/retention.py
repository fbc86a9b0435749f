"""How long the trail is kept. The days come from here; the deleting is the database's own.

Promise: an entry goes when its time has come and no sooner. The worker can only say "now": which entries are due
stands in protection.retention, a table that the owner alone writes, at each migrate. Every deletion leaves an entry
with counts. For the app the trail stays append-only.
How it could be broken: by the owner of the tables, or by settings (bounded here, refused at start).
Tests that try: tests/protection/audit/test_retention.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from dentatool.protection.audit.vocabulary import WORDS, Kept

BATCH = 5_000  # of one name in one transaction


@dataclass(frozen=True, slots=True)
class Period:
    """Days of one class: what applies unless the operator says otherwise, how far they may go, and where it is from."""

    days: int
    least: int
    most: int
    source: str


PERIODS: dict[Kept, Period] = {
    Kept.SECURITY: Period(365, 180, 730, "TOM 6; Art. 32 DSGVO: ein Angriff wird oft erst nach Monaten bemerkt"),
    Kept.ACCESS: Period(90, 30, 365, "TOM 6; Art. 5 Abs. 1 lit. c und e DSGVO, § 26 BDSG: keine Leistungskontrolle"),
    Kept.BUSINESS: Period(3653, 3653, 4383, "§ 147 Abs. 3 AO, § 257 HGB: zehn Jahre"),
}


def kept_days() -> dict[Kept, int]:
    """The days of each class as set. Raises ImproperlyConfigured outside of the safe range."""
    found = {kept: settings.DENTATOOL_KEEP_DAYS.get(kept.value, period.days) for kept, period in PERIODS.items()}
    for kept, days in found.items():
        if not PERIODS[kept].least <= days <= PERIODS[kept].most:
            raise ImproperlyConfigured(
                f"DENTATOOL_KEEP_{kept.name}_DAYS={days}: möglich sind {PERIODS[kept].least} bis {PERIODS[kept].most}."
            )
    return found


def store_retention() -> None:
    """Write the periods into the database. Needs the owner's role; part of every migrate."""
    days = kept_days()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from protection.retention")
        cursor.executemany(
            "insert into protection.retention (what, kept, keep_days) values (%s, %s, %s)",
            [(name, word.kept.value, days[word.kept]) for name, word in WORDS.items()],
        )


def expire_entries() -> dict[str, int]:
    """Delete what is due of the laboratory whose pass is in force; how many of each class. For the worker alone."""
    return dict(_asked("select kept, gone from protection.expire_entries(%s)"))


def expire_platform_events() -> int:
    """Delete the events of the platform that are due. For the worker alone."""
    return sum(gone for _kept, gone in _asked("select '', protection.expire_platform_events(%s)"))


def _asked(question: str) -> Iterator[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(question, [BATCH])
        yield from cursor.fetchall()
