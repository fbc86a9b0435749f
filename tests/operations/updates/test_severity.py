"""How bad a hole is: computed where it can be, the worst where nobody says."""

from typing import Any

import pytest

from dentatool.operations.updates.severity import CRITICAL, HIGH, LOW, MEDIUM, severity_of
from operations.updates.records import BITNAMI_POSTGRESQL, GHSA_CRYPTOGRAPHY, GHSA_DJANGO, PYSEC_DJANGO, advisory


def severity(*records: dict[str, Any]) -> str:
    taken = [advisory(each) for each in records]
    return severity_of(taken, [each for one in taken for each in one.affected])


def vector(score: str, kind: str = "CVSS_V3", **more: Any) -> dict[str, Any]:
    return {"id": "X", "modified": "2026-11-26T05:00:00Z", "severity": [{"type": kind, "score": score}], **more}


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", CRITICAL),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", HIGH),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:N", MEDIUM),
        ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", LOW),
        ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", LOW),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", CRITICAL),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:N", HIGH),
        ("CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N", LOW),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", HIGH),
    ],
)
def test_a_vector_is_computed(score: str, expected: str) -> None:
    """By the tables of CVSS 3.1 (7.5 is high, 9.8 critical) and 4.0."""
    assert severity(vector(score)) == expected


def test_what_the_publishers_of_real_advisories_say_comes_out() -> None:
    assert [severity(each) for each in (GHSA_DJANGO, GHSA_CRYPTOGRAPHY, BITNAMI_POSTGRESQL)] == [CRITICAL, HIGH, MEDIUM]


def test_of_several_names_of_one_hole_the_worst_counts() -> None:
    medium = vector("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:N")

    assert severity(medium, PYSEC_DJANGO) == MEDIUM
    assert severity(medium, GHSA_CRYPTOGRAPHY) == HIGH
    assert severity({**medium, "database_specific": {"severity": "CRITICAL"}}) == CRITICAL


@pytest.mark.parametrize(
    "record",
    [
        PYSEC_DJANGO,  # rated by nobody
        vector("CVSS:3.1/AV:N"),
        vector("CVSS:9.0/AV:N/AC:L", "CVSS_V9"),
        vector("", "Ubuntu"),
        {"id": "X", "modified": "2026-11-26T05:00:00Z", "severity": "CVSS", "database_specific": {"severity": 7}},
        {"id": "X", "modified": "2026-11-26T05:00:00Z", "severity": [None, 7, {"score": 9.8}], "database_specific": []},
        {"id": "X", "modified": "2026-11-26T05:00:00Z", "database_specific": {"severity": "harmlos"}},
    ],
)
def test_what_nobody_rated_or_nobody_can_read_is_critical(record: dict[str, Any]) -> None:
    assert severity(record) == CRITICAL
