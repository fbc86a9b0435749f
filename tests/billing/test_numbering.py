"""Patterns of invoice numbers: readable, never the same twice, nothing evaluated."""

import pytest

from dentatool.billing.numbering import BadPattern, format_number


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("RE-{year}-{number:06}", "RE-2026-000123"),
        ("{year}{number:04}", "20260123"),
        ("{year}-{number}", "2026-123"),
        ("{number:3}/{year}".replace("/", "."), "123.2026"),
        ("Rechnung {year} {number:05}", "Rechnung 2026 00123"),
    ],
)
def test_patterns_that_laboratories_use(pattern, shown):
    assert format_number(pattern, year=2026, number=123) == shown


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("RE-{number}", "je einmal"),
        ("RE-{year}", "je einmal"),
        ("{number}{number}{year}", "je einmal"),
        ("{year}/{number}", "keinen Schrägstrich"),
        ("{year}{number}", "feste Länge"),
        ("{number}{year}", "feste Länge"),
        ("{year.__class__}{number}", "je einmal"),
        ("{year}-{number}<b>", "nur Buchstaben"),
        ("{year}-{number}\n", "nur Buchstaben"),
        ("x" * 50 + "{year}-{number}", "länger als 50"),
        ("{0}{year}-{number}", "nur Buchstaben"),
    ],
)
def test_patterns_that_would_fail_are_refused_with_a_reason(pattern, reason):
    with pytest.raises(BadPattern, match=reason):
        format_number(pattern, year=2026, number=123)


def test_no_two_numbers_of_nearby_years_look_the_same():
    shown = {
        format_number("{year}{number:04}", year=year, number=number)
        for year in (2026, 2027)
        for number in range(1, 12000)
    }

    assert len(shown) == 2 * 11999
