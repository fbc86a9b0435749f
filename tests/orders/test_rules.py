"""What BEL II says about positions side by side (acceptance scenarios 7, 14, 15 and 16)."""

import csv
from pathlib import Path

import pytest

from dentatool.orders.rule_facts import EXCLUSIONS, MAXIMA, NON_PRECIOUS_FOR, RELININGS, UKPS, VENEERS
from dentatool.orders.rules import Line, check

SHARED = Path(__file__).parents[3] / "shared" / "data" / "rules"


def bel(number: str, pieces: int = 1, tooth: str = "") -> Line:
    return Line("BEL", number, pieces * 1000, tooth, price_cents=100)


def codes(*lines: Line, **facts: object) -> list[str]:
    return [finding.code for finding in check(lines, **facts)]


def test_an_ordinary_crown_is_left_alone():
    crown = [bel("0010"), bel("0051"), bel("0120"), bel("1024", tooth="14"), bel("1620", tooth="14"), bel("9700"),
             bel("9330", 2)]  # fmt: skip

    assert check(crown) == ()


def test_a_splint_takes_splint_numbers_only():
    (finding,) = check([bel("5010"), bel("0010")])

    assert finding.is_error
    assert finding.message == "UKPS: nur UKPS-Nummern sind erlaubt. Bitte entfernen: 001 0."


@pytest.mark.parametrize(
    ("number", "most"), [("0015", 6), ("5010", 1), ("5020", 2), ("5100", 4), ("5110", 2), ("5200", 4)]
)
def test_a_splint_has_maxima_that_are_errors(number, most):
    assert check([bel(number, most)]) == ()
    (finding,) = check([bel(number, most + 1)])
    assert (finding.code, finding.is_error, finding.numbers) == ("maximum", True, (number,))


def test_material_may_stand_beside_a_splint():
    assert codes(bel("5010"), Line("MAT", "", 1000, price_cents=5000)) == []


def test_a_practice_laboratory_bills_no_shipping():
    (finding,) = check([Line("BEL", "9330", 1000)], lab_type="praxis")

    assert finding.is_error
    assert finding.message == "933 0 Versandkosten: Ein Praxislabor darf sie nicht berechnen."
    assert check([bel("9330")], lab_type="gewerbe") == ()


def test_a_veneer_behind_the_limit_is_warned_about():
    (finding,) = check([bel("1024", tooth="16"), bel("1620")])

    assert (finding.code, finding.is_error) == ("veneer_limit", False)
    assert "Zahn 16" in finding.message
    assert "gleichartige Versorgung" in finding.message


@pytest.mark.parametrize(("tooth", "warned"), [("15", False), ("25", False), ("26", True), ("34", False), ("35", True)])
def test_the_veneer_limit_ends_at_15_to_25_and_34_to_44(tooth, warned):
    assert (codes(bel("1620", tooth=tooth)) == ["veneer_limit"]) is warned


def test_the_veneer_limit_looks_at_the_teeth_of_the_order_when_no_line_names_one():
    assert codes(bel("1620"), order_teeth=[46]) == ["veneer_limit"]


def test_a_partial_crown_is_not_veneered():
    (finding,) = check([bel("1022"), bel("1620", tooth="14")])

    assert (
        finding.message == "102 2 und 162 0 sind nebeneinander nicht abrechenbar: eine Teilkrone wird nicht verblendet."
    )


def test_a_relining_is_no_repair():
    (finding,) = check([bel("8090"), bel("8010")])

    assert finding.code == "relining"
    assert "809 0 und 801 0" in finding.message
    assert check([bel("8090"), bel("8010"), bel("8021")]) == ()


def test_970_0_is_counted_against_what_is_cast():
    (finding,) = check([bel("1021", 2), bel("9700", 3)])

    assert finding.code == "non_precious"
    assert finding.message.startswith("3 × 970 0 bei 2 dafür zugelassenen Leistungen")
    assert check([bel("1200", 2), bel("9700", 4)]) == ()


def test_the_three_mistakes_of_one_order_give_three_messages():
    lines = [bel("1022", tooth="14"), bel("1620", tooth="14"), bel("8090"), bel("8010"), bel("1021"), bel("9700", 3)]

    assert codes(*lines) == ["exclusion", "relining", "non_precious"]


def test_numbers_that_exclude_each_other_on_one_tooth_may_stand_on_two():
    assert codes(bel("1013", tooth="14"), bel("1050", tooth="21")) == []
    assert codes(bel("1013", tooth="14"), bel("1050", tooth="14")) == ["exclusion"]
    assert codes(bel("1013"), bel("1050", tooth="14")) == ["exclusion"]


def test_one_base_for_each_jaw_is_enough():
    assert codes(bel("2010", 2)) == []
    assert codes(bel("2010", 3)) == ["maximum"]
    assert codes(bel("2010", tooth="14"), bel("2010", tooth="24")) == ["maximum"]
    assert codes(bel("2010", tooth="14"), bel("2010", tooth="34")) == []


def test_lines_of_quantity_nought_and_text_lines_count_for_nothing():
    assert check([Line("BEL", "1022", 0), bel("1620", tooth="14"), Line("TEXT", "", 1000)]) == ()


def test_repair_units_need_their_basic_unit():
    assert codes(bel("8021")) == ["repair_unit"]
    assert codes(bel("8021"), bel("8010")) == []


def test_merchandise_beside_statutory_lines_is_warned_about():
    brush = Line("NBL", "", 1000, vat_permille=190, price_cents=590)

    assert codes(bel("2010"), brush) == ["trade_goods"]
    assert codes(brush) == []


def test_a_line_without_price_is_named():
    assert codes(Line("BEL", "0010", 1000)) == ["no_price"]


def test_errors_come_before_warnings():
    findings = check([bel("8090"), bel("8010"), bel("5010")])

    assert [finding.is_error for finding in findings] == [True, False]


@pytest.fixture(scope="module")
def official() -> dict[str, list[dict[str, str]]]:
    if not SHARED.exists():
        pytest.skip("reference data ../shared/data/rules is missing: facts not compared")
    texts = {file.stem: file.read_text(encoding="utf-8") for file in SHARED.glob("*.csv")}
    return {name: list(csv.DictReader(text.splitlines(), delimiter=";")) for name, text in texts.items()}


def test_every_known_exclusion_is_told(official):
    told = {(each.number, other) for each in EXCLUSIONS for other in each.beside} | set(RELININGS.items())
    told |= {("8080", "8610"), ("8090", "8610")}
    wanted = {
        (row["bel_nr"], row["neben_bel_nr"]) for row in official["bel_ausschluesse"] if row["art"] == "schliesst_aus"
    }

    assert told == wanted


def test_every_known_maximum_is_told(official):
    told = {(each.number, str(each.most), each.is_error) for each in MAXIMA}

    assert told == {(row["bel_nr"], row["max"], row["schwere"] == "fehler") for row in official["bel_mengen"]}


def test_every_known_group_is_told(official):
    groups: dict[str, dict[str, int]] = {}
    for row in official["bel_gruppen"]:
        groups.setdefault(row["gruppe"], {})[row["bel_nr"]] = int(row["faktor"])

    assert set(groups["ukps_nur_untereinander"]) == UKPS
    assert groups["nem_9700_erlaubt_je"] == NON_PRECIOUS_FOR
    assert set(groups["verblendgrenze_ok15-25_uk34-44"]) == VENEERS
