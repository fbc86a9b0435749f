"""Forms of practices, their dentists and location numbers."""

from django import forms

from dentatool.kit.forms import ModelForm
from dentatool.practices.models import Dentist, KnownLocation, Practice


class PracticeForm(ModelForm):
    """Everything about a practice. Number and name are enough to begin."""

    class Meta:
        model = Practice
        fields = [
            "customer_number",
            "name",
            "street",
            "postcode",
            "city",
            "phone",
            "email",
            "payment_days",
            "skonto_permille",
            "skonto_days",
            "vat_override_permille",
            "price_region",
            "xml_version",
            "xml_reduced",
            "no_names",
            "remarks",
            "active",
        ]
        widgets = {"remarks": forms.Textarea(attrs={"rows": 3})}


class DentistForm(ModelForm):
    """A dentist of the practice whose page this is."""

    class Meta:
        model = Dentist
        fields = ["title", "first_name", "last_name", "active"]


class LocationForm(ModelForm):
    """A Standortnummer typed by hand; usually they are learnt from order numbers."""

    class Meta:
        model = KnownLocation
        fields = ["number"]
