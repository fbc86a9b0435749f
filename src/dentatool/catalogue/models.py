"""What things cost: BEL price lists, the laboratory's own articles, and service chains."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dentatool.protection.tenancy import Record

NO_PERSON = "Name einer Liste oder Leistung, keine Person"


class PriceList(Record):
    """One imported list of BEL II maximum prices for a region and kind of laboratory."""

    class Kind(models.TextChoices):
        BEL = "BEL", _("BEL II")

    class State(models.TextChoices):
        DRAFT = "draft", _("Entwurf")
        ACTIVE = "active", _("In Kraft")
        WITHDRAWN = "withdrawn", _("Zurückgezogen")

    name = models.CharField(_("Bezeichnung"), max_length=80)
    region = models.CharField(_("Abrechnungsbereich"), max_length=3)
    lab_type = models.CharField(_("Art des Labors"), max_length=10)
    kind = models.CharField(_("Art der Liste"), max_length=10, choices=Kind, default=Kind.BEL)
    valid_from = models.DateField(_("Gültig ab"))
    state = models.CharField(_("Zustand"), max_length=10, choices=State, default=State.DRAFT)
    source_name = models.CharField(_("Quelldatei"), max_length=120, blank=True)
    source_sha256 = models.CharField(_("Prüfsumme der Quelle"), max_length=64, blank=True)
    report = models.TextField(_("Bericht zur Quelle"), blank=True)

    not_sealed: ClassVar[dict[str, str]] = {"name": NO_PERSON, "source_name": "Name einer Preisdatei, keine Person"}

    class Meta:
        verbose_name, verbose_name_plural = _("Preisliste"), _("Preislisten")
        ordering = ["-valid_from", "region", "lab_type"]
        constraints = [
            models.UniqueConstraint(
                fields=["lab_id", "kind", "region", "lab_type", "valid_from"],
                condition=Q(state="active"),
                name="one_active_list_per_day",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Price(Record):
    """The price of one BEL number in a list; area "" means every area."""

    price_list = models.ForeignKey(PriceList, models.CASCADE, verbose_name=_("Preisliste"), related_name="prices")
    number = models.CharField(_("BEL-Nummer"), max_length=4)
    area = models.CharField(_("Bereich"), max_length=3, blank=True)
    cents = models.PositiveIntegerField(_("Preis in Cent"))

    class Meta:
        verbose_name, verbose_name_plural = _("Preis"), _("Preise")
        ordering = ["number", "area"]
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "price_list", "number", "area"], name="price_once_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.cents}"


class Art(models.TextChoices):
    """Kinds of article besides BEL (schema 4.5)."""

    NBL = "NBL", _("Eigene Leistung")
    EDM = "EDM", _("Edelmetall, Legierung")
    MAT = "MAT", _("Material")


class Article(Record):
    """An own service, alloy or material with the laboratory's own price."""

    art = models.CharField(_("Art"), max_length=3, choices=Art)
    number = models.CharField(_("Nummer"), max_length=20)
    text = models.CharField(_("Bezeichnung"), max_length=60)
    unit = models.CharField(_("Einheit"), max_length=10, default="Stück")
    price_cents = models.PositiveIntegerField(_("Preis"))
    vat_permille = models.PositiveSmallIntegerField(_("Umsatzsteuer in Promille"), default=70)
    active = models.BooleanField(_("Aktiv"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("Leistung"), _("Leistungen")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["lab_id", "number"],
                name="article_number_once",
                violation_error_message=_("Diese Nummer gibt es schon."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.text}"


class ServiceChain(Record):
    """A kind of work and what is usually billed for it (Leistungskette)."""

    name = models.CharField(_("Bezeichnung"), max_length=80)
    area = models.CharField(
        _("Bereich"), max_length=3, choices=[("ZE", "ZE"), ("KB", "KB"), ("KFO", "KFO")], default="ZE"
    )
    active = models.BooleanField(_("Aktiv"), default=True)

    not_sealed: ClassVar[dict[str, str]] = {"name": NO_PERSON}
    known_lines: Sequence[Any] | None = None  # fetched with the chain

    class Meta:
        verbose_name, verbose_name_plural = _("Leistungskette"), _("Leistungsketten")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["lab_id", "name"],
                name="chain_name_once",
                violation_error_message=_("Eine Kette mit diesem Namen gibt es schon."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class ChainLine(Record):
    """One line of a chain: what, and how much of it as a formula over the order's teeth."""

    chain = models.ForeignKey(ServiceChain, models.CASCADE, verbose_name=_("Leistungskette"), related_name="lines")
    rank = models.PositiveSmallIntegerField(_("Reihe"))
    art = models.CharField(_("Art"), max_length=4, default="BEL")
    number = models.CharField(_("Nummer"), max_length=20, blank=True)
    article = models.ForeignKey(Article, models.PROTECT, null=True, blank=True, verbose_name=_("Leistung"))
    text = models.CharField(_("Bezeichnung"), max_length=60, blank=True)
    formula = models.CharField(_("Menge"), max_length=80, default="1")

    class Meta:
        verbose_name, verbose_name_plural = _("Zeile der Leistungskette"), _("Zeilen der Leistungskette")
        ordering = ["rank"]

    def __str__(self) -> str:
        return f"{self.number or self.text} × {self.formula}"
