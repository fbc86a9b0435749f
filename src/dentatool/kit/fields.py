"""Form fields that take what Germans type and answer in German; bad input is a field error, never a crash."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.timezone import localdate

from dentatool.protection.audit.refusals import note_refusal
from dentatool.values.days import format_day, parse_day
from dentatool.values.money import Unreadable, format_money, format_quantity, parse_money, parse_quantity

LONGEST_INPUT = 200
ABSENT = "Dieser Eintrag ist nicht vorhanden. Bitte aus der Liste wählen."


class TypedField(forms.Field):
    """A text input whose value is something else. Subclasses say how to read and to show it."""

    widget = forms.TextInput
    inputmode = "text"

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": self.inputmode, "autocomplete": "off", "maxlength": LONGEST_INPUT}

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        if not isinstance(value, str):
            return value
        if len(value) > LONGEST_INPUT or "\0" in value:
            raise ValidationError("Diese Eingabe ist zu lang oder enthält ein unzulässiges Zeichen.", code="unreadable")
        if not value.strip():
            return None
        try:
            return self.read(value)
        except Unreadable as reason:
            raise ValidationError(str(reason), code="unreadable") from reason

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else self.show(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True

    def read(self, text: str) -> Any:
        """Typed text → value. Raises Unreadable."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """Value → the text that reads back the same."""
        raise NotImplementedError


class NumberField(TypedField):
    """A typed number with bounds, right-aligned."""

    inputmode = "decimal"

    def __init__(
        self, *, min_value: int | None = None, max_value: int | None = None, unit: str = "", **kwargs: Any
    ) -> None:
        self.min_value, self.max_value, self.unit = min_value, max_value, unit
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "class": "input-number"}

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        if self.min_value is not None and value < self.min_value:
            raise ValidationError(f"Der Wert muss mindestens {self.show(self.min_value)} sein.", code="min_value")
        if self.max_value is not None and value > self.max_value:
            raise ValidationError(f"Der Wert darf höchstens {self.show(self.max_value)} sein.", code="max_value")


class MoneyField(NumberField):
    """Euros as typed (`12,50`) ↔ whole cents. Bounds in cents."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"unit": "€", **kwargs})

    def read(self, text: str) -> int:
        return parse_money(text)

    def show(self, value: int) -> str:
        return format_money(value, sign="")


class QuantityField(NumberField):
    """Pieces or grams as typed (`2`, `2,35`) ↔ whole thousandths. Bounds in thousandths."""

    def read(self, text: str) -> int:
        return parse_quantity(text)

    def show(self, value: int) -> str:
        return format_quantity(value)


class PermilleField(NumberField):
    """Per cent as typed (`2,5`) ↔ whole per mille (25). 0 to 100 per cent unless told otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"unit": "%", "min_value": 0, "max_value": 1000, **kwargs})

    def read(self, text: str) -> int:
        milli = parse_quantity(text.replace("%", ""))
        if milli % 100:
            raise Unreadable("Bitte höchstens eine Stelle nach dem Komma angeben, z. B. 2,5.")
        return milli // 100

    def show(self, value: int) -> str:
        return format_quantity(value * 100)


class DateField(TypedField):
    """A day as typed: 23.11.2026, 231126, 23.11., +3, heute, Mo. `past=True` for days behind us (birth)."""

    inputmode = "text"  # a numeric keyboard on a phone would hide the dot

    def __init__(self, *, past: bool = False, **kwargs: Any) -> None:
        self.past = past
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "class": "input-day", "data-day": "past" if self.past else "near"}

    def read(self, text: str) -> date:
        day = parse_day(text, today=localdate(), past=self.past)
        if self.past and day > localdate():
            raise Unreadable("Dieser Tag liegt in der Zukunft. Bitte das Jahr vierstellig angeben.")
        return day

    def show(self, value: date) -> str:
        return format_day(value)


class RecordChoiceField(forms.ModelChoiceField):
    """Choose a record of one's own laboratory. A foreign id is answered exactly like an absent one.

    The choices are only ever the laboratory's own: the database shows no others.
    """

    def __init__(self, queryset: QuerySet[Model], **kwargs: Any) -> None:
        messages = {"invalid_choice": ABSENT, **kwargs.pop("error_messages", {})}
        super().__init__(queryset, **{"empty_label": "Bitte wählen", "error_messages": messages, **kwargs})

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        key = getattr(value, "pk", value)
        try:
            key = key if isinstance(key, UUID) else UUID(str(key))
        except ValueError:
            raise ValidationError(ABSENT, code="invalid_choice") from None
        try:
            return super().to_python(key)
        except ValidationError:  # a record of another laboratory, or none: nobody can tell, here as little as there
            note_refusal("malicious_direct_reference", record=key)
            raise
