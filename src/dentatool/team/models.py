"""The laboratory's own particulars: what stands on its documents and decides its prices."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from dentatool.protection.tenancy import Record
from dentatool.team.reviews.models import AccessReview, ReviewItem
from dentatool.team.trail.models import TrailExport, TrailExportPart, TrailReading

__all__ = [
    "AccessReview",
    "LaboratoryProfile",
    "LaboratoryType",
    "Region",
    "ReviewItem",
    "TrailExport",
    "TrailExportPart",
    "TrailReading",
]

BUSINESS = "Geschäftsangabe des Labors selbst, kein Patient"


class Region(models.TextChoices):
    """Abrechnungsbereich: the seat of the laboratory (schema 4.5)."""

    BE = "BE", "Berlin"
    BBG = "BBG", "Brandenburg"
    BW = "BW", "Baden-Württemberg"
    BY = "BY", "Bayern"
    HB = "HB", "Bremen"
    HH = "HH", "Hamburg"
    HS = "HS", "Hessen"
    MVO = "MVO", "Mecklenburg-Vorpommern"
    NR = "NR", "Nordrhein"
    NS = "NS", "Niedersachsen"
    RP = "RP", "Rheinland-Pfalz"
    SAA = "SAA", "Saarland"
    SA = "SA", "Sachsen"
    SAN = "SAN", "Sachsen-Anhalt"
    SH = "SH", "Schleswig-Holstein"
    TH = "TH", "Thüringen"
    WL = "WL", "Westfalen-Lippe"


class LaboratoryType(models.TextChoices):
    """Who runs the laboratory; decides which of the two price columns applies (BEL II § 3)."""

    COMMERCIAL = "gewerbe", _("Gewerbliches Labor")
    PRACTICE = "praxis", _("Praxislabor")


class LaboratoryProfile(Record):
    """One row per laboratory."""

    name = models.CharField(_("Labor"), max_length=120)
    street = models.CharField(_("Straße und Hausnummer"), max_length=120, blank=True)
    postcode = models.CharField(_("Postleitzahl"), max_length=10, blank=True)
    city = models.CharField(_("Ort"), max_length=80, blank=True)
    phone = models.CharField(_("Telefon"), max_length=40, blank=True)
    email = models.EmailField(_("E-Mail"), blank=True)
    tax_number = models.CharField(_("Steuernummer"), max_length=30, blank=True)
    vat_id = models.CharField(_("USt-IdNr."), max_length=20, blank=True)
    iban = models.CharField(_("IBAN"), max_length=42, blank=True)
    bic = models.CharField(_("BIC"), max_length=11, blank=True)
    bank = models.CharField(_("Bank"), max_length=80, blank=True)
    region = models.CharField(_("Abrechnungsbereich"), max_length=3, choices=Region)
    place = models.CharField(
        _("Herstellungsort"), max_length=50, help_text=_("Wie im XML: D-Ort, zum Beispiel D-Rosenheim")
    )
    lab_type = models.CharField(
        _("Art des Labors"), max_length=10, choices=LaboratoryType, default=LaboratoryType.COMMERCIAL
    )
    invoice_format = models.CharField(_("Rechnungsnummern"), max_length=40, default="RE-{year}-{number:06}")
    checkpoint_mail = models.BooleanField(_("Prüfpunkt jede Woche per E-Mail"), default=True, db_default=True)

    not_sealed: ClassVar[dict[str, str]] = dict.fromkeys(("name", "street", "phone", "email", "iban"), BUSINESS)

    class Meta:
        verbose_name, verbose_name_plural = _("Labor"), _("Labore")
        constraints = [models.UniqueConstraint(fields=["lab_id"], name="profile_once")]

    def __str__(self) -> str:
        return self.name
