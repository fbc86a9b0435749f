"""docs/access.md says what the program does: every way in, limit, number and word in it is the program's own."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from dentatool.protection.access import openid
from dentatool.protection.access.internal import codes, entering, factors, limits, sessions, strength
from dentatool.protection.tenancy.internal.models import Laboratory

TEXT = (Path(__file__).parents[2] / "docs/access.md").read_text(encoding="utf-8")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def rows(heading):
    """The rows of the table under this heading, without its head."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in cells] for cells in lines[2:]]


def test_every_way_in_is_described():
    described = {cells[1].strip("`") for cells in rows("Wege hinein und wie stark sie sind")}

    assert described - {"–"} == set(entering.WAYS_IN)


def test_every_limit_is_described_with_its_numbers():
    def minutes(text):
        return int(text.removesuffix(" min")) * MINUTE

    described = {
        re.match(r"`([a-z-]+)`", name)[1]: (int(most), minutes(window), minutes(longest))
        for name, most, window, longest in rows("Raten und Sperren")
    }
    known = [each for each in vars(limits).values() if isinstance(each, limits.Limit)]

    enforced = {each.name: (each.most, each.window, each.longest) for each in known}
    assert described == {name: numbers for name, numbers in enforced.items() if name in described}
    assert set(enforced) - set(described) == {limits.ONCE.name}  # not a try: a challenge is good once


def test_the_words_that_no_password_may_be_made_of_are_listed():
    listed = re.search(r"oder diesen Wörtern besteht: ([^.]*)\.", TEXT)[1]

    assert tuple(listed.split(", ")) == strength._TRADE


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        (r"Mindestens (\d+) Zeichen", strength.SHORTEST),
        (r"ohne zweiten Schritt (\d+)", strength.SHORTEST_ALONE),
        (r"höchstens (\d+); jedes Zeichen", strength.LONGEST),
        (r"unter Stufe (\d) von 4", strength.ENOUGH),
        (r"Code der App gilt (\d+) Sekunden", codes.STEP_S),
        (r"dazu (\d+) davor und danach", codes.ALLOWANCE_S),
        (r"nach (\d+) falschen für 15 Minuten", factors.MOST_FAILURES),
        (r"falschen für (\d+) Minuten", factors.FIRST_LOCK // MINUTE),
        (r"höchstens (\d+) Stunden\.", factors.LONGEST_LOCK // HOUR),
        (r"(?s)Schritt ab dem (\d+)\. Tag immer", factors.GRACE.days + 1),
        (r"ohne Bedienung nach (\d+) Minuten", Laboratory._meta.get_field("idle_minutes").default),
        (r"Spätestens nach (\d+) Stunden", sessions.ABSOLUTE_END // HOUR),
        (r"halbe Sitzung endet nach (\d+) Minuten", entering.HALF_END // MINUTE),
        (r"gilt ein Ausweis (\d+) Minuten", sessions.FRESH // MINUTE),
        (r"in den letzten (\d+) Stunden geprüft", openid.LONGEST_AGO // HOUR),
    ],
)
def test_each_number_is_the_programs(sentence, number):
    assert re.search(sentence, TEXT), f"docs/access.md no longer says: {sentence}"
    assert int(re.search(sentence, TEXT)[1]) == number
