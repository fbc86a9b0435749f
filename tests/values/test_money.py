"""Whole numbers, rounded as merchants do, once per line and once per rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.values.money import (
    RateGroup,
    Totals,
    Unreadable,
    discount_amount,
    format_money,
    format_permille,
    format_quantity,
    line_amount,
    parse_money,
    parse_quantity,
    rate_on,
    round_half_up,
    skonto_amount,
    totals,
    vat_amount,
    vat_rate,
)


@dataclass(frozen=True)
class Line:
    art: str
    price_cents: int
    quantity_milli: int = 1000
    vat_permille: int = 70


def test_half_a_cent_is_rounded_up_away_from_zero() -> None:
    assert line_amount(13870, 2350) == 32595  # 325.945 €; rounding half to even would give 325.94
    assert line_amount(-13870, 2350) == -32595
    assert (line_amount(1, 500), line_amount(1, 499), line_amount(3, 500)) == (1, 0, 2)
    assert vat_amount(50, 70) == 4
    assert discount_amount(28450, 30) == 854
    assert skonto_amount(49469, 20) == 989


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounding_is_never_more_than_half_a_unit_off(numerator: int, denominator: int) -> None:
    error = round_half_up(numerator, denominator) - Fraction(numerator, denominator)

    assert abs(error) <= Fraction(1, 2)
    assert round_half_up(-numerator, denominator) == -round_half_up(numerator, denominator)
    if abs(error) == Fraction(1, 2):
        assert (error > 0) == (numerator > 0)


def test_rounding_by_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        round_half_up(1, 0)


def test_totals_come_per_rate_in_order_of_first_appearance() -> None:
    lines = [
        Line("TEXT", 999, vat_permille=0),
        Line("NBL", 590, vat_permille=190),
        Line("BEL", 845, 2000),
        Line("RBT", 90),
        Line("NBL", 10, vat_permille=190),
    ]

    result = totals(lines)

    assert result == Totals((RateGroup(190, 600, 114), RateGroup(70, 1600, 112)))
    assert (result.net_cents, result.vat_cents, result.gross_cents) == (2200, 226, 2426)


def test_tax_is_not_rounded_per_line() -> None:
    assert totals([Line("NBL", 50)] * 2).vat_cents == 7  # per line it would be 4 + 4


def test_no_lines_cost_nothing() -> None:
    assert totals([]) == Totals(())
    assert totals([]).gross_cents == 0


@pytest.mark.parametrize(
    ("kind", "day", "permille"),
    [
        ("reduced", date(2020, 6, 30), 70),
        ("reduced", date(2020, 7, 1), 50),
        ("standard", date(2020, 12, 31), 160),
        ("standard", date(2021, 1, 1), 190),
        ("none", date(2020, 8, 1), 0),
    ],
)
def test_the_rate_is_that_of_the_day_of_delivery(kind: str, day: date, permille: int) -> None:
    assert vat_rate(kind, day) == permille


def test_rates_of_today_are_translated_and_others_stay() -> None:
    assert [rate_on(rate, date(2020, 8, 1)) for rate in (70, 190, 0, 81)] == [50, 160, 0, 81]
    with pytest.raises(KeyError):
        vat_rate("luxury", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        *(("1.234,50", 123450), ("1234,5", 123450), ("12", 1200), ("0,07", 7), (",5", 50), ("5,", 500), ("+3", 300)),
        *(
            ("-3,00 €", -300),
            ("\u22123", -300),
            ("1 234,50", 123450),
            ("12 EUR", 1200),
            ("99.999.999,99", 9_999_999_999),
        ),
    ],
)
def test_typed_amounts_are_understood(typed: str, cents: int) -> None:
    assert parse_money(typed) == cents


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "Bitte einen Betrag angeben, z. B. 1.234,50."),
        ("12.50", "Bitte mit Komma schreiben, z. B. 12,50."),
        ("1,234", "mehr als zwei Stellen nach dem Komma"),
        ("zwölf", "„zwölf“ ist kein Betrag. Bitte so schreiben: 1.234,50."),
        ("1.23,4", "ist kein Betrag"),
        ("-", "ist kein Betrag"),
        ("٣", "ist kein Betrag"),
        ("1e9", "ist kein Betrag"),
        ("100.000.000", "zu groß"),
        ("9" * 5000, "ist kein Betrag"),
        ("1" + ".000" * 5000, "ist kein Betrag"),
        ("€", "Bitte einen Betrag angeben"),
    ],
)
def test_other_text_is_refused_with_a_reason(typed: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse_money(typed)

    assert reason in str(refused.value)
    assert len(str(refused.value)) < 200


@given(st.integers(-9_999_999_999, 9_999_999_999))
def test_amounts_read_back_as_they_are_written(cents: int) -> None:
    assert parse_money(format_money(cents)) == cents
    assert parse_money(format_money(cents, sign="")) == cents


@given(st.integers(-999_999, 999_999))
def test_quantities_read_back_as_they_are_written(milli: int) -> None:
    assert parse_quantity(format_quantity(milli)) == milli


@given(st.text(max_size=20))
def test_typed_text_is_an_amount_or_refused(typed: str) -> None:
    for parse in (parse_money, parse_quantity):
        try:
            assert isinstance(parse(typed), int)
        except Unreadable as refused:
            assert str(refused).endswith(".")  # noqa: PT017


def test_amounts_and_quantities_are_written_the_german_way() -> None:
    assert format_money(123450) == "1.234,50 €"
    assert [format_money(cents, sign="") for cents in (0, 5, -100, 100000000)] == [
        "0,00",
        "0,05",
        "−1,00",
        "1.000.000,00",
    ]
    assert [format_quantity(milli) for milli in (2000, 2350, 5, -1250500)] == ["2", "2,35", "0,005", "−1.250,5"]
    assert (parse_money(format_money(-100)), parse_quantity(format_quantity(-1250500))) == (-100, -1250500)
    assert [format_permille(rate) for rate in (70, 190, 25, 0)] == ["7 %", "19 %", "2,5 %", "0 %"]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("1.250", "ist nicht eindeutig"),
        ("2,3456", "mehr als drei Stellen"),
        ("", "Bitte eine Menge angeben"),
        ("viel", "„viel“ ist keine Menge."),
        ("1000000", "zu groß"),
    ],
)
def test_doubtful_quantities_are_refused(typed: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse_quantity(typed)
