"""Each form has fields of its own, as if Django had copied them; only lists of choices are shared."""

from copy import deepcopy
from typing import Any

import pytest
from django import forms as plain
from django.db.models import QuerySet

from dentatool.kit.forms import DateField, Form, _copied
from dentatool.orders.forms import IntakeForm

FIELDS = [
    *IntakeForm.base_fields.values(),
    plain.MultiValueField([plain.CharField(), plain.ChoiceField(choices=[("a", "A")])], widget=plain.MultiWidget([])),
    plain.SplitDateTimeField(),
    plain.TypedMultipleChoiceField(choices=[("a", "A")], widget=plain.CheckboxSelectMultiple),
]


def facts(thing: Any) -> dict[str, Any]:
    """What a field or widget holds, in words: two of the same kind hold the same. Records are not asked for."""
    held = {name: value for name, value in vars(thing).items() if not isinstance(value, QuerySet)}
    return {name: str(value) for name, value in held.items() if " object at 0x" not in str(value)}


def choices(field: Any) -> Any:
    """Those that stand in the program; records are asked for (tests/orders/test_intake.py)."""
    return None if isinstance(field, plain.ModelChoiceField) else getattr(field, "choices", None)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.label or type(field).__name__))
def test_a_copy_holds_what_djangos_copy_holds(field: plain.Field) -> None:
    ours, djangos = _copied(field, {}), deepcopy(field)

    assert (type(ours), type(ours.widget)) == (type(djangos), type(djangos.widget))
    assert vars(ours).keys() == vars(djangos).keys()
    assert facts(ours) == facts(djangos)
    assert facts(ours.widget) == facts(djangos.widget)
    assert choices(ours) == choices(djangos)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.label or type(field).__name__))
def test_nothing_said_to_a_copy_reaches_the_next(field: plain.Field) -> None:
    before = deepcopy(field)
    changed = _copied(field, {})
    changed.widget.attrs["data-mine"] = "yes"
    changed.error_messages["mine"] = "meins"
    changed.validators.append(print)
    changed.required, changed.label, changed.initial = not field.required, "meins", "meins"
    if choices(field) is not None:
        changed.choices = [("mein", "eigenes")]

    after = _copied(field, {})
    assert facts(after) == facts(before)
    assert facts(after.widget) == facts(before.widget)
    assert choices(after) == choices(before)


def test_a_form_that_changes_its_fields_changes_no_other() -> None:
    class Few(Form):
        day = DateField(label="Termin")
        kind = plain.ChoiceField(label="Art", choices=[("a", "A")])

    first = Few()
    first.fields["day"].widget.attrs["data-mine"] = "yes"
    first.fields["kind"].choices = [("b", "B")]
    del first.fields["day"]

    second = Few()
    assert list(second.fields) == ["day", "kind"]
    assert "data-mine" not in second.fields["day"].widget.attrs
    assert second.fields["kind"].choices == second.fields["kind"].widget.choices == [("a", "A")]
    assert not Few({"day": "1.1.2026", "kind": "b"}).is_valid()
