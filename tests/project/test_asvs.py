"""docs/asvs.md: a row for each requirement of ASVS 5.0, V6 to V8, and each test that is named there exists.

asvs_ids.csv holds numbers, levels and whether they apply, after OWASP ASVS 5.0.0 (CC BY-SA 4.0).
"""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs/asvs.md").read_text(encoding="utf-8")
STATES = ("erfüllt", "teilweise", "offen", "entfällt")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| V\d+\.\d+\.\d+ \|", line)
]


def requirements():
    with (Path(__file__).parent / "asvs_ids.csv").open() as file:
        return [(row["id"], row["level"], row["applies"]) for row in csv.DictReader(file)]


def test_every_requirement_has_its_row_in_order_with_its_level():
    assert [(row[0], row[1]) for row in ROWS] == [(number, level) for number, level, _applies in requirements()]


def test_only_what_does_not_apply_is_left_out():
    absent = {number for number, _level, applies in requirements() if applies == "N"}

    assert {row[0] for row in ROWS if row[5] == "entfällt"} == absent


def test_what_is_met_names_a_test_and_what_is_open_says_what_is_missing():
    for number, _level, what, where, tests, state in ROWS:
        assert state in STATES, number
        assert what, number
        assert len(where) > 3, number
        if state in ("erfüllt", "teilweise"):
            assert "::" in tests, f"{number} is said to be {state} without a test"


def test_the_sums_are_those_of_the_rows():
    counted = Counter(row[5] for row in ROWS)

    assert re.search(r"\*\*Stand:\*\* (.*)\.\n", TEXT)[1] == ", ".join(
        f"{counted[each]} {each}" for each in STATES if counted[each]
    )


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", TEXT))))
def test_each_named_test_exists(named):
    file, _, name = named.partition("::")

    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE), named
