"""Two people changed one record: what each of them has, side by side."""

from dataclasses import dataclass
from typing import Any

from dentatool.kit.forms import ModelForm
from dentatool.kit.lists import shown
from dentatool.protection.tenancy import Record


@dataclass(frozen=True)
class Difference:
    """A field whose stored value is not the one typed."""

    label: str
    stored: Any
    typed: Any


def both_values(form: ModelForm, stored: Record) -> list[Difference]:
    """Each field in which the typed form differs from what is stored now."""
    current = type(form)(instance=stored)
    found = []
    for bound in form.visible_fields():
        theirs, mine = current[bound.name].value(), bound.value()
        if _text(theirs) != _text(mine):
            found.append(
                Difference(str(bound.label), _readable(form, bound.name, theirs), _readable(form, bound.name, mine))
            )
    return found


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    return "True" if value is True or value == "on" else str(value)


def _readable(form: ModelForm, name: str, value: Any) -> Any:
    """A choice's label instead of its key; everything else as shown in lists."""
    choices = getattr(form.fields[name], "choices", None)
    if choices is not None:
        for key, label in choices:
            if str(key) == str(value):
                return label
    return shown({"on": True}.get(value, value) if isinstance(value, str) else value, name)
