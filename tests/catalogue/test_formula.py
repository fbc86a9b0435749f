"""Quantities of service chains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.catalogue.formula import FormulaError, check, evaluate

COUNTS = {"kronen": 3, "anker": 2, "glieder": 1, "zaehne": 14, "pfeiler": 2}


@pytest.mark.parametrize(
    ("formula", "quantity"),
    [
        ("1", 1), ("kronen", 3), ("anker+glieder", 3), ("2*pfeiler", 4), ("2*(anker+glieder)-1", 5), ("min(zaehne, 8)", 8),
        ("max(anker,glieder)", 2), ("kronen-5", 0), ("klammern", 0), (" KRONEN ", 3), ("min(1,2,0)", 0), ("((((1))))", 1),
    ],
)  # fmt: skip
def test_a_formula_counts(formula, quantity):
    assert evaluate(formula, COUNTS) == quantity


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("", "leer"), ("kronen+", "fehlt"), ("zähne", "unbekannt"), ("2 3", "passt hier nicht"), ("(1", "nicht geschlossen"),
        ("1)", "passt hier nicht"), ("1/2", "passt hier nicht"), ("__import__('os')", "passt hier nicht"), ("min", "unbekannt"),
        ("(" * 11 + "1" + ")" * 11, "Klammern"), ("1+" * 60 + "1", "länger"), ("9999*9999", "zu groß"), ("-1", "passt hier nicht"),
    ],
)  # fmt: skip
def test_a_wrong_formula_says_what_is_wrong(formula, reason):
    with pytest.raises(FormulaError, match=reason):
        check(formula)


@given(st.text(max_size=90))
def test_no_text_does_anything_but_count_or_be_refused(text):
    try:
        quantity = evaluate(text, COUNTS)
    except FormulaError:
        return
    assert 0 <= quantity <= 999
