"""docs/security-events.md and the program: each event in the table is recorded, and each that is recorded is in the table."""

import re
from pathlib import Path

import pytest

from dentatool.kit.errors import PersonError
from dentatool.protection.access.internal import gate
from dentatool.protection.audit.vocabulary import WORDS, Topic
from protection.audit.recorded import everything_recorded

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("| \n").split("|")]
    for line in (ROOT / "docs/security-events.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
TOPICS = (Topic.SIGN_IN, Topic.SECURITY, Topic.RIGHTS, Topic.ADMIN)


def below(kind):
    return [each for child in kind.__subclasses__() for each in (child, *below(child))]


# Recorded by name; by an error that carries its event; by a refusal of the database.
RECORDED = (
    {found.name for found in everything_recorded()}
    | {kind.event for kind in below(PersonError)}
    | set(gate._REFUSALS.values())
)


def test_every_security_event_that_the_program_records_is_in_the_table():
    wanted = {name for name in RECORDED if name in WORDS and WORDS[name].topic in TOPICS}

    assert wanted - {row[0] for row in ROWS} == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_names_a_test_that_speaks_of_its_event(row):
    name, when, where, attack, test = row

    assert name in WORDS
    assert when
    assert re.match(r"Labor|Plattform", where)
    assert re.fullmatch(r"(ATK-\d\d(, )?)*", attack)
    assert name in RECORDED, "the table promises an event that nothing records"
    assert name in (ROOT / "tests" / test).read_text(encoding="utf-8"), f"{test} does not speak of {name}"
