"""Teeth by FDI, typed and shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.values.money import Unreadable
from dentatool.values.tooth import (
    TEETH,
    format_teeth,
    in_order,
    jaw,
    parse_teeth,
    quadrant,
    tooth_name,
    within_veneer_limits,
)


@pytest.mark.parametrize(
    ("typed", "teeth"),
    [
        ("14,15-17 21", (17, 16, 15, 14, 21)),
        ("14-16", (16, 15, 14)),
        ("16-14", (16, 15, 14)),
        ("12-22", (12, 11, 21, 22)),
        ("34 – 36; 44", (44, 34, 35, 36)),
        ("36,36,36", (36,)),
        ("51-55 85", (55, 54, 53, 52, 51, 85)),
        ("48-38", (48, 47, 46, 45, 44, 43, 42, 41, 31, 32, 33, 34, 35, 36, 37, 38)),
        ("", ()),
        (" , ", ()),
    ],
)
def test_a_typed_list_gives_teeth_in_the_order_of_the_chart(typed: str, teeth: tuple[int, ...]) -> None:
    assert parse_teeth(typed) == teeth


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("19", "Den Zahn 19 gibt es nicht."),
        ("14-19", "Den Zahn 19 gibt es nicht."),
        ("56", "Den Zahn 56 gibt es nicht."),
        ("18-48", "„18-48“ geht über zwei Kiefer."),
        ("14-54", "geht über zwei Kiefer"),
        ("drei", "„drei“ ist kein Zahn. Bitte so schreiben: 14, 15-17, 21."),
        ("１４", "ist kein Zahn"),
        ("141516", "ist kein Zahn"),
        ("14 " * 500, "zu lang"),
    ],
)
def test_wrong_teeth_are_named(typed: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parse_teeth(typed)


@given(st.sets(st.sampled_from(sorted(TEETH))))
def test_what_is_shown_reads_back_the_same(teeth: set[int]) -> None:
    assert parse_teeth(format_teeth(teeth)) == in_order(teeth)


def test_ranges_begin_at_three_teeth() -> None:
    assert format_teeth([14, 15, 16, 21, 22, 36]) == "16-14, 21, 22, 36"
    assert format_teeth([]) == ""


def test_there_are_52_teeth_in_eight_quadrants_and_two_jaws() -> None:
    assert len(TEETH) == 52
    assert {quadrant(tooth) for tooth in TEETH} == set(range(1, 9))
    assert {tooth for tooth in TEETH if jaw(tooth) == "upper"} == {
        tooth for tooth in TEETH if tooth // 10 in {1, 2, 5, 6}
    }
    with pytest.raises(Unreadable):
        jaw(99)


def test_teeth_have_names() -> None:
    assert tooth_name(14) == "14, 1. Prämolar oben rechts"
    assert tooth_name(38) == "38, 3. Molar (Weisheitszahn) unten links"
    assert tooth_name(75) == "75, 2. Milchmolar unten links"


def test_veneers_are_covered_from_15_to_25_and_from_34_to_44() -> None:
    covered = {tooth for tooth in TEETH if tooth < 50 and within_veneer_limits(tooth)}

    assert covered == set(parse_teeth("15-25 34-44"))
