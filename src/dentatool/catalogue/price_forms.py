"""The form of a price import. The file travels along in the page until it is saved: nothing is asked for twice."""

import base64
import binascii
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dentatool.catalogue.models import PriceList
from dentatool.catalogue.price_file import MOST_BYTES, PriceFile, PriceFileError, read_price_file
from dentatool.kit.forms import DateField, Form, ModelForm
from dentatool.team.models import LaboratoryType, Region
from dentatool.values.days import format_day

TOO_LARGE = f"Die Datei ist größer als {MOST_BYTES // 1000} kB. Eine Preisliste hat etwa 20 kB."
LONGEST_NAME = 200


class ImportForm(Form):
    """A price file, and what it may not say itself. `found` is the file once it could be read."""

    file = forms.FileField(
        label="Preisdatei der KZV",
        required=False,
        allow_empty_file=True,
        help_text="CSV, wie die KZV sie veröffentlicht, zum Beispiel 11la0126.csv.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt"}),
    )
    region = forms.ChoiceField(
        label="Abrechnungsbereich", choices=[("", "Bitte wählen"), *Region.choices], required=False
    )
    lab_type = forms.ChoiceField(label="Art des Labors", choices=LaboratoryType.choices)
    valid_from = DateField(label="Gültig ab", required=False)
    held_name = forms.CharField(widget=forms.HiddenInput, required=False, max_length=LONGEST_NAME)
    held_content = forms.CharField(widget=forms.HiddenInput, required=False, max_length=MOST_BYTES * 4 // 3 + 4)

    found: PriceFile | None = None

    def clean(self) -> dict[str, Any]:
        """Read the file; what it says itself fills the empty fields, what nobody says is asked for."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._read(cleaned)
        if self.found is None:
            return cleaned
        self._fill("region", self.found.region, "Der Dateiname nennt keine KZV. Bitte den Abrechnungsbereich wählen.")
        self._fill(
            "valid_from",
            self.found.valid_from,
            "Der Dateiname nennt kein Datum. Bitte angeben, ab wann die Preise gelten.",
        )
        if cleaned.get("lab_type") and not self.found.prices[cleaned["lab_type"]]:
            self.add_error("lab_type", "Die Datei enthält keine Preise für diese Art von Labor.")
        return cleaned

    def _read(self, cleaned: dict[str, Any]) -> None:
        upload = cleaned.get("file")
        if "file" in self.errors:
            return
        try:
            if upload is not None:
                if upload.size > MOST_BYTES:
                    raise ValidationError(TOO_LARGE)
                name, data = upload.name[-LONGEST_NAME:], upload.read()
            elif cleaned.get("held_content"):
                name, data = cleaned.get("held_name") or "", base64.b64decode(cleaned["held_content"], validate=True)
            else:
                raise ValidationError("Bitte eine Datei wählen.")
            self.found = read_price_file(name, data)
        except (PriceFileError, ValidationError) as reason:
            self.add_error("file", reason.messages[0] if isinstance(reason, ValidationError) else str(reason))
        except (binascii.Error, ValueError):
            self.add_error("file", "Die eingelesene Datei ist unterwegs verloren gegangen. Bitte noch einmal wählen.")
        else:
            self._hold(name, data)

    def _hold(self, name: str, data: bytes) -> None:
        """Let the page carry the file, whatever else is wrong with the form, and ask for the rest in earnest."""
        self.fields["region"].required = self.fields["valid_from"].required = True
        self.data = self.data.copy()
        self.data["held_name"] = name
        self.data["held_content"] = base64.b64encode(data).decode("ascii")

    def _fill(self, name: str, value: Any, otherwise: str) -> None:
        if name in self.errors or self.cleaned_data.get(name):
            return
        if value is None:
            self.add_error(name, otherwise)
            return
        self.cleaned_data[name] = value
        self.data[name] = value if isinstance(value, str) else format_day(value)


class DraftForm(ModelForm):
    """What may still be put right on a draft."""

    class Meta:
        model = PriceList
        fields = ["name", "valid_from"]
