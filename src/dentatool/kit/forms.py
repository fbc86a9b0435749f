"""Forms in German: every message says what to do, and bad input of any kind is a field error.

`Form` and `ModelForm` are the bases of every form of a slice. Render them with `{{ errors(form) }}` and
`{{ field(form.name) }}` (docs/kit.md) and answer an invalid form with status 422.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from threading import Lock
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.http import HttpRequest, QueryDict

from dentatool.kit.fields import (
    DateField,
    MoneyField,
    NumberField,
    PermilleField,
    QuantityField,
    RecordChoiceField,
    TypedField,
)
from dentatool.kit.teeth import TeethField

__all__ = [
    "DateField",
    "Form",
    "ModelForm",
    "MoneyField",
    "PermilleField",
    "QuantityField",
    "RecordChoiceField",
    "TeethField",
    "TypedField",
    "posted",
]

LONGEST_TEXT = 10_000
_teaching = Lock()
LARGEST_NUMBER = 2_147_483_647  # what an integer column holds


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, to be checked even when it is empty; None where the form is only asked for."""
    return request.POST if request.method == "POST" else None


class GermanMessages:
    """Gives each field messages that name it, and bounds where the slice set none."""

    use_required_attribute = False  # the server's German words instead of the browser's bubbles
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind = type(self)
        if "_speaks" not in kind.__dict__:
            _teach(kind)
        super().__init__(*args, **kwargs)

    def _speak_german(self) -> None:
        """For the fields that came with this form; those that the class declares speak already."""
        _speak({name: field for name, field in self.fields.items() if name not in type(self)._speaks})  # type: ignore[attr-defined]


def _teach(kind: Any) -> None:
    """Once for each class, whoever comes first: each form has copies of the declared fields."""
    with _teaching:
        if "_speaks" not in kind.__dict__:
            _speak(kind.base_fields)
            kind.base_fields = _Declared(kind.base_fields)
            kind._speaks = frozenset(kind.base_fields)


# How Django copies the kinds of fields and widgets that _copied knows; what copies itself otherwise has more to copy.
_FIELDS = {kind.__deepcopy__ for kind in (forms.Field, forms.ChoiceField, forms.ModelChoiceField)}
_WIDGETS = {kind.__deepcopy__ for kind in (forms.Widget, forms.Select)}


class _Declared(dict[str, forms.Field]):
    """A class's fields. Each form has copies of its own, as Django wants; the copy module alone took a third of a form's time."""

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, forms.Field]:
        return {name: _copied(field, memo) for name, field in self.items()}


def _copied(field: Any, memo: dict[int, Any]) -> forms.Field:
    """As Django copies it, but for choices: they are shared, so replace them and never append to them."""
    widget = field.widget
    if type(field).__deepcopy__ not in _FIELDS or type(widget).__deepcopy__ not in _WIDGETS:
        return deepcopy(field, memo)
    made = _twin(field)
    made.widget = _twin(widget)
    made.widget.attrs, made.error_messages = widget.attrs.copy(), field.error_messages.copy()
    made.validators = field.validators[:]
    if isinstance(field, forms.ModelChoiceField):
        made.queryset = field.queryset  # which makes a copy that asks anew
    return made


def _twin(thing: Any) -> Any:
    twin = type(thing).__new__(type(thing))
    twin.__dict__.update(thing.__dict__)
    return twin


class Form(GermanMessages, forms.Form):
    """Base of forms that are no single record."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._speak_german()


class ModelForm(GermanMessages, forms.ModelForm):
    """Base of forms of one record. Two people at once: see `conflict`.

    The version that was shown travels in a hidden field. When the record has changed since, the form is invalid and
    `conflict` is true; `kit.pages` then shows both values. Lock the row first (`select_for_update`), or two
    requests may both find their version current.
    """

    conflict = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the fields that Django makes from the model read what Germans type."""
        super().__init_subclass__(**kwargs)
        meta = cls.__dict__.get("Meta")
        if meta is not None and not hasattr(meta, "formfield_callback"):
            meta.formfield_callback = staticmethod(german_field)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.fields["version"] = forms.IntegerField(
                widget=forms.HiddenInput,
                initial=self.instance.version,
                error_messages={"required": _STALE, "invalid": _STALE},
            )
        self._speak_german()

    def clean(self) -> dict[str, Any]:
        """Compare the version that was shown with the one that is stored."""
        cleaned = super().clean() or self.cleaned_data
        shown = cleaned.get("version")
        if shown is not None and not self.instance._state.adding and shown != self.instance.version:
            self.conflict = True
            raise ValidationError(
                "Dieser Eintrag wurde inzwischen von jemand anderem geändert. Bitte beide Stände vergleichen.",
                code="conflict",
            )
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # lab_id is no form field, yet every unique constraint begins with it: without it none would be checked.
        return super()._get_validation_exclusions() - {"lab_id"}

    def _update_errors(self, errors: ValidationError) -> None:
        super()._update_errors(self._at_its_field(errors))

    def _at_its_field(self, errors: ValidationError) -> ValidationError:
        """Move "exists already" from the whole form to the last field that it is about."""
        if not hasattr(errors, "error_dict"):
            return errors
        placed: dict[str, list[ValidationError]] = {}
        for name, problems in errors.error_dict.items():
            for problem in problems:
                target = self._field_of(problem) if name == NON_FIELD_ERRORS else ""
                if target and problem.code == "unique_together":
                    label = self.fields[target].label
                    problem = ValidationError(
                        f"{label}: Diese Angabe gibt es schon. Bitte eine andere wählen.", "unique"
                    )
                placed.setdefault(target or name, []).append(problem)
        return ValidationError(placed)

    def _field_of(self, problem: ValidationError) -> str:
        """The last field that a broken uniqueness is about, if this form has it."""
        about = list((problem.params or {}).get("unique_check", ()))
        for constraint in self.instance._meta.constraints:
            if not about and _doubled(constraint, str(problem.message)):
                about = list(constraint.fields)
        return next((name for name in reversed(about) if name in self.fields), "")


def _doubled(constraint: models.BaseConstraint, message: str) -> bool:
    return isinstance(constraint, models.UniqueConstraint) and str(constraint.get_violation_error_message()) == message


_BY_ENDING: dict[str, type[NumberField]] = {
    "_cents": MoneyField,
    "_milli": QuantityField,
    "_permille": PermilleField,
}


def german_field(db_field: models.Field, **kwargs: Any) -> forms.Field | None:
    """The form field of a model's field: days, money, quantities and records in the kit's own kinds."""
    made = db_field.formfield(**kwargs)
    if made is None:
        return None
    shared = {"label": made.label, "required": made.required, "help_text": made.help_text, "initial": made.initial}
    if "widget" in kwargs:
        shared["widget"] = kwargs["widget"]
    if type(made) is forms.DateField:
        return DateField(past="birth" in db_field.name, **shared)
    if type(made) is forms.ModelChoiceField:
        return RecordChoiceField(made.queryset, **shared)
    if type(made) is forms.IntegerField:
        # The field shows its unit itself, and per cent instead of per mille.
        shared["label"] = str(made.label).removesuffix(" in Promille")
        for ending, kind in _BY_ENDING.items():
            if db_field.name.endswith(ending):
                is_positive = isinstance(db_field, models.PositiveIntegerField | models.PositiveSmallIntegerField)
                return kind(**shared, **({"min_value": 0} if is_positive and kind is not PermilleField else {}))
    return made


_STALE = "Der Stand dieses Eintrags fehlt. Bitte die Seite neu laden und die Änderung noch einmal eingeben."


def _messages_for(field: forms.Field, label: str) -> dict[str, str]:
    found = {"required": f"Bitte „{label}“ ausfüllen.", "invalid": f"{label}: Diese Eingabe ist nicht lesbar."}
    if isinstance(field, forms.ChoiceField | forms.ModelChoiceField):
        found["required"] = f"Bitte „{label}“ auswählen."
        found["invalid_choice"] = f"{label}: Diese Auswahl ist nicht vorhanden."
    elif isinstance(field, forms.BooleanField):
        found["required"] = f"Bitte „{label}“ ankreuzen."
    elif isinstance(field, forms.FileField):
        found |= {
            "required": f"Bitte bei „{label}“ eine Datei wählen.",
            "empty": f"{label}: Die Datei ist leer.",
            "missing": f"{label}: Es wurde keine Datei gesendet.",
        }
    elif isinstance(field, forms.IntegerField):
        found["invalid"] = f"{label}: Bitte eine ganze Zahl eingeben."
    elif isinstance(field, forms.EmailField):
        found["invalid"] = f"{label}: Bitte eine vollständige Adresse angeben, z. B. praxis@beispiel.de."
    return found


def _speak(fields: Mapping[str, forms.Field]) -> None:
    for name, field in fields.items():
        own = _own_messages(field)
        for code, message in _messages_for(field, str(field.label or name)).items():
            if code not in own:
                field.error_messages[code] = message
        _bound(field)


@cache
def _default_messages(kind: type[forms.Field]) -> dict[str, Any]:
    """What Django and the kit say for a kind of field; asked for every field of every form, so kept."""
    defaults: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        defaults.update(getattr(base, "default_error_messages", {}))
    return defaults


def _own_messages(field: forms.Field) -> set[str]:
    """Codes for which the slice itself wrote a message: those stay."""
    defaults = _default_messages(type(field))
    return {code for code, message in field.error_messages.items() if defaults.get(code) != message}


def _bound(field: forms.Field) -> None:
    """No text without end and no number that the database cannot hold."""
    # A UUIDField is a CharField to Django, yet its values have no length.
    if isinstance(field, forms.CharField) and not isinstance(field, forms.UUIDField) and field.max_length is None:
        field.max_length = LONGEST_TEXT
        field.validators.append(MaxLengthValidator(LONGEST_TEXT))
    if isinstance(field, forms.IntegerField) and not isinstance(field, forms.FloatField | forms.DecimalField):
        if field.max_value is None:
            field.validators.append(MaxValueValidator(LARGEST_NUMBER))
        if field.min_value is None:
            field.validators.append(MinValueValidator(-LARGEST_NUMBER))
    for validator in field.validators:
        if type(validator) is MaxLengthValidator:
            validator.message = "Bitte höchstens %(limit_value)d Zeichen eingeben (jetzt sind es %(show_value)d)."
        elif type(validator) is MaxValueValidator:
            validator.message = "Der Wert darf höchstens %(limit_value)s sein."
        elif type(validator) is MinValueValidator:
            validator.message = "Der Wert muss mindestens %(limit_value)s sein."
