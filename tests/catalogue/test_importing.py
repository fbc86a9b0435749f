"""A file becomes a draft, a draft comes in force by hand, and what was in force stays to be looked at."""

from datetime import date
from pathlib import Path

import pytest

from catalogue.conftest import make_list, price_file
from dentatool.catalogue import importing
from dentatool.catalogue.models import Price, PriceList
from dentatool.catalogue.price_file import read_price_file
from dentatool.catalogue.queries import NoPrice, price_of
from dentatool.kit.errors import NotYet

KZV = Path(__file__).parents[3] / "shared" / "data" / "prices" / "kzv"


def draft(data, name="11la0126.csv", region="BY", lab_type="gewerbe", since=date(2026, 1, 1)):
    return importing.draft_from_file(read_price_file(name, data), region=region, lab_type=lab_type, valid_from=since)


def test_a_draft_holds_the_file_s_prices_and_bills_nothing(anna):
    with anna.at_work():
        made = draft(price_file())

        assert made.state == PriceList.State.DRAFT
        assert importing.prices_on(made)["0010", ""] == 510
        assert len(importing.prices_on(made)) == 175
        assert made.report.splitlines() == [
            "Gelesen als Windows-1252 mit 14 Spalten; 175 von 175 Nummern haben einen Preis."
        ]
        with pytest.raises(NoPrice):
            price_of("0010", area="ZE", region="BY", lab_type="gewerbe", on=date(2026, 5, 1))


def test_activated_by_hand_it_is_billed_by(anna):
    with anna.at_work():
        importing.activate(draft(price_file()))

        assert price_of("0010", area="ZE", region="BY", lab_type="gewerbe", on=date(2026, 5, 1)).cents == 510


def test_a_correction_for_the_same_day_withdraws_the_list_it_corrects(anna):
    with anna.at_work():
        wrong = importing.activate(draft(price_file()))
        right = draft(price_file(104))
        assert importing.same_day(right) == wrong

        importing.activate(right)

        wrong.refresh_from_db()
        assert (wrong.state, right.state) == (PriceList.State.WITHDRAWN, PriceList.State.ACTIVE)
        assert price_of("0010", area="ZE", region="BY", lab_type="gewerbe", on=date(2026, 5, 1)).cents == 530


def test_a_withdrawn_list_makes_way_for_the_one_before(anna):
    with anna.at_work():
        make_list(since=date(2025, 1, 1), n0010=806)
        newer = importing.activate(draft(price_file()))

        importing.withdraw(newer)

        assert price_of("0010", area="ZE", region="BY", lab_type="gewerbe", on=date(2026, 5, 1)).cents == 806
        assert Price.objects.filter(price_list=newer).count() == 175


def test_a_list_is_activated_once_and_only_drafts_are_thrown_away(anna):
    with anna.at_work():
        held = importing.activate(draft(price_file()))

        with pytest.raises(NotYet, match="Nur ein Entwurf"):
            importing.activate(held)
        with pytest.raises(NotYet, match="bleibt erhalten"):
            importing.discard(held)

        assert PriceList.objects.get().state == PriceList.State.ACTIVE


def test_a_discarded_draft_leaves_nothing(anna):
    with anna.at_work():
        importing.discard(draft(price_file()))

        assert (PriceList.objects.count(), Price.objects.count()) == (0, 0)


def test_the_database_itself_refuses_two_lists_in_force_for_one_day(anna):
    from django.db import IntegrityError, transaction

    with anna.at_work():
        make_list(since=date(2026, 1, 1))

        with pytest.raises(IntegrityError, match="one_active_list_per_day"), transaction.atomic():
            make_list(since=date(2026, 1, 1))


def test_what_deserves_a_second_look_stands_first():
    old = {("0010", ""): 800, ("0051", ""): 1900, ("0120", ""): 1200, ("9700", ""): 1700}
    new = {("0010", ""): 840, ("0051", ""): 2500, ("0120", ""): 1200, ("0112", ""): 1100}

    found = importing.changes_between(old, new)

    assert [(change.number, change.permille, change.is_notable) for change in found] == [
        ("0051", 316, True),
        ("0112", None, True),
        ("9700", None, True),
        ("0010", 50, False),
    ]


@pytest.mark.skipif(not KZV.exists(), reason="LOUD: the KZVs' price files are not beside this checkout")
def test_every_published_file_becomes_a_draft_with_all_its_prices(anna):
    with anna.at_work():
        for file in sorted(KZV.iterdir()):
            found = read_price_file(file.name, file.read_bytes())
            for kind in found.lab_types():
                made = importing.draft_from_file(found, region="BY", lab_type=kind, valid_from=date(2026, 1, 1))

                assert importing.prices_on(made) == importing.prices_in(found, kind), file.name
                assert all(str(gap) in made.report for gap in found.missing[kind]), file.name
