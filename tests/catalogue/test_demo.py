"""The demo laboratories have something to look at, and it holds together."""

import csv
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from dentatool.catalogue import demo, formula
from dentatool.catalogue.bel import services
from dentatool.catalogue.models import Article, ChainLine, Price, PriceList, ServiceChain
from dentatool.catalogue.queries import price_of

REGIONS = Path(__file__).parents[3] / "shared" / "data" / "prices" / "bel2_2025_2026_regions.csv"
# Maximum prices of 2026 for commercial laboratories: 0010, 1021, 9330, 9700 in cents.
KNOWN = {"BY": (845, 10454, 717, 1722), "WL": (843, 10455, 717, 1722)}


@pytest.mark.parametrize(("who", "region"), [("anna", "BY"), ("bert", "WL")])
def test_real_list_prices_of_two_years_are_there(who, region, request):
    lab = request.getfixturevalue(who)
    with lab.at_work():
        demo.fill(who)

        assert [
            (one.valid_from, one.state, one.prices.values("number").distinct().count())
            for one in PriceList.objects.filter(region=region)
        ] == [
            (date(2026, 1, 1), "active", 175),
            (date(2025, 1, 1), "active", 175),
        ]
        where = {"area": "ZE", "region": region, "lab_type": "gewerbe", "on": date(2026, 3, 12)}
        assert tuple(price_of(number, **where).cents for number in ("0010", "1021", "9330", "9700")) == KNOWN[region]


def test_anna_holds_the_list_agreed_with_the_practice_on_the_rhine(anna):
    from dentatool.practices.demo import fill as fill_practices
    from dentatool.practices.models import Practice

    with anna.at_work():
        fill_practices("anna")
        demo.fill("anna")

        agreed = Practice.objects.get(locations__number="565901").price_region
        where = {"area": "ZE", "region": agreed, "lab_type": "gewerbe", "on": date(2026, 3, 12)}
        assert [price_of(number, **where).cents for number in ("0010", "0112", "8090", "9330")] == [
            845,
            1100,
            7217,
            717,
        ]


def test_every_line_of_every_chain_means_something(anna):
    with anna.at_work():
        demo.fill("anna")

        assert ServiceChain.objects.count() == 8
        for line in ChainLine.objects.all():
            formula.check(line.formula)
            assert (line.number in services()) == (line.art == "BEL")
            assert (line.article is not None) == (line.art != "BEL")


def test_there_are_own_services_alloys_and_materials(anna):
    with anna.at_work():
        demo.fill("anna")

        assert set(Article.objects.values_list("art", flat=True)) == {"NBL", "EDM", "MAT"}
        assert Price.objects.filter(cents=0).count() == 0


@pytest.mark.skipif(not REGIONS.exists(), reason="LOUD: the regions' price table is not beside this checkout")
def test_the_demo_s_prices_are_the_published_ones():
    with REGIONS.open(encoding="utf-8") as table:
        published = {}
        for row in csv.DictReader(table, delimiter=";"):
            if row["labortyp"] == "gewerbe":
                key = (f"{row['abrechnungsbereich']}{row['jahr']}", row["bel_nr"])
                published.setdefault(key, set()).add(int(row["preis_cent"]))
    table = files("dentatool.catalogue").joinpath("demo_prices.csv").read_text(encoding="utf-8")

    rows = list(csv.DictReader(table.splitlines(), delimiter=";"))

    assert [row["number"] for row in rows] == sorted(services())
    wrong = [
        (row["number"], column)
        for row in rows
        for column in ("BY2025", "BY2026", "WL2025", "WL2026", "RP2025", "RP2026")
        if int(row[column]) not in published[column, row["number"]]
    ]
    assert wrong == []
