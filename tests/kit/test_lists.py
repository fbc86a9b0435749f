"""Addresses of lists: what is not offered is answered with 400 in German, never with a crash."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from dentatool.kit.errors import BadQuery
from dentatool.kit.lists import Column, cells_of, clean_search, page_of, shown, sort_of


def asked(query: str):
    return RequestFactory().get(f"/praxen/?{query}")


def test_a_page_number_leads_to_that_page():
    page = page_of(asked("seite=3"), range(60), per_page=25)

    assert (page.number, list(page)) == (3, list(range(50, 60)))


def test_an_empty_list_has_a_first_page():
    assert list(page_of(asked(""), [])) == []


@pytest.mark.parametrize("number", ["0", "-1", "4", "x", "1.5", "²", "9" * 30, "%00", "1%20or%201=1", ""])
def test_a_page_that_does_not_exist_is_refused(number):
    with pytest.raises(BadQuery):
        page_of(asked(f"seite={number}"), range(60), per_page=25)


def test_only_offered_sortings_are_taken():
    offered = ["name", "due_on"]

    assert [sort_of(asked(f"sortierung={key}"), offered, "-due_on") for key in ("", "name", "-name", "due_on")] == [
        "-due_on",
        "name",
        "-name",
        "due_on",
    ]
    for wanted in ("password", "practice__lab_id", "--name", "name,id", "?"):
        with pytest.raises(BadQuery):
            sort_of(asked(f"sortierung={wanted}"), offered, "-due_on")


def test_a_search_is_one_line_without_null_bytes_and_not_endless():
    assert clean_search("  M\0ül\n ler ") == "M ül ler"
    assert len(clean_search("x" * 5000)) == 200


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("price_cents", 123450, "1.234,50\xa0€"),
        ("quantity_milli", 2350, "2,35"),
        ("skonto_permille", 25, "2,5\xa0%"),
        ("active", True, "ja"),
        ("due", date(2026, 1, 2), "02.01.2026"),
        ("at", datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "02.07.2026, 00:30"),
        ("city", "", "–"),
        ("city", None, "–"),
        ("city", "Ulm", "Ulm"),
        ("number", 0, 0),
    ],
)
def test_values_are_shown_as_germans_read_them(name, value, text):
    assert str(shown(value, name)).replace(" ", "\xa0") == str(text).replace(" ", "\xa0")


def test_a_cell_follows_a_path_and_survives_a_missing_step():
    order = SimpleNamespace(practice=SimpleNamespace(name="Dr. Müller"), dentist=None)

    cells = cells_of(order, [Column("practice.name", "Praxis"), Column("dentist.name", "Zahnarzt")])

    assert [cell.text for cell in cells] == ["Dr. Müller", "–"]
