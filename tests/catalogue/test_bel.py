"""The service numbers of the BEL II."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dentatool.catalogue.bel import normalise_number, numbers_known_to, printed_number, services, short_text

DATA = Path(__file__).resolve().parents[3] / "shared/data"


def test_there_are_175_services_of_which_19_are_splints_against_sleep_apnoea() -> None:
    assert len(services()) == 175
    assert sum(service.is_ukps for service in services().values()) == 19
    assert list(services()) == sorted(services())


def test_every_short_text_fits_into_the_file() -> None:
    assert max(len(service.short_text) for service in services().values()) == 60
    assert all(service.short_text == service.short_text.strip() != "" for service in services().values())


def test_each_schema_version_knows_its_numbers() -> None:
    counts = {version: len(numbers_known_to(version) or ()) for version in ("4.0", "4.1", "4.2", "4.3", "4.4", "4.5")}

    assert counts == {"4.0": 0, "4.1": 0, "4.2": 179, "4.3": 155, "4.4": 156, "4.5": 175}
    with pytest.raises(ValueError, match="unknown"):
        numbers_known_to("4.6")


@pytest.mark.parametrize(
    ("typed", "number"),
    [("001 0", "0010"), ("10", "0010"), ("0010", "0010"), ("1021", "1021"), ("0011", None), ("", None), ("٠٠١٠", None)],
)
def test_typed_numbers_become_four_digits(typed: str, number: str | None) -> None:
    assert normalise_number(typed) == number


def test_numbers_are_printed_as_in_the_bel() -> None:
    assert printed_number("0010") == "001 0"
    assert short_text("0010") == "Modell"
    assert short_text("9999") is None


def test_numbers_and_texts_agree_with_the_official_list() -> None:
    path = DATA / "prices/bel2_kurztexte_anlage2_2022.csv"
    if not path.is_file():
        pytest.skip(f"NOT TESTED against the official short texts: {path} is missing")
    with path.open(encoding="utf-8") as file:
        official = {row["bel_nr"]: row["kurztext"] for row in csv.DictReader(file, delimiter=";")}

    assert {number: service.short_text for number, service in services().items()} == official
