"""What is typed about orders, in German words. Rules of the trade stay in the actions."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from dentatool.catalogue.models import ServiceChain
from dentatool.kit.forms import DateField, Form, ModelForm, MoneyField, QuantityField, RecordChoiceField, TeethField
from dentatool.orders.choosing import chain_named, practice_typed
from dentatool.orders.models import AREAS, Art, Care, Insurance, Order, Patient, Position
from dentatool.orders.patients import PatientFacts
from dentatool.practices.models import Dentist, Practice
from dentatool.values.money import Unreadable
from dentatool.values.order_number import LONGEST, check, normalise, parse
from dentatool.values.tooth import format_teeth, parse_teeth

VAT_CHOICES = [("", "wie üblich"), ("70", "7 %"), ("190", "19 %"), ("50", "5 %"), ("160", "16 %"), ("0", "0 %")]


class OrderNumberField(forms.CharField):
    """An Auftragsnummer as typed or scanned. Wrong ones are kept, only endless ones refused."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters", "data-order-number": ""}
        super().__init__(max_length=200, required=False, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> str:
        number = normalise(super().clean(value))
        if len(number) > LONGEST:
            raise ValidationError(str(check(number)[0]), code="too_long")  # type: ignore[index]
        return number


def _typed(**attrs: str) -> forms.TextInput:
    """A text that the browser does not fill in by itself: what was typed for the last order is wrong for this one."""
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


class IntakeForm(Form):
    """A new order, in the order in which a slip is read: number, practice, patient, work, teeth, dates."""

    order_number = OrderNumberField(label=_("Auftragsnummer"))
    practice = forms.CharField(label=_("Praxis"), max_length=200, widget=_typed(list="praxen", **{"data-practice": ""}))
    dentist = RecordChoiceField(
        Dentist.objects.filter(active=True).select_related("practice"),
        label=_("Behandler"), required=False, empty_label="ohne Angabe",
    )  # fmt: skip
    patient = forms.UUIDField(required=False, widget=forms.HiddenInput)
    patient_name = forms.CharField(
        label=_("Patient"), max_length=120, required=False, widget=_typed(**{"data-patient-name": ""})
    )
    pseudonym = forms.CharField(label=_("Patientennummer"), max_length=40, required=False, widget=_typed())
    birth_date = DateField(label=_("Geburtsdatum"), required=False, past=True)
    insurance = forms.ChoiceField(label=_("Versicherung"), choices=Insurance.choices, initial=Insurance.STATUTORY)
    work = forms.CharField(
        label=_("Art der Arbeit"), max_length=80, widget=_typed(list="arbeiten", **{"data-work": ""})
    )
    area = forms.ChoiceField(label=_("Bereich"), choices=[("", "automatisch"), *AREAS], required=False)
    care = forms.ChoiceField(label=_("Versorgungsform"), choices=Care.choices, initial=Care.REGULAR)
    teeth = TeethField(label=_("Zähne"), required=False)
    shade = forms.CharField(label=_("Zahnfarbe"), max_length=40, required=False, widget=_typed(list="farben"))
    tray = forms.CharField(label=_("Schale"), max_length=20, required=False, widget=_typed())
    shipments = forms.IntegerField(label=_("Versandgänge"), min_value=0, max_value=30, initial=1, required=False)
    received_on = DateField(label=_("Eingang"), required=False)
    due_on = DateField(label=_("Liefertermin"), required=False)
    remarks = forms.CharField(label=_("Bemerkungen"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    intake_key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    chosen: Practice | None = None
    chain: ServiceChain | None = None
    received_for_due: date | None = None  # the day of receipt that followed an earlier day of delivery
    pseudonym_taken = ""  # the Patientennummer that came from the Auftragsnummer, since the field was empty

    def clean_practice(self) -> str:
        self.chosen = practice_typed(self.cleaned_data["practice"])
        return self.cleaned_data["practice"]

    def clean_work(self) -> str:
        self.chain = chain_named(self.cleaned_data["work"])
        return self.chain.name if self.chain else self.cleaned_data["work"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        dentist = cleaned.get("dentist")
        if dentist and self.chosen and dentist.practice_id != self.chosen.pk:
            self.add_error("dentist", "Dieser Behandler gehört zu einer anderen Praxis. Bitte einen der Praxis wählen.")
        self._receive()
        self._take_pseudonym()
        if cleaned.get("patient_name") and self.chosen and self.chosen.no_names:
            self.add_error(
                "patient_name",
                "Diese Praxis möchte keine Patientennamen im Labor. Bitte nur die Patientennummer angeben.",
            )
        return cleaned

    def _take_pseudonym(self) -> None:
        """The page fills the number in while one types; who is faster than its answer gets it from here."""
        number = parse(self.cleaned_data.get("order_number", ""))
        if number and self.cleaned_data.get("pseudonym") == "":
            self.cleaned_data["pseudonym"] = self.pseudonym_taken = number.pseudonym

    def _receive(self) -> None:
        """Today is only proposed as the day of receipt: work written down afterwards came by its day of delivery."""
        if {"received_on", "due_on"} & set(self.errors):
            return
        today, due = localdate(), self.cleaned_data.get("due_on")
        received = self.cleaned_data.get("received_on") or today
        if due and due < received:
            if received == today:
                received, self.received_for_due = due, due
            else:
                self.add_error("due_on", "Der Liefertermin liegt vor dem Eingang. Bitte eines der Daten ändern.")
        self.cleaned_data["received_on"] = received


class OrderForm(ModelForm):
    """Changing an order. Once it is billed, only what does not touch the invoice."""

    received_for_due: date | None = None  # the day of receipt that followed an earlier day of delivery

    order_number = OrderNumberField(label=_("Auftragsnummer"))
    dentist = RecordChoiceField(Dentist.objects.none(), label=_("Behandler"), required=False)
    teeth = TeethField(label=_("Zähne"), required=False)
    patient_name = forms.CharField(label=_("Patient"), max_length=120, required=False)
    pseudonym = forms.CharField(label=_("Patientennummer"), max_length=40, required=False)
    received_on = DateField(label=_("Eingang"))
    due_on = DateField(label=_("Liefertermin"), required=False)
    delivered_on = DateField(label=_("Geliefert am"), required=False)
    remarks = forms.CharField(label=_("Bemerkungen"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Order
        fields = [
            *("order_number", "dentist", "kind", "area", "care", "teeth", "shade", "tray"),
            *("received_on", "due_on", "delivered_on", "remarks"),
        ]

    def __init__(self, *args: Any, settled_fields: frozenset[str] = frozenset(), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.is_settled:
            for name in set(self.fields) - settled_fields - {"version"}:
                del self.fields[name]
            return
        self.fields["dentist"].queryset = Dentist.objects.filter(practice_id=self.instance.practice_id)
        if self.instance.patient_id:  # whom an order is for is named once; corrections are made on the patient's card
            del self.fields["patient_name"], self.fields["pseudonym"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        received, due = cleaned.get("received_on"), cleaned.get("due_on")
        if received and due and due < received:
            if "received_on" not in self.changed_data and received == localdate(self.instance.created_at):
                cleaned["received_on"] = self.received_for_due = (
                    due  # was only proposed when the order was written down
                )
            else:
                self.add_error("due_on", "Der Liefertermin liegt vor dem Eingang. Bitte eines der Daten ändern.")
        return cleaned

    def changes(self) -> dict[str, Any]:
        """The changed columns of the order; teeth and patient travel apart."""
        apart = ("teeth", "version", "patient_name", "pseudonym")
        names = [*self.changed_data, *(["received_on"] if self.received_for_due else [])]
        return {name: self.cleaned_data[name] for name in names if name not in apart}

    def patient_facts(self) -> PatientFacts:
        """What was typed about a patient whom the order lacked so far."""
        return PatientFacts(
            name=self.cleaned_data.get("patient_name", ""), pseudonym=self.cleaned_data.get("pseudonym", "")
        )


class PositionForm(Form):
    """One line. The number alone is enough: text, price and tax then come from the lists."""

    number = forms.CharField(label=_("Nummer"), max_length=20, required=False)
    art = forms.ChoiceField(label=_("Art"), choices=[("", "automatisch"), *Art.choices], required=False)
    text = forms.CharField(label=_("Text"), max_length=120, required=False)
    quantity_milli = QuantityField(label=_("Menge"), required=False, min_value=0)
    price_cents = MoneyField(label=_("Einzelpreis"), required=False, min_value=0, max_value=99_999_999)
    vat_permille = forms.ChoiceField(label=_("MwSt."), choices=VAT_CHOICES, required=False)
    tooth = forms.CharField(label=_("Zahn"), max_length=60, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"
        self.fields["number"].widget.attrs.update({"data-number": "", "list": "leistungen"})

    def clean_tooth(self) -> str:
        try:
            return format_teeth(parse_teeth(self.cleaned_data["tooth"]))
        except Unreadable as reason:
            raise ValidationError(str(reason), code="unreadable") from reason


class StoredPositionForm(PositionForm):
    """A line that is there already, with the version that the person saw."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, position: Position) -> "StoredPositionForm":
        """The form filled with a stored line."""
        names = ("number", "art", "text", "quantity_milli", "tooth")
        stored = {name: getattr(position, name) for name in names}
        shows_price = position.manual or position.art != Art.BEL
        stored["price_cents"] = position.price_cents if shows_price else None
        stored["vat_permille"], stored["version"] = str(position.vat_permille), position.version
        return cls(initial=stored)


class OverrideForm(Form):
    """Why a wrong Auftragsnummer may pass."""

    reason = forms.CharField(label=_("Grund"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class StepForm(Form):
    """Which state, and why."""

    to = forms.CharField(max_length=16)
    on = DateField(label=_("Geliefert am"), required=False)
    reason = forms.CharField(max_length=500, required=False)


class ChainForm(Form):
    """A service chain for an existing order; its variables are added as fields by the view."""

    chain = RecordChoiceField(ServiceChain.objects.none(), label=_("Leistungskette"))

    def __init__(self, *args: Any, variables: dict[str, tuple[str, int]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["chain"].queryset = ServiceChain.objects.filter(active=True)
        for name, (label, count) in variables.items():
            self.fields[name] = forms.IntegerField(
                label=label, min_value=0, max_value=99, initial=count, required=False
            )
        self._speak_german()
        self.names = tuple(variables)

    def variables(self) -> dict[str, int]:
        return {name: self.cleaned_data.get(name) or 0 for name in self.names}


class PatientForm(ModelForm):
    """A patient's card. A practice that wants no names gets none stored."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    birth_date = DateField(label=_("Geburtsdatum"), required=False, past=True)
    allergies = forms.CharField(
        label=_("Allergien und Materialausschlüsse"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    remarks = forms.CharField(label=_("Bemerkungen"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Patient
        fields = ["practice", "pseudonym", "name", "birth_date", "insurance", "allergies", "remarks"]
        field_classes = {"practice": RecordChoiceField}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        practice = cleaned.get("practice")
        if not (cleaned.get("name") or cleaned.get("pseudonym")):
            self.add_error("pseudonym", "Bitte die Patientennummer der Praxis oder den Namen angeben.")
        if practice and practice.no_names and cleaned.get("name"):
            self.add_error("name", "Diese Praxis möchte keine Patientennamen im Labor. Bitte nur die Nummer angeben.")
        return cleaned
