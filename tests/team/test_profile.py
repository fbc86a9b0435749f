"""The laboratory's own particulars: what stands on documents and decides prices."""

import pytest

from dentatool.team.models import LaboratoryProfile

GOOD = {
    "name": "Dentallabor Anna Huber", "city": "München", "region": "BY", "place": "D-München", "lab_type": "gewerbe",
    "invoice_format": "RE-{year}-{number:06}", "version": "1",
}  # fmt: skip


def stored(lab, *names):
    with lab.at_work():
        return tuple(getattr(LaboratoryProfile.objects.get(), name) for name in names)


def test_the_owner_changes_particulars(anna):
    answer = anna.client().post("/labor/", {**GOOD, "region": "WL", "iban": "de02 1203 0000 0000 2020 51"})

    assert answer.status_code == 302
    assert stored(anna, "region", "iban") == ("WL", "DE02 1203 0000 0000 2020 51")


@pytest.mark.parametrize(
    ("typed", "kept"), [("München", "D-München"), ("D-Rosenheim", "D-Rosenheim"), ("Österreich", "Österreich")]
)
def test_the_place_is_written_as_the_file_for_the_practice_wants_it(anna, typed, kept):
    anna.client().post("/labor/", {**GOOD, "place": typed})

    assert stored(anna, "place") == (kept,)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"iban": "DE02 1203 0000 0000 2020 52"}, "iban"),
        ({"iban": "1"}, "iban"),
        ({"email": "keine"}, "email"),
        ({"region": "XX"}, "region"),
        ({"lab_type": "beides"}, "lab_type"),
        ({"name": ""}, "name"),
        ({"invoice_format": "RE-{number}"}, "invoice_format"),
        ({"invoice_format": "RE-{year}"}, "invoice_format"),
        ({"invoice_format": "RE-{year}-{number"}, "invoice_format"),
        ({"invoice_format": "RE-{year}-{number.__class__}"}, "invoice_format"),
        ({"invoice_format": "{year}-{number:0999999999}"}, "invoice_format"),
        ({"invoice_format": "RE {year} {number}"}, "invoice_format"),
        ({"invoice_format": "{year}-" + "R" * 25 + "{number}"}, "invoice_format"),
    ],
)
def test_wrong_particulars_are_refused_at_their_field(anna, typed, field):
    answer = anna.client().post("/labor/", {**GOOD, **typed})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert stored(anna, "version") == (1,)


def test_who_saves_second_is_told_and_overwrites_nothing(anna):
    first = anna.client().post("/labor/", {**GOOD, "city": "Rosenheim"})
    second = anna.client().post("/labor/", {**GOOD, "city": "Dachau"})

    assert (first.status_code, second.status_code) == (302, 409)
    assert stored(anna, "city") == ("Rosenheim",)


@pytest.mark.parametrize(
    ("role", "look", "change"), [("office", 200, 403), ("technician", 403, 403), ("courier", 403, 403)]
)
def test_only_the_owner_changes_particulars(anna, role, look, change):
    client = anna.client(role)

    assert (client.get("/labor/").status_code, client.post("/labor/", {**GOOD, "city": "Dachau"}).status_code) == (
        look,
        change,
    )
    assert stored(anna, "city") == ("München",)


def test_each_laboratory_has_particulars_of_its_own(anna, bert):
    assert bert.client().post("/labor/", {**GOOD, "name": "Zahntechnik Bert", "region": "WL"}).status_code == 302

    assert stored(anna, "name", "region") == ("Dentallabor Anna Huber", "BY")
    assert stored(bert, "name", "region") == ("Zahntechnik Bert", "WL")
