"""The tooth chart's line of text, and the chart that is drawn from it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.kit.teeth import PARTS, read_teeth, show_teeth
from dentatool.kit.tooth_chart import Chart, marks_of
from dentatool.values.money import Unreadable
from dentatool.values.tooth import TEETH

NAMES = dict(PARTS)


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        ("", {}),
        ("14:krone 15:glied", {15: "glied", 14: "krone"}),
        ("14, 15-17", {17: "", 16: "", 15: "", 14: ""}),
        ("14 – 16 : Krone", {16: "krone", 15: "krone", 14: "krone"}),
        ("36=kr; 46=Brück", {46: "glied", 36: "krone"}),
        ("14:krone 14:anker", {14: "anker"}),
        ("55:krone", {55: "krone"}),
    ],
)
def test_reads_what_is_typed(typed, marked):
    assert read_teeth(typed, NAMES) == marked


@pytest.mark.parametrize("typed", ["19", "14:zirkon", "14:v", "14-34", ":krone", "14:krone:glied", "99-11", "a\0b"])
def test_refuses_what_it_cannot_read_and_says_so_in_german(typed):
    with pytest.raises(Unreadable) as refusal:
        read_teeth(typed, NAMES)

    assert str(refusal.value).endswith((".", ")"))


@given(st.dictionaries(st.sampled_from(sorted(TEETH)), st.sampled_from(["", *NAMES])))
def test_what_is_shown_reads_back_the_same(marked):
    assert read_teeth(show_teeth(marked), NAMES) == marked


def test_the_chart_draws_every_tooth_once_without_overlap():
    chart = Chart({14: "krone", 55: ""}, NAMES)
    drawn = [*chart.permanent, *chart.milk]

    assert sorted(tooth.number for tooth in drawn) == sorted(TEETH)
    for row in (chart.permanent[:16], chart.permanent[16:], chart.milk[:10], chart.milk[10:]):
        assert all(left.x + left.width < right.x for left, right in pairwise(row))
        assert row[0].x >= 0
        assert row[-1].x + row[-1].width <= chart.width


def test_a_marked_tooth_carries_a_letter_and_says_its_part():
    chart = Chart({14: "krone", 15: ""}, NAMES)
    found = {tooth.number: (tooth.part, tooth.mark, tooth.name) for tooth in chart.permanent if tooth.part}

    assert found == {
        14: ("krone", "K", "14, 1. Prämolar oben rechts: Krone"),
        15: ("-", "", "15, 2. Prämolar oben rechts: markiert"),
    }
    assert chart.in_words == "14 Krone, 15"


def test_no_two_parts_share_a_letter():
    marks = marks_of(NAMES)

    assert len(set(marks.values())) == len(NAMES)
