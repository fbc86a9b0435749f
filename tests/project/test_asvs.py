"""docs/asvs.md: a row for each requirement of ASVS 5.0, V6 to V8. Its tests and sums: test_evidence.py.

asvs_ids.csv holds numbers, levels and whether they apply, after OWASP ASVS 5.0.0 (CC BY-SA 4.0).
"""

import csv
from pathlib import Path

from project.test_evidence import rows_of


def requirements():
    with (Path(__file__).parent / "asvs_ids.csv").open() as file:
        return [(row["id"], row["level"], row["applies"]) for row in csv.DictReader(file)]


def test_every_requirement_has_its_row_in_order_with_its_level():
    assert [(row[0], row[1]) for row in rows_of("asvs.md")] == [
        (number, level) for number, level, _applies in requirements()
    ]


def test_only_what_does_not_apply_is_left_out():
    absent = {number for number, _level, applies in requirements() if applies == "N"}

    assert {row[0] for row in rows_of("asvs.md") if row[-1] == "entfällt"} == absent
