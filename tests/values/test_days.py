"""Days as typed at a German desk."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.values.days import format_day, format_weekday, parse_day
from dentatool.values.money import Unreadable

MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        *((text, MONDAY) for text in ("23.11.2026", "23.11.26", "23.11.", "23.11", "231126", "23112026", "2311")),
        *((text, MONDAY) for text in ("2026-11-23", "heute", " Heute ", "+0", "23/11/2026", "23. 11. 2026")),
        *(("+3", date(2026, 11, 26)), ("-1", date(2026, 11, 22)), ("morgen", date(2026, 11, 24))),
        *(("Fr", date(2026, 11, 27)), ("mo", date(2026, 11, 30)), ("Mittwoch", date(2026, 11, 25))),
        *(("10.01.", date(2027, 1, 10)), ("30.10.", date(2026, 10, 30)), ("29.02.", date(2028, 2, 29))),
        ("010170", date(2070, 1, 1)),
    ],
)
def test_typed_days_are_understood(typed: str, day: date) -> None:
    assert parse_day(typed, today=MONDAY) == day


@pytest.mark.parametrize(
    ("typed", "day"), [("010170", date(1970, 1, 1)), ("24.12.", date(2025, 12, 24)), ("01.01.26", date(2026, 1, 1))]
)
def test_births_lie_behind_us(typed: str, day: date) -> None:
    assert parse_day(typed, today=MONDAY, past=True) == day


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Bitte einen Tag angeben"),
        ("31.02.2026", "Den Tag „31.02.2026“ gibt es nicht."),
        ("31.02.", "gibt es nicht"),
        ("321126", "gibt es nicht"),
        ("bald", "„bald“ ist kein Datum. Bitte so schreiben: 23.11.2026, 23.11. oder \\+3."),
        ("23.11.0026", "zu weit entfernt"),
        ("+9999", None),
        ("00.00.0000", "gibt es nicht"),
        ("٢٣.١١.٢٠٢٦", "ist kein Datum"),
    ],
)
def test_other_text_is_refused_with_a_reason(typed: str, reason: str | None) -> None:
    if reason is None:
        assert parse_day(typed, today=MONDAY) == date(2054, 4, 9)
        return
    with pytest.raises(Unreadable, match=reason):
        parse_day(typed, today=MONDAY)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_days_read_back_as_they_are_written(day: date) -> None:
    assert parse_day(format_day(day), today=MONDAY) == day
    assert parse_day(day.isoformat(), today=MONDAY) == day


@given(st.text(max_size=30), st.dates(), st.booleans())
def test_typed_text_is_a_day_or_refused(typed: str, today: date, past: bool) -> None:
    try:
        assert isinstance(parse_day(typed, today=today, past=past), date)
    except Unreadable as refused:
        assert str(refused).endswith(".")  # noqa: PT017


def test_days_are_written_the_german_way() -> None:
    assert format_day(date(2026, 1, 2)) == "02.01.2026"
    assert format_weekday(MONDAY) == "Mo 23.11.2026"
