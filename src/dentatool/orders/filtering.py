"""The worklist's filter as it stands in the address."""

from django import forms

from dentatool.kit.forms import DateField, Form, RecordChoiceField
from dentatool.orders.models import AREAS
from dentatool.orders.queries import VIEWS, Wanted
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
        self.fields["praxis"].queryset = Practice.objects.order_by("name")

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
