"""Which advisories concern what is installed: the OSV schema's rules, one by one."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from dentatool.operations.updates.installed import PYPI, Component
from dentatool.operations.updates.matching import Matcher, affects
from operations.updates.records import (
    BITNAMI_POSTGRESQL,
    BITNAMI_PYTHON,
    CRYPTOGRAPHY,
    DJANGO,
    GHSA_CRYPTOGRAPHY,
    GHSA_DJANGO,
    PSF_PYTHON,
    PYSEC_DJANGO,
    PYTHON,
    SERVER,
    about,
    advisory,
    found,
)


@pytest.mark.parametrize(
    ("version", "is_hit"),
    [
        *(("5.0", True), ("5.0.7", True), ("5.0.7.post1", True), ("4.2.14", True)),
        *(("5.0.8", False), ("5.0.10", False), ("5.1", False), ("4.2.15", False), ("3.2.25", False)),
        *(("5.0.8rc1", True), ("5.0.8.dev1", True), ("5.0a1", False), ("v5.0.7", True), ("5.0.7+debian1", True)),
    ],
)
def test_a_version_is_compared_in_the_order_of_pep_440(version: str, is_hit: bool) -> None:
    """10 comes after 8, a release candidate before its release."""
    assert bool(found(replace(DJANGO, version=version), PYSEC_DJANGO)) is is_hit


@pytest.mark.parametrize(
    ("version", "is_hit"), [("18.3", True), ("18.4", False), ("15.17", True), ("15.18", False), ("16.1", False)]
)
def test_postgresql_is_compared_though_its_publisher_counts_in_three_places(version: str, is_hit: bool) -> None:
    assert bool(found(replace(SERVER, version=version), BITNAMI_POSTGRESQL)) is is_hit


def test_a_hole_with_several_names_is_one() -> None:
    assert found(DJANGO, PYSEC_DJANGO, GHSA_DJANGO) == ["CVE-2024-42005"]
    assert found(CRYPTOGRAPHY, GHSA_DJANGO, GHSA_CRYPTOGRAPHY) == ["CVE-2024-26130"]


def test_aliases_hold_onwards() -> None:
    """A is B and C is B, so that A is C, in whatever order they are read."""
    everywhere = {"introduced": "0"}
    chain = [{**about("django", everywhere), "id": each, "aliases": [other]} for each, other in ("AB", "DC", "BC")]

    for order in (chain, chain[::-1], [chain[1], chain[2], chain[0]]):
        matcher = Matcher([DJANGO])
        for each in order:
            matcher.take(advisory(each))
        assert [match.names for match in matcher.matches()] == [frozenset("ABCD")]


def test_what_was_withdrawn_is_ignored() -> None:
    withdrawn = {**PYSEC_DJANGO, "withdrawn": "2024-09-01T00:00:00Z"}

    assert (found(DJANGO, withdrawn), found(DJANGO, withdrawn, GHSA_DJANGO)) == ([], ["CVE-2024-42005"])


@pytest.mark.parametrize("name", ["Zope.Interface", "zope_interface", "zope--interface", "ZOPE-INTERFACE"])
def test_a_name_counts_in_every_spelling(name: str) -> None:
    assert found(Component(PYPI, "zope-interface", "1.0"), about(name, {"introduced": "0"})) == ["X-1"]


@pytest.mark.parametrize("ecosystem", ["npm", "Debian:12", "", "Bitnami"])
def test_the_same_name_elsewhere_is_something_else(ecosystem: str) -> None:
    record = about("django", {"introduced": "0"}, ecosystem=ecosystem)
    assert found(DJANGO, record) == []


def test_a_list_of_versions_counts_beside_the_ranges() -> None:
    record = about("django", {"introduced": "6.0"}, versions=["5.0.7", "unlesbar"])

    assert found(DJANGO, record) == ["X-1"]
    assert found(replace(DJANGO, version="5.0.7.0"), record) == ["X-1"]
    assert found(replace(DJANGO, version="5.0.6"), record) == []


@pytest.mark.parametrize(
    ("events", "version", "is_hit"),
    [
        ([{"introduced": "0"}, {"last_affected": "2.0"}], "2.0", True),
        ([{"introduced": "0"}, {"last_affected": "2.0"}], "2.0.1", False),
        ([{"introduced": "0"}], "0.dev1", True),
        ([{"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}, {"fixed": "3"}], "1.5", False),
        ([{"introduced": "2"}, {"fixed": "3"}, {"fixed": "1"}, {"introduced": "0"}], "2.5", True),
        ([{"introduced": "0"}, {"fixed": "2"}, {"introduced": "2"}], "2", True),
        ([{"introduced": "0"}, {"limit": "2"}], "3", False),
        ([{"introduced": "0"}, {"limit": "2"}], "1", True),
        ([{"introduced": "0"}, {"limit": "2"}, {"limit": "*"}], "3", True),
    ],
)
def test_events_are_evaluated_as_the_schema_says(events: list[dict[str, str]], version: str, is_hit: bool) -> None:
    assert affects(version, {"ranges": [{"type": "ECOSYSTEM", "events": events}]}) is is_hit


@pytest.mark.parametrize(
    "affected",
    [
        {},
        {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
        {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "irgendwann"}]}]},
        {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0", "fixed": "1"}]}]},
        {"ranges": [{"type": "SEMVER", "events": [{"begun": "0"}]}]},
        {"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"limit": "bald"}]}]},
    ],
)
def test_what_cannot_be_decided_counts_as_affected(affected: dict[str, Any]) -> None:
    record = {**about("django"), "affected": [{"package": {"ecosystem": "PyPI", "name": "django"}} | affected]}

    assert affects("5.0.7", affected) is None
    assert found(DJANGO, record) == ["X-1?"]


def test_a_version_that_nobody_can_read_counts_as_affected() -> None:
    assert found(replace(DJANGO, version="Hausmarke"), PYSEC_DJANGO) == ["CVE-2024-42005?"]


def test_commits_alone_are_settled_by_whoever_names_versions_of_the_same_hole() -> None:
    newer = replace(PYTHON, version="3.11.12")

    assert found(PYTHON, PSF_PYTHON) == ["CVE-2024-8088?"]
    assert found(newer, PSF_PYTHON) == ["CVE-2024-8088?"]
    assert found(PYTHON, PSF_PYTHON, BITNAMI_PYTHON) == ["BIT-python-2024-8088"]
    assert found(newer, PSF_PYTHON, BITNAMI_PYTHON) == []


def test_the_next_version_without_the_hole_is_named() -> None:
    matcher = Matcher([DJANGO, SERVER])
    for each in (PYSEC_DJANGO, BITNAMI_POSTGRESQL):
        matcher.take(advisory(each))

    assert sorted(match.fixed_in for match in matcher.matches()) == ["18.4.0", "5.0.8"]


_VERSIONS = st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@settings(max_examples=300, deadline=None)
@given(st.lists(_VERSIONS, min_size=1, max_size=4, unique_by=Version), _VERSIONS)
def test_ranges_in_a_row_are_what_counting_says(bounds: list[str], ours: str) -> None:
    """Begin, end, begin, end …: an odd number of bounds at or below ours means that we are in."""
    ordered = sorted(bounds, key=Version)
    events = [{"introduced" if number % 2 == 0 else "fixed": bound} for number, bound in enumerate(ordered)]

    below = sum(Version(bound) <= Version(ours) for bound in ordered)
    assert affects(ours, {"ranges": [{"type": "ECOSYSTEM", "events": events[::-1]}]}) is (below % 2 == 1)
