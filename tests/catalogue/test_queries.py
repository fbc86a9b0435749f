"""The price of the delivery day, for the right region, kind of laboratory and area."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalogue.conftest import make_list
from dentatool.catalogue.queries import NoPrice, price_of, prices_of

BW = {"region": "BW", "lab_type": "gewerbe"}


def price(number, on, area="ZE", **where):
    return price_of(number, area=area, on=on, **{**BW, **where}).cents


def test_a_list_that_begins_in_february_is_billed_from_february_on(anna):
    with anna.at_work():
        make_list(region="BW", since=date(2025, 2, 1), n0010=806)
        make_list(region="BW", since=date(2026, 2, 1), n0010=845)

        found = [price("0010", day) for day in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 12, 31))]

        assert found == [806, 845, 845]


def test_the_price_found_names_its_list(anna):
    with anna.at_work():
        held = make_list(region="BW", since=date(2026, 2, 1), n0010=845)

        found = price_of("0010", area="ZE", on=date(2026, 3, 1), **BW)

        assert (found.cents, found.list_id, found.list_name) == (845, held.pk, "BEL II BW ab 01.02.2026")
        assert found.valid_from == date(2026, 2, 1)
        assert str(found) == "8,45 €"


def test_a_price_for_the_area_goes_before_the_one_for_all(anna):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845, n0010_KFO=799, n0015_KB=779)

        assert price("0010", date(2026, 5, 1), "ZE") == 845
        assert price("0010", date(2026, 5, 1), "KFO") == 799
        assert price("0015", date(2026, 5, 1), "KB") == 779


def test_what_an_area_does_not_bill_has_no_price_there_and_the_reason_is_told(anna):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0015_KB=779)

        with pytest.raises(NoPrice) as reason:
            price("0015", date(2026, 5, 1), "ZE")

        assert str(reason.value) == "BEL 001 5 hat in der Liste vom 01.01.2026 für ZE keinen Preis."


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
def test_only_lists_in_force_are_billed_by(anna, state):
    with anna.at_work():
        make_list(region="BW", since=date(2025, 1, 1), n0010=806)
        make_list(region="BW", since=date(2026, 1, 1), state=state, n0010=845)

        assert price("0010", date(2026, 5, 1)) == 806


@pytest.mark.parametrize("where", [{"region": "BY"}, {"lab_type": "praxis"}])
def test_no_list_of_another_region_or_kind_of_laboratory_is_taken(anna, where):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845)

        with pytest.raises(NoPrice, match="keine Preisliste in Kraft"):
            price("0010", date(2026, 5, 1), **where)


def test_before_the_first_list_there_is_no_price(anna):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845)

        with pytest.raises(NoPrice, match=r"am 31\.12\.2025 keine Preisliste in Kraft"):
            price("0010", date(2025, 12, 31))


def test_another_laboratory_s_list_does_not_exist(anna, bert):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845)

    with bert.at_work(), pytest.raises(NoPrice):
        price("0010", date(2026, 5, 1))


@pytest.mark.parametrize("numbers", [["0010"], ["0010", "0051", "0120", "9999"]])
def test_many_prices_cost_as_many_queries_as_one(anna, numbers):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845, n0051=1988, n0120=1242)

        with CaptureQueriesContext(connection) as asked:
            found = prices_of(numbers, area="ZE", on=date(2026, 5, 1), **BW)

        assert len(asked) == 1
        assert {number: price.cents for number, price in found.items()} == {
            number: cents for number, cents in {"0010": 845, "0051": 1988, "0120": 1242}.items() if number in numbers
        }
