"""Forms of price lists, articles and service chains."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dentatool.catalogue import formula
from dentatool.catalogue.bel import normalise_number, short_text
from dentatool.catalogue.models import Article, ChainLine, PriceList, ServiceChain
from dentatool.catalogue.price_file import MOST_BYTES, PriceFileError, read_price_file
from dentatool.kit.forms import DateField, Form, ModelForm
from dentatool.team.models import LaboratoryType, Region


class ImportForm(Form):
    """A price file, and what it does not say itself."""

    file = forms.FileField(
        label="Preisdatei der KZV",
        help_text="CSV, wie die KZV sie veröffentlicht, zum Beispiel 11la0126.csv.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt"}),
    )
    region = forms.ChoiceField(label="Abrechnungsbereich", choices=[("", "wie im Dateinamen"), *Region.choices], required=False)
    lab_type = forms.ChoiceField(label="Art des Labors", choices=LaboratoryType.choices)
    valid_from = DateField(label="Gültig ab", required=False, help_text="Leer: wie im Dateinamen.")

    def clean_file(self) -> Any:
        """Read the file here, so that its faults stand at the field."""
        upload = self.cleaned_data["file"]
        if upload.size > MOST_BYTES:
            raise ValidationError(f"Die Datei ist größer als {MOST_BYTES // 1000} kB. Eine Preisliste hat etwa 20 kB.")
        try:
            return read_price_file(upload.name, upload.read())
        except PriceFileError as reason:
            raise ValidationError(str(reason)) from reason

    def clean(self) -> dict[str, Any]:
        """Region and day come from the file's name, unless they are typed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if (found := cleaned.get("file")) is None:
            return cleaned
        cleaned["region"] = cleaned.get("region") or found.region
        if not cleaned["region"]:
            self.add_error("region", "Der Dateiname nennt keine KZV. Bitte den Abrechnungsbereich wählen.")
        if "valid_from" not in self.errors:
            cleaned["valid_from"] = cleaned.get("valid_from") or found.valid_from
            if not cleaned["valid_from"]:
                self.add_error("valid_from", "Der Dateiname nennt kein Datum. Bitte angeben, ab wann die Preise gelten.")
        if cleaned.get("lab_type") and not found.prices[cleaned["lab_type"]]:
            self.add_error("lab_type", "Die Datei enthält keine Preise für diese Art von Labor.")
        return cleaned


class DraftForm(ModelForm):
    """What may still be put right on a draft."""

    class Meta:
        model = PriceList
        fields = ["name", "valid_from"]


class ArticleForm(ModelForm):
    """An own service, alloy or material."""

    class Meta:
        model = Article
        fields = ["art", "number", "text", "unit", "price_cents", "vat_permille", "active"]


class ChainForm(ModelForm):
    """A service chain without its lines."""

    class Meta:
        model = ServiceChain
        fields = ["name", "area", "active"]


class ChainLineForm(ModelForm):
    """One line: a BEL number or one of the laboratory's own, and how much of it."""

    item = forms.CharField(label="BEL-Nummer oder eigene Nummer", max_length=20)

    class Meta:
        model = ChainLine
        fields = ["formula"]

    def clean_item(self) -> str:
        """Find out what the number means."""
        typed: str = self.cleaned_data["item"].strip()
        if number := normalise_number(typed):
            self.instance.art, self.instance.number, self.instance.article = "BEL", number, None
            self.instance.text = ""
            return number
        article = Article.objects.filter(number__iexact=typed).first()
        if article is None:
            raise ValidationError(f"„{typed}“ ist weder eine BEL-Nummer noch eine eigene Leistung.")
        self.instance.art, self.instance.number = article.art, article.number
        self.instance.article, self.instance.text = article, article.text
        return article.number

    def clean_formula(self) -> str:
        """Read the formula once with every count at one."""
        typed: str = self.cleaned_data["formula"].strip()
        try:
            formula.check(typed)
        except formula.FormulaError as reason:
            raise ValidationError(str(reason)) from reason
        return typed


def shown_text(line: ChainLine) -> str:
    """Text of a chain's line as the official list or the article has it."""
    return line.text or short_text(line.number) or ""
