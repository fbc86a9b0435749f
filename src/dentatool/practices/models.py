"""The practices that order, their dentists, and the location numbers their software puts into order numbers."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedText
from dentatool.team.models import Region

BUSINESS = "Geschäftsangabe einer Praxis, kein Patient"


class XmlVersion(models.TextChoices):
    """Schema of the Laborabrechnungsdaten that the practice's software can read."""

    V45 = "4.5", _("4.5 (seit 2022)")
    V44 = "4.4", "4.4"
    V43 = "4.3", "4.3"
    V42 = "4.2", "4.2"
    V41 = "4.1", "4.1"
    V40 = "4.0", "4.0"


class Practice(Record):
    """A dentist's practice: the customer of the laboratory."""

    customer_number = models.CharField(_("Kundennummer"), max_length=20)
    name = models.CharField(_("Praxis"), max_length=120)
    street = models.CharField(_("Straße und Hausnummer"), max_length=120, blank=True)
    postcode = models.CharField(_("Postleitzahl"), max_length=10, blank=True)
    city = models.CharField(_("Ort"), max_length=80, blank=True)
    email = models.EmailField(_("E-Mail"), blank=True)
    phone = models.CharField(_("Telefon"), max_length=40, blank=True)
    xml_version = models.CharField(_("XML-Fassung"), max_length=3, choices=XmlVersion, default=XmlVersion.V45)
    xml_reduced = models.BooleanField(_("Private Leistungen im XML zusammenfassen"), default=False)
    payment_days = models.PositiveSmallIntegerField(_("Zahlungsziel in Tagen"), default=30)
    skonto_permille = models.PositiveSmallIntegerField(_("Skonto"), default=0)
    skonto_days = models.PositiveSmallIntegerField(_("Skontofrist in Tagen"), default=0)
    vat_override_permille = models.PositiveSmallIntegerField(_("Abweichende Umsatzsteuer"), null=True, blank=True)
    # Agreed with this practice; the Abrechnungsbereich in the XML stays the laboratory's own (domain.md R12).
    price_region = models.CharField(
        _("BEL-Preisliste"), max_length=3, choices=[("", _("wie das Labor")), *Region.choices], blank=True, default=""
    )
    no_names = models.BooleanField(_("Keine Patientennamen, nur Pseudonyme"), default=False)
    remarks = SealedText(_("Bemerkungen"), max_length=2000, blank=True)
    active = models.BooleanField(_("Aktiv"), default=True)

    not_sealed: ClassVar[dict[str, str]] = dict.fromkeys(("name", "street", "email", "phone"), BUSINESS)
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="id")

    class Meta:
        verbose_name, verbose_name_plural = _("Praxis"), _("Praxen")
        ordering = ["customer_number"]
        constraints = [
            models.UniqueConstraint(
                fields=["lab_id", "customer_number"],
                name="practice_customer_number_once",
                violation_error_message=_("Diese Kundennummer hat schon eine andere Praxis."),
            ),
            models.CheckConstraint(name="practice_skonto", condition=Q(skonto_permille__lte=200)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_number} {self.name}"


class Dentist(Record):
    """A dentist of a practice."""

    practice = models.ForeignKey(Practice, models.CASCADE, verbose_name=_("Praxis"), related_name="dentists")
    title = models.CharField(_("Titel"), max_length=30, blank=True)
    first_name = models.CharField(_("Vorname"), max_length=60, blank=True)
    last_name = models.CharField(_("Nachname"), max_length=60)
    active = models.BooleanField(_("Aktiv"), default=True)

    not_sealed: ClassVar[dict[str, str]] = dict.fromkeys(
        ("first_name", "last_name"), "Behandelnde stehen mit Namen auf dem Praxisschild, kein Patient"
    )
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="practice")

    class Meta:
        verbose_name, verbose_name_plural = _("Behandler"), _("Behandler")
        ordering = ["last_name", "first_name"]

    def __str__(self) -> str:
        return " ".join(part for part in (self.title, self.first_name, self.last_name) if part)


class KnownLocation(Record):
    """A Standortnummer under which this practice's software makes order numbers (domain.md 1.4)."""

    practice = models.ForeignKey(Practice, models.CASCADE, verbose_name=_("Praxis"), related_name="locations")
    number = models.CharField(
        _("Standortnummer"),
        max_length=6,
        validators=[RegexValidator(r"\A[0-9]{6}\Z", _("Die Standortnummer hat genau sechs Ziffern."))],
    )

    class Meta:
        verbose_name, verbose_name_plural = _("Standortnummer"), _("Standortnummern")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "number", "practice"], name="location_once_per_practice")
        ]

    def __str__(self) -> str:
        return self.number
