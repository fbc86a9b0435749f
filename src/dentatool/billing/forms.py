"""What is typed about invoices, in German words. Rules of the trade stay in the actions."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from dentatool.billing.models import Art, Invoice, InvoiceLine
from dentatool.billing.queries import STATES
from dentatool.catalogue import bel
from dentatool.kit.forms import Form, MoneyField, PermilleField, QuantityField
from dentatool.values.money import format_permille, vat_rate

BLANK_ROWS = 3
MOST_ROWS = 250  # what one form may carry; an order of a dental laboratory has some twenty lines
FIELDS = ("art", "number", "text", "tooth", "quantity_milli", "price_cents", "vat_permille")


class LineForm(Form):
    """One line of a draft. An empty row counts for nothing."""

    art = forms.ChoiceField(label=_("Art"), choices=Art.choices, initial=Art.BEL)
    number = forms.CharField(label=_("Nummer"), max_length=20, required=False)
    text = forms.CharField(label=_("Leistung"), max_length=120, required=False)
    tooth = forms.CharField(label=_("Zahn"), max_length=60, required=False)
    quantity_milli = QuantityField(label=_("Menge"), required=False, min_value=-999_999, max_value=999_999)
    price_cents = MoneyField(label=_("Einzelpreis"), required=False, min_value=-99_999_999, max_value=99_999_999)
    vat_permille = forms.TypedChoiceField(label=_("MwSt."), coerce=int, choices=[])
    remove = forms.BooleanField(label=_("Entfernen"), required=False)

    def __init__(self, *args: Any, rates: Sequence[int], rank: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rank = rank
        self.fields["vat_permille"].choices = [(rate, format_permille(rate)) for rate in rates]  # type: ignore[attr-defined]
        for name, bound in self.fields.items():
            bound.widget.attrs["aria-label"] = f"Zeile {rank}: {bound.label}"
            if name in ("number", "text", "tooth"):
                bound.widget.attrs["autocomplete"] = "off"

    @property
    def is_blank(self) -> bool:
        """Nothing typed that makes a line: neither number nor text nor price."""
        return not any(str(self[name].value() or "").strip() for name in ("number", "text", "price_cents"))

    @property
    def is_counted(self) -> bool:
        return not self.is_blank and not self.cleaned_data.get("remove")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_blank or cleaned.get("remove"):
            return cleaned
        if cleaned.get("art") == Art.BEL:
            self._clean_bel(cleaned)
        elif not cleaned.get("text"):
            self.add_error("text", f"Zeile {self.rank}: Bitte einen Text angeben.")
        if cleaned.get("quantity_milli") is None and "quantity_milli" not in self.errors:
            cleaned["quantity_milli"] = 0 if cleaned.get("art") == Art.TEXT else 1000
        if cleaned.get("price_cents") is None and cleaned.get("art") != Art.BEL:
            cleaned["price_cents"] = 0
        return cleaned

    def _clean_bel(self, cleaned: dict[str, Any]) -> None:
        number = bel.normalise_number(cleaned.get("number", ""))
        if number is None:
            typed = cleaned.get("number", "")[:20]
            self.add_error(
                "number", f"Zeile {self.rank}: „{typed}“ ist keine BEL-Nummer. Bitte vier Ziffern angeben, z. B. 0010."
            )
            return
        cleaned["number"] = number
        cleaned["text"] = cleaned.get("text") or bel.short_text(number)

    def has_errors(self) -> bool:
        return bool(self.errors) and not self.is_blank


class LinesForm:
    """All lines of a draft and the version that was shown, so that two people do not overwrite each other unseen."""

    def __init__(self, draft: Invoice, lines: Sequence[InvoiceLine], data: Mapping[str, Any] | None = None) -> None:
        self.draft, self.data = draft, data
        self.version = _number(data, "version", draft.version)
        count = _number(data, "zeilen", len(lines) + BLANK_ROWS)
        if data is not None and not len(lines) <= count <= MOST_ROWS:
            raise ValidationError(f"Das Formular ist unvollständig oder hat mehr als {MOST_ROWS} Zeilen.")
        rates = rates_offered(draft, lines)
        shown: list[InvoiceLine | None] = [*lines, *[None] * max(0, count - len(lines))]
        self.rows = [
            LineForm(data, prefix=f"z{place}", rank=place, rates=rates, initial=_initial(line, draft))
            for place, line in enumerate(shown[:count], start=1)
        ]
        self.at_large: list[str] = []

    @property
    def count(self) -> int:
        return len(self.rows)

    def is_valid(self) -> bool:
        """Whether every row that is not empty can be read."""
        bad = [row for row in self.rows if not row.is_valid() and not row.is_blank]
        return not bad and not self.at_large

    @property
    def errors(self) -> bool:
        """For the page's title: whether anything was wrong."""
        return bool(self.at_large or self.found)

    @property
    def found(self) -> list[dict[str, str]]:
        """The errors for the summary: where and what."""
        if self.data is None:
            return []
        return [
            {
                "target": row[name].id_for_label,
                "text": text if text.startswith("Zeile") else f"Zeile {row.rank}: {text}",
            }
            for row in self.rows
            if not row.is_blank
            for name, texts in row.errors.items()
            for text in texts
        ]

    def typed_rows(self) -> list[dict[str, Any]]:
        """The rows to store, in order. Only after is_valid()."""
        return [
            {"place": row.rank - 1, **{name: row.cleaned_data[name] for name in FIELDS if name in row.cleaned_data}}
            for row in self.rows
            if row.is_counted
        ]


def rates_offered(draft: Invoice, lines: Sequence[InvoiceLine]) -> list[int]:
    """Tax rates in per mille: those of the day of delivery, the practice's own, and what the lines have already."""
    day = draft.delivered_on or localdate()
    usual = [vat_rate(kind, day) for kind in ("reduced", "standard", "none")]
    own = draft.practice.vat_override_permille
    return list(dict.fromkeys([*usual, *([own] if own is not None else []), *(line.vat_permille for line in lines)]))


def is_editable(lines: Sequence[InvoiceLine]) -> bool:
    """Whether the form can carry the draft: one with more lines is changed at the order and fetched anew."""
    return len(lines) + BLANK_ROWS <= MOST_ROWS


class DiscountForm(Form):
    """A percentage off the private services."""

    permille = PermilleField(label=_("Nachlass auf Privatleistungen"), min_value=1)


class ReasonForm(Form):
    """Why an invoice is cancelled; it stands on the document."""

    reason = forms.CharField(label=_("Grund des Stornos"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ListFilter(Form):
    """What to look for among the invoices. Everything optional."""

    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", "alle"), *STATES.items()])
    praxis = forms.ChoiceField(label=_("Praxis"), required=False)
    monat = forms.ChoiceField(label=_("Monat"), required=False)

    def __init__(self, data: Any, *, practices: Sequence[tuple[UUID, str]], months: Sequence[date]) -> None:
        super().__init__(data)
        self.fields["praxis"].choices = [("", "alle"), *((str(key), name) for key, name in practices)]  # type: ignore[attr-defined]
        self.fields["monat"].choices = [
            ("", "alle"),
            *((f"{day:%Y-%m}", f"{_MONTHS[day.month - 1]} {day.year}") for day in months),
        ]  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """The filter as `queries.listed` takes it."""
        month = self.cleaned_data.get("monat")
        return {
            "state": self.cleaned_data.get("status", ""),
            "practice": UUID(self.cleaned_data["praxis"]) if self.cleaned_data.get("praxis") else None,
            "month": date.fromisoformat(f"{month}-01") if month else None,
        }


_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)


def _initial(line: InvoiceLine | None, draft: Invoice) -> dict[str, Any]:
    if line is not None:
        return {name: getattr(line, name) for name in FIELDS}
    rates = rates_offered(draft, ())
    own = draft.practice.vat_override_permille
    return {"art": Art.BEL, "vat_permille": rates[0] if own is None else own}


def _number(data: Mapping[str, Any] | None, name: str, otherwise: int) -> int:
    if data is None:
        return otherwise
    typed = str(data.get(name, ""))
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 9):
        raise ValidationError("Das Formular ist unvollständig.")
    return int(typed)
