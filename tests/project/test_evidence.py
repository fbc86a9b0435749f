"""The documents with evidence: what is said to be met names tests, each named test exists, and the sums are right."""

import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
STATES = ("erfüllt", "teilweise", "offen", "entfällt")
DOCUMENTS = ("asvs.md", "tom-2-3-6.md", "tom-8-11-15.md")
SENTENCES = {
    "tom-2-3-6.md": [
        *(f"TOM-2.{number}" for number in (*range(1, 11), "S1")),
        *(f"TOM-3.{number}" for number in (*range(1, 8), "S1")),
        *(f"TOM-6.{number}" for number in (*range(1, 7), "S1")),
    ],
    "tom-8-11-15.md": [
        *(f"TOM-8.{number}" for number in (*range(1, 9), "S1")),
        *(f"TOM-9.{number}" for number in (*range(1, 5), "S1", "S2", "S3", "S4")),
        *(f"TOM-10.{number}" for number in ("S1", "S2", "S3")),
        *(f"TOM-11.{number}" for number in (*range(1, 6), "S1")),
        *(f"TOM-15.{number}" for number in (*range(1, 9), "S1", "S2")),
    ],
}


def text_of(document: str) -> str:
    return (TESTS.parent / "docs" / document).read_text(encoding="utf-8")


def rows_of(document: str) -> list[list[str]]:
    """The rows with a number; the last cells are where, tests, state."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text_of(document).splitlines()
        if re.match(r"\| (V|TOM-)\d+\.", line)
    ]


def named_in(document: str) -> list[str]:
    return sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", text_of(document))))


@pytest.mark.parametrize("document", SENTENCES)
def test_every_sentence_of_the_sections_has_its_row_in_order(document: str) -> None:
    assert [row[0] for row in rows_of(document)] == SENTENCES[document]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_met_names_a_test_and_what_is_open_says_what_is_missing(document: str) -> None:
    for number, *words, where, tests, state in rows_of(document):
        assert state in STATES, number
        assert all(words), number
        assert len(where) > 3, number
        if state in ("erfüllt", "teilweise"):
            assert "::" in tests, f"{number} is said to be {state} without a test"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_sums_are_those_of_the_rows(document: str) -> None:
    counted = Counter(row[-1] for row in rows_of(document))

    assert re.search(r"\*\*Stand:\*\* (.*)\.\n", text_of(document))[1] == ", ".join(
        f"{counted[each]} {each}" for each in STATES if counted[each]
    )


@pytest.mark.parametrize("named", sorted({named for document in DOCUMENTS for named in named_in(document)}))
def test_each_named_test_exists(named: str) -> None:
    file, _, name = named.partition("::")

    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE), named
