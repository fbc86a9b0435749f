"""Price lists on the screen: look first, keep as a draft, put in force by hand."""

from datetime import date
from uuid import uuid4

import pytest

from catalogue.conftest import make_list, price_file
from dentatool.catalogue.models import Price, PriceList

IMPORT = "/preise/import/"


def lists_of(lab):
    with lab.at_work():
        rows = PriceList.objects.order_by("valid_from", "created_at")
        return [(held.region, held.lab_type, held.valid_from, held.state) for held in rows]


def prices_of(lab):
    with lab.at_work():
        return Price.objects.count()


def preview(lab, upload, name="11la0126.csv", data=None, **typed):
    return lab.client().post(IMPORT, {"file": upload(name, data or price_file()), "lab_type": "gewerbe", **typed})


def carried(answer):
    """What the page carries along, as the browser sends it back."""
    form = answer.context["form"]
    return {name: form[name].value() for name in ("held_name", "held_content", "region", "lab_type", "valid_from")}


def test_an_uploaded_file_is_shown_and_nothing_is_kept(anna, upload):
    with anna.at_work():
        make_list(since=date(2025, 1, 1), n0010=510, n0051=300)

    answer = preview(anna, upload, data=price_file(n0010="6,00"))

    seen = {name: answer.context[name] for name in ("count", "of", "notable", "report")}
    assert answer.status_code == 200
    assert seen == {"count": 175, "of": 175, "notable": 175, "report": []}
    assert answer.context["changes"][0] == {
        "number": "001 0", "text": "Modell", "area": "alle", "old": "5,10 €", "new": "6,00 €", "share": "+17,6 %", "is_notable": True,
    }  # fmt: skip
    assert (answer.context["found"].encoding, answer.context["found"].columns) == ("Windows-1252", 14)
    assert lists_of(anna) == [("BY", "gewerbe", date(2025, 1, 1), "active")]


def test_from_the_preview_it_becomes_a_draft_without_choosing_the_file_again(anna, upload):
    shown = preview(anna, upload)

    kept = anna.client().post(IMPORT, {**carried(shown), "save": "1"})

    assert kept.status_code == 302
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 1, 1), "draft")]
    assert prices_of(anna) == 175


def test_region_kind_and_day_may_be_put_right_in_the_preview(anna, upload):
    shown = preview(anna, upload)

    changed = {**carried(shown), "region": "HH", "lab_type": "praxis", "valid_from": "1.7.2026", "save": "1"}
    anna.client().post(IMPORT, changed)

    assert lists_of(anna) == [("HH", "praxis", date(2026, 7, 1), "draft")]


def test_an_error_in_the_form_loses_neither_the_file_nor_what_was_typed(anna, upload):
    shown = preview(anna, upload)

    wrong = anna.client().post(IMPORT, {**carried(shown), "valid_from": "bald", "save": "1"})

    assert wrong.status_code == 422
    assert 'value="bald"' in wrong.content.decode()
    assert lists_of(anna) == []
    again = {**carried(wrong), "valid_from": "1.2.2026", "save": "1"}
    assert anna.client().post(IMPORT, again).status_code == 302
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 2, 1), "draft")]


def test_what_the_name_does_not_say_is_asked_for(anna, upload):
    answer = preview(anna, upload, name="preise.csv")

    assert answer.status_code == 422
    assert sorted(answer.context["form"].errors) == ["region", "valid_from"]
    assert carried(answer)["held_name"] == "preise.csv"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "leer"),
        (price_file()[:5000], "abgeschnitten"),
        (price_file(n0010="acht"), "kein Preis"),
        (price_file() + b"\r\n0010;0010;Modell;0;9,99;9,99;;;;;;;;", "zweimal"),
        (b"PK\x03\x04" + price_file(), "Excel"),
        (b"<html><body>Anmelden</body></html>", "Internetseite"),
        (price_file() * 120, "größer"),
    ],
    ids=["empty", "cut", "letters", "double", "excel", "web page", "large"],
)
def test_a_broken_file_is_refused_at_its_field_and_changes_nothing(anna, upload, data, reason):
    answer = anna.client().post(IMPORT, {"file": upload("11la0126.csv", data), "lab_type": "gewerbe", "save": "1"})

    assert answer.status_code == 422
    assert reason in answer.context["form"].errors["file"][0]
    assert (lists_of(anna), prices_of(anna)) == ([], 0)


def test_fifty_megabytes_are_refused_without_being_kept(anna, upload):
    answer = anna.client().post(IMPORT, {"file": upload("11la0126.csv", b"x" * 50_000_000), "lab_type": "gewerbe"})

    assert answer.status_code == 422
    assert answer.context["form"].errors["file"] == [
        "Die Datei ist größer als 1000 kB. Eine Preisliste hat etwa 20 kB."
    ]
    assert lists_of(anna) == []


@pytest.mark.parametrize("held", ["", "kein base64!", "AAAA", "QUJD" * 400_000])
def test_a_carried_file_that_was_tampered_with_is_refused(anna, held):
    answer = anna.client().post(
        IMPORT, {"held_name": "11la0126.csv", "held_content": held, "lab_type": "gewerbe", "save": "1"}
    )

    assert answer.status_code == 422
    assert lists_of(anna) == []


def draft_of(lab, upload):
    kept = lab.client().post(IMPORT, {**carried(preview(lab, upload)), "save": "1"})
    return kept.headers["Location"]


def test_activating_asks_once_more_and_is_in_the_trail(anna, upload):
    from dentatool.protection.audit import history_of

    address = draft_of(anna, upload)

    asked = anna.client().get(f"{address}aktivierung/")
    assert (asked.status_code, lists_of(anna)[0][3]) == (200, "draft")
    done = anna.client().post(f"{address}aktivierung/")

    assert (done.status_code, lists_of(anna)[0][3]) == (302, "active")
    with anna.at_work():
        newest = history_of(PriceList.objects.get())[0]
        assert (newest.actor_id, newest.changes) == (anna.owner.id, {"state": ["draft", "active"]})


def test_activating_twice_is_told_with_409(anna, upload):
    address = draft_of(anna, upload)
    anna.client().post(f"{address}aktivierung/")

    again = anna.client().post(f"{address}aktivierung/")

    assert again.status_code == 409
    assert "Nur ein Entwurf kann in Kraft gesetzt werden" in again.content.decode()
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 1, 1), "active")]


def test_a_list_in_force_is_neither_renamed_nor_thrown_away(anna, upload):
    address = draft_of(anna, upload)
    anna.client().post(f"{address}aktivierung/")

    anna.client().post(address, {"name": "anders", "valid_from": "1.1.2020", "version": "2"})
    thrown = anna.client().post(f"{address}verwerfen/")

    assert thrown.status_code == 409
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 1, 1), "active")]


def test_withdrawing_asks_once_more(anna, upload):
    address = draft_of(anna, upload)
    anna.client().post(f"{address}aktivierung/")

    assert anna.client().get(f"{address}ruecknahme/").status_code == 200
    assert lists_of(anna)[0][3] == "active"
    anna.client().post(f"{address}ruecknahme/")

    assert lists_of(anna)[0][3] == "withdrawn"


def test_a_draft_s_day_is_changed_and_a_wrong_day_keeps_what_was_typed(anna, upload):
    address = draft_of(anna, upload)

    wrong = anna.client().post(address, {"name": "Unsere Liste", "valid_from": "nie", "version": "1"})
    right = anna.client().post(address, {"name": "Unsere Liste", "valid_from": "1.2.2026", "version": "1"})

    assert (wrong.status_code, right.status_code) == (422, 302)
    assert 'value="nie"' in wrong.content.decode()
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 2, 1), "draft")]


def test_the_page_says_which_list_is_billed_by_today(anna):
    with anna.at_work():
        make_list(since=date(2099, 1, 1), n0010=900)
        make_list(since=date(2026, 1, 1), n0010=845)
        make_list(since=date(2025, 1, 1), n0010=806)
        make_list(since=date(2024, 1, 1), state="withdrawn", n0010=773)
        make_list(since=date(2026, 1, 1), state="draft", n0010=1)

    rows = anna.client().get("/preise/").context["rows"]

    assert sorted((row["valid_from"], row["state"]) for row in rows) == [
        ("01.01.2024", "Zurückgezogen"), ("01.01.2025", "abgelöst"), ("01.01.2026", "Entwurf"),
        ("01.01.2026", "gilt heute"), ("01.01.2099", "ab 01.01.2099"),
    ]  # fmt: skip


def test_without_a_list_for_the_laboratory_the_page_warns(anna):
    with anna.at_work():
        make_list(region="BW", since=date(2026, 1, 1), n0010=845)

    assert anna.client().get("/preise/").context["missing"] == "Bayern, Gewerbliches Labor"


@pytest.mark.parametrize(
    ("search", "numbers"),
    [
        ("001 0", ["001 0"]),
        ("0010", ["001 0"]),
        ("modell", ["001 0", "002 1"]),
        ("zzz", []),
        ("", ["001 0", "002 1", "933 0"]),
    ],
)
def test_prices_are_found_by_number_and_text(anna, search, numbers):
    with anna.at_work():
        held = make_list(since=date(2026, 1, 1), n0010=845, n0021=1778, n9330=717).pk

    rows = anna.client().get(f"/preise/{held}/", {"suche": search}).context["rows"]

    assert [row["number"] for row in rows] == numbers


@pytest.mark.parametrize("suffix", ["", "aktivierung/", "ruecknahme/"])
def test_another_laboratory_s_list_is_as_if_it_were_not_there(anna, bert, suffix):
    with anna.at_work():
        held = make_list(since=date(2026, 1, 1), state="draft", n0010=845).pk

    theirs, absent = (bert.client().get(f"/preise/{key}/{suffix}") for key in (held, uuid4()))

    assert (theirs.status_code, absent.status_code) == (404, 404)
    for action in ("aktivierung", "ruecknahme", "verwerfen"):
        assert bert.client().post(f"/preise/{held}/{action}/").status_code == 404
    assert lists_of(anna) == [("BY", "gewerbe", date(2026, 1, 1), "draft")]


@pytest.mark.parametrize(
    ("role", "look", "change"), [("office", 200, 200), ("technician", 200, 403), ("courier", 403, 403)]
)
def test_who_sees_and_who_takes_in_prices(anna, role, look, change):
    client = anna.client(role)

    assert (client.get("/preise/").status_code, client.get(IMPORT).status_code) == (look, change)
