"""The laboratory's own particulars."""

import re

from django.core.exceptions import ValidationError

from dentatool.kit.forms import ModelForm
from dentatool.team.models import LaboratoryProfile

_FORMAT = re.compile(r"\A(?:[A-Za-z0-9._:-]|\{year\}|\{number(?::0[1-9])?\})+\Z")
LONGEST_NUMBER = 30


class ProfileForm(ModelForm):
    """What stands on documents and decides prices."""

    class Meta:
        model = LaboratoryProfile
        fields = [
            "name",
            "street",
            "postcode",
            "city",
            "phone",
            "email",
            "region",
            "place",
            "lab_type",
            "tax_number",
            "vat_id",
            "bank",
            "iban",
            "bic",
            "invoice_format",
        ]

    def clean_place(self) -> str:
        """A German place begins with D- in the XML (schema 4.5); what is not the city may be a foreign country."""
        place: str = self.cleaned_data["place"].strip()
        city = (self.cleaned_data.get("city") or "").strip()
        return f"D-{place}" if place.casefold() == city.casefold() else place

    def clean_iban(self) -> str:
        """Checked by its own check digits (ISO 13616, modulo 97)."""
        iban = re.sub(r"\s", "", self.cleaned_data["iban"]).upper()
        if iban and not _iban_is_right(iban):
            raise ValidationError("Diese IBAN ist nicht richtig. Bitte prüfen Sie die Ziffern.")
        return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))

    def clean_invoice_format(self) -> str:
        """Must yield a different text for every number, short enough for the XML."""
        chosen: str = self.cleaned_data["invoice_format"].strip()
        # Only these two places, with a bounded width: a free format could ask for a text of a gigabyte.
        if not _FORMAT.match(chosen):
            raise ValidationError(
                "Erlaubt sind Buchstaben, Ziffern, . _ : - sowie {year} und {number} oder {number:06}."
            )
        if "{year}" not in chosen or "{number" not in chosen:
            raise ValidationError("Bitte {year} und {number} verwenden, zum Beispiel RE-{year}-{number:06}.")
        if len(chosen.format(year=2026, number=999_999)) > LONGEST_NUMBER:
            raise ValidationError(f"Die Rechnungsnummer darf höchstens {LONGEST_NUMBER} Zeichen lang sein.")
        return chosen


def _iban_is_right(iban: str) -> bool:
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban):
        return False
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1
