"""Forms of articles and service chains."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy

from dentatool.catalogue import formula
from dentatool.catalogue.bel import normalise_number, printed_number, short_text
from dentatool.catalogue.models import Article, ChainLine, ServiceChain
from dentatool.kit.forms import ModelForm

MOST_CENTS = 999_999  # an Einzelpreis of the Laborabrechnungsdaten has six digits
LAST_RANK = 999


class ArticleForm(ModelForm):
    """An own service, alloy or material."""

    class Meta:
        model = Article
        fields = ["art", "number", "text", "unit", "price_cents", "vat_permille", "active"]

    def clean_number(self) -> str:
        """BEL numbers keep their meaning: an own number must not look like one."""
        number: str = self.cleaned_data["number"]
        if bel := normalise_number(number):
            raise ValidationError(
                f"{number} ist die BEL-Nummer „{short_text(bel)}“. Bitte eine andere Nummer wählen, zum Beispiel P{number}."
            )
        return number

    def clean_price_cents(self) -> int:
        """At most what the file for the practice can hold."""
        cents: int = self.cleaned_data["price_cents"]
        if cents > MOST_CENTS:
            raise ValidationError("Der Preis darf höchstens 9.999,99 € sein; mehr nimmt die Praxissoftware nicht an.")
        return cents


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
        fields = ["formula", "rank"]
        widgets = {
            "formula": forms.TextInput(
                attrs={
                    "autocomplete": "off",
                    "spellcheck": "false",
                    "hx-get": reverse_lazy("formula_check"),
                    "hx-trigger": "input changed delay:200ms",
                    "hx-target": "#formel",
                    "hx-swap": "outerHTML",
                }
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line = self.instance
        if line.number:
            self.initial["item"] = printed_number(line.number) if line.art == "BEL" else line.number
        self.order_fields(["item", "formula", "rank"])

    def clean_rank(self) -> int:
        """The place in the chain; lines of one rank keep the order in which they came."""
        rank: int = self.cleaned_data["rank"]
        if not 1 <= rank <= LAST_RANK:
            raise ValidationError(f"Bitte eine Zahl von 1 bis {LAST_RANK} eingeben.")
        return rank

    def clean_item(self) -> str:
        """Find out what the number means."""
        typed: str = self.cleaned_data["item"].strip()
        if number := normalise_number(typed):
            self.instance.art, self.instance.number, self.instance.article = "BEL", number, None
            self.instance.text = ""
            return number
        article = Article.objects.filter(number__iexact=typed).order_by("id").first()
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
