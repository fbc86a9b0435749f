"""Fields take what Germans type and answer bad input with a field error."""

from datetime import date

import pytest
import time_machine
from django import forms as plain

from dentatool.kit.forms import DateField, Form, MoneyField, PermilleField, QuantityField, TeethField

HOSTILE = ["\0", "a\0b", "x" * 20_000, "\u202e31.12.2026", "9" * 400, "-", "<script>alert(1)</script>", "1e9", "NaN"]


class Everything(Form):
    """One field of each kind, none of them required."""

    day = DateField(label="Termin", required=False)
    birth = DateField(label="Geburtstag", required=False, past=True)
    price = MoneyField(label="Preis", required=False, min_value=0)
    quantity = QuantityField(label="Menge", required=False)
    skonto = PermilleField(label="Skonto", required=False)
    teeth = TeethField(label="Zähne", required=False)
    name = plain.CharField(label="Name", required=False)
    count = plain.IntegerField(label="Anzahl", required=False)
    kind = plain.ChoiceField(label="Art", required=False, choices=[("a", "A")])


def test_what_a_german_types_becomes_whole_numbers_and_days():
    typed = {
        "day": "24.12.2026",
        "birth": "010203",
        "price": "1.234,5",
        "quantity": "2,35",
        "skonto": "2,5",
        "teeth": "14-15",
    }
    with time_machine.travel("2026-11-23 10:00 +0100"):
        form = Everything(typed)
        assert form.is_valid(), form.errors

    found = {key: form.cleaned_data[key] for key in typed}
    assert found == {
        "day": date(2026, 12, 24),
        "birth": date(2003, 2, 1),
        "price": 123450,
        "quantity": 2350,
        "skonto": 25,
        "teeth": {15: "", 14: ""},
    }


def test_stored_values_are_shown_as_a_german_would_type_them():
    form = Everything(
        initial={"day": date(2026, 1, 2), "price": 123450, "quantity": 500, "skonto": 30, "teeth": {11: "krone"}}
    )

    assert [form[name].value() for name in ("day", "price", "quantity", "skonto", "teeth")] == [
        "02.01.2026",
        "1.234,50",
        "0,5",
        "3",
        "11:krone",
    ]


@pytest.mark.parametrize("typed", HOSTILE)
@pytest.mark.parametrize("name", sorted(Everything.base_fields))
def test_hostile_input_is_a_field_error_or_harmless_text_and_never_a_crash(name, typed):
    form = Everything({name: typed})

    if not form.is_valid():
        assert list(form.errors) == [name]
        assert all(len(message) < 300 and "\0" not in message for message in form.errors[name])
    else:
        assert name == "name", f"{typed!r} was taken for a {name}"


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("price", "-1", "Der Wert muss mindestens 0,00 sein."),
        ("skonto", "101", "Der Wert darf höchstens 100 sein."),
        ("skonto", "2,55", "Bitte höchstens eine Stelle nach dem Komma angeben, z. B. 2,5."),
        ("count", "12a", "Anzahl: Bitte eine ganze Zahl eingeben."),
        ("count", "99999999999", "Der Wert darf höchstens 2147483647 sein."),
        ("kind", "b", "Art: Diese Auswahl ist nicht vorhanden."),
        ("name", "x" * 10_001, "Bitte höchstens 10000 Zeichen eingeben (jetzt sind es 10001)."),
    ],
)
def test_each_error_says_in_german_what_to_do(name, typed, message):
    assert Everything({name: typed}).errors == {name: [message]}


def test_a_required_field_names_itself():
    class Needs(Form):
        due = DateField(label="Termin")
        kind = plain.ChoiceField(label="Art", choices=[("", "–"), ("a", "A")])
        own = plain.CharField(label="Eigen", error_messages={"required": "Eigene Worte bleiben."})

    assert Needs({}).errors == {
        "due": ["Bitte „Termin“ ausfüllen."],
        "kind": ["Bitte „Art“ auswählen."],
        "own": ["Eigene Worte bleiben."],
    }


def test_a_day_of_birth_in_the_future_is_refused():
    with time_machine.travel("2026-11-23 10:00 +0100"):
        assert Everything({"birth": "24.11.2026"}).errors == {
            "birth": ["Dieser Tag liegt in der Zukunft. Bitte das Jahr vierstellig angeben."]
        }


def test_unchanged_input_counts_as_unchanged():
    same = Everything({"price": "12,50", "teeth": "14:krone"}, initial={"price": 1250, "teeth": {14: "krone"}})
    other = Everything({"price": "12,51"}, initial={"price": 1250})

    assert (same.changed_data, other.changed_data) == ([], ["price"])
