"""The worklist's filter as it stands in the address."""

from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.safestring import SafeString, mark_safe

from dentatool.kit.forms import DateField, Form, RecordChoiceField
from dentatool.orders.models import AREAS
from dentatool.orders.queries import VIEWS, Named, Wanted
from dentatool.orders.workflow import LABELS
from dentatool.practices.models import Practice


class FilterForm(Form):
    """Everything optional; the names are those of the address."""

    status = forms.ChoiceField(label="Status", required=False)
    praxis = RecordChoiceField(Practice.objects.none(), label="Praxis", required=False, empty_label="alle")
    arbeit = forms.CharField(label="Art der Arbeit", required=False, max_length=80)
    bereich = forms.ChoiceField(
        label="Bereich", required=False, choices=[("", "alle"), *((key, key) for key, _label in AREAS)]
    )
    von = DateField(label="Termin ab", required=False)
    bis = DateField(label="Termin bis", required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        choices = [*VIEWS.items(), *((state.value, label) for state, label in LABELS.items())]
        self.fields["status"].choices = [("", "offen"), *choices[1:]]
        self.fields["praxis"].queryset = Practice.objects.only("customer_number", "name").order_by("name")

    @classmethod
    def of(cls, query: QueryDict) -> "FilterForm":
        """The checked form. The worklist without a filter is opened all day: its form is made once, and nobody changes it."""
        form = cls(query) if query else cls._empty()
        form.is_valid()
        return form

    @classmethod
    @cache
    def _empty(cls) -> "FilterForm":
        return cls(QueryDict())

    def shown(self, practices: Named) -> dict[str, Any]:
        """What the filter bar's template needs, with what was typed."""
        typed = {name: str(self.data.get(name, ""))[:80] for name in self.fields}
        names = ((key, practice["name"]) for key, practice in practices.items())
        return {
            "typed": typed,
            "status_options": _options(self.fields["status"].choices, typed["status"]),
            "practice_options": _options([("", "alle"), *names], typed["praxis"]),
            "area_options": _options(self.fields["bereich"].choices, typed["bereich"]),
            "more_open": any(typed[name] for name in ("arbeit", "bereich", "von", "bis")),
        }

    def wanted(self, *, search: str, sort: str) -> Wanted:
        """The checked filter."""
        chosen = self.cleaned_data
        practice = chosen["praxis"]
        return Wanted(
            view=chosen["status"],
            practice_id=practice.pk if practice else None,
            due_from=chosen["von"],
            due_until=chosen["bis"],
            area=chosen["bereich"],
            kind=chosen["arbeit"].strip(),
            search=search,
            sort=sort,
        )


def _options(choices: Iterable[tuple[Any, Any]], chosen: str) -> SafeString:
    """Options of a select, the chosen one marked."""
    drawn = (
        f'<option value="{escape(str(key))}"{" selected" if str(key) == chosen else ""}>{escape(str(label))}</option>'
        for key, label in choices
    )
    return mark_safe("".join(drawn))  # noqa: S308 - each value is escaped above
