"""Names are found and sorted as Germans expect it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.values.text import fold, folded_variants, name_sort_key, search_key, sort_key


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Müller", "Mueller"),
        ("Müller", "MULLER"),
        ("Mueller", "muller"),
        ("Mu\u0308ller", "Müller"),
        ("Özdemir", "Oezdemir"),
        ("Jäger", "Jaeger"),
        ("Weiß", "WEISS"),
        ("GROẞ", "groß"),
        ("Groß-Müller", "gross mueller"),
        ("Groß-Müller", "Gross Muller"),
        ("O'Brien", "O’Brien"),
        ("O´Brien", "obrien"),
        ("Łukasz Šimić", "lukasz simic"),
        ("Søren", "Soren"),
        ("İbrahim", "ibrahim"),
        ("ﬁscher", "Fischer"),
    ],
)
def test_spellings_of_one_name_match(first: str, second: str) -> None:
    assert set(folded_variants(first)) & set(folded_variants(second))
    assert search_key(first) == search_key(second)


@pytest.mark.parametrize(("first", "second"), [("Müller", "Möller"), ("Meier", "Meyer"), ("Weiß", "Weise")])
def test_different_names_do_not_match(first: str, second: str) -> None:
    assert not set(folded_variants(first)) & set(folded_variants(second))


def test_the_variants_of_a_name_in_full() -> None:
    assert folded_variants("  Dr. Özdemir-Müller ") == (
        "dr ozdemir muller",
        "dr oezdemir mueller",
        "dr oezdemir muller",
        "dr ozdemir mueller",
    )
    assert folded_variants("Quelle") == ("quelle",)
    assert folded_variants("") == ("",)


def test_a_name_of_nothing_but_umlauts_does_not_explode() -> None:
    assert len(folded_variants("ü" * 10_000)) <= 3


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert folded_variants(text)[0] == fold(text)
    assert len(set(folded_variants(text))) == len(folded_variants(text)) <= 18


@given(st.text("aäoöuüeqlßs -", max_size=12))
def test_each_variant_is_found_by_the_key_of_the_name(text: str) -> None:
    assert {search_key(variant) for variant in folded_variants(text)} == {search_key(text)}


def test_lists_sort_by_din_5007() -> None:
    assert sorted(["Zahn", "Öl", "Ofen", "Äther", "Apfel", "ol", "Straße", "Strasse"], key=sort_key) == [
        *("Apfel", "Äther", "Ofen", "ol", "Öl", "Strasse", "Straße", "Zahn"),
    ]
    assert sorted(["Muller", "Müller", "Mufti"], key=name_sort_key) == ["Müller", "Mufti", "Muller"]
