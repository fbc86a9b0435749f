"""Invoices and their lines, ranges of numbers, exported files. What is issued never changes: the database refuses."""

from typing import ClassVar

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from dentatool.kit.addresses import url
from dentatool.orders.models import Order
from dentatool.practices.models import Practice
from dentatool.protection.access import Account
from dentatool.protection.audit import Frozen
from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedText


class Kind(models.TextChoices):
    """An invoice, or the document that takes one back."""

    INVOICE = "invoice", _("Rechnung")
    CANCELLATION = "cancellation", _("Storno")


class Art(models.TextChoices):
    """Kinds of lines, as the Laborabrechnungsdaten name them; text lines stay on paper."""

    BEL = "BEL", _("BEL-Leistung")
    NBL = "NBL", _("Eigene Leistung")
    EDM = "EDM", _("Edelmetall")
    MAT = "MAT", _("Material")
    RBT = "RBT", _("Nachlass")
    TEXT = "TEXT", _("Textzeile")


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Filters with a trade name."""

    def with_cancelled(self) -> "InvoiceQuerySet":
        """Each with `was_cancelled`: a cancellation was issued for it."""
        return self.annotate(
            was_cancelled=Exists(Invoice.objects.filter(cancels=OuterRef("pk"), issued_at__isnull=False))
        )

    def drafts(self) -> "InvoiceQuerySet":
        return self.filter(issued_at__isnull=True)

    def issued(self) -> "InvoiceQuerySet":
        return self.filter(issued_at__isnull=False)

    def invoices(self) -> "InvoiceQuerySet":
        return self.filter(kind=Kind.INVOICE)

    def in_force(self) -> "InvoiceQuerySet":
        """Issued invoices that nobody cancelled."""
        return self.invoices().issued().with_cancelled().filter(was_cancelled=False)


class Invoice(Record):
    """A draft until it is issued; then number, snapshot and lines stand for ever. Money in cents."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="invoices", verbose_name=_("Auftrag"))
    practice = models.ForeignKey(Practice, models.PROTECT, related_name="invoices", verbose_name=_("Praxis"))
    kind = models.CharField(_("Belegart"), max_length=12, choices=Kind, default=Kind.INVOICE)
    # Null, not "": drafts would otherwise share one number.
    number = models.CharField(_("Nummer"), max_length=50, null=True, editable=False)  # noqa: DJ001
    year = models.PositiveSmallIntegerField(_("Jahr"), null=True, editable=False)
    sequence = models.PositiveIntegerField(_("Laufende Nummer"), null=True, editable=False)
    issued_at = models.DateTimeField(_("Ausgestellt"), null=True, editable=False)
    issued_by = models.ForeignKey(Account, models.PROTECT, null=True, editable=False, verbose_name=_("Ausgestellt von"))
    invoice_date = models.DateField(_("Rechnungsdatum"), null=True)
    delivered_on = models.DateField(_("Lieferdatum"), null=True)
    cancels = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="cancellations", verbose_name=_("Storno zu")
    )
    reason = SealedText(_("Grund"), blank=True, max_length=500)
    net_cents = models.BigIntegerField(_("Netto"), default=0)
    vat_cents = models.BigIntegerField(_("Mehrwertsteuer"), default=0)
    gross_cents = models.BigIntegerField(_("Brutto"), default=0)
    snapshot = SealedText(_("Beleg"), max_length=None, blank=True, editable=False)
    snapshot_sha256 = models.CharField(_("Prüfsumme"), max_length=64, blank=True, editable=False)
    previous_sha256 = models.CharField(_("Prüfsumme davor"), max_length=64, blank=True, editable=False)

    objects = InvoiceQuerySet.as_manager()
    frozen: ClassVar[Frozen] = Frozen(once="issued_at")
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="practice", once="issued_at")

    class Meta:
        verbose_name, verbose_name_plural = _("Rechnung"), _("Rechnungen")
        ordering = ["-invoice_date", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "number"], name="invoice_number_once"),
            models.UniqueConstraint(fields=["lab_id", "kind", "year", "sequence"], name="invoice_sequence_once"),
            models.UniqueConstraint(fields=["lab_id", "cancels"], name="invoice_cancelled_once"),
            models.UniqueConstraint(
                fields=["lab_id", "order"],
                condition=Q(issued_at__isnull=True, kind="invoice"),
                name="invoice_one_draft",
            ),
            models.CheckConstraint(
                name="invoice_numbered_iff_issued",
                condition=Q(
                    issued_at__isnull=True,
                    number__isnull=True,
                    year__isnull=True,
                    sequence__isnull=True,
                    snapshot_sha256="",
                )
                | Q(
                    issued_at__isnull=False,
                    number__isnull=False,
                    year__isnull=False,
                    sequence__gte=1,
                    invoice_date__isnull=False,
                    delivered_on__isnull=False,
                    snapshot_sha256__regex="^[0-9a-f]{64}$",
                ),
            ),
            models.CheckConstraint(
                name="invoice_cancellation_names_invoice",
                condition=Q(kind="invoice", cancels__isnull=True) | Q(kind="cancellation", cancels__isnull=False),
            ),
            models.CheckConstraint(
                name="invoice_gross_is_sum", condition=Q(gross_cents=F("net_cents") + F("vat_cents"))
            ),
            models.CheckConstraint(
                name="invoice_sign",
                condition=Q(issued_at__isnull=True)
                | Q(kind="invoice", net_cents__gte=0, vat_cents__gte=0)
                | Q(kind="cancellation", net_cents__lte=0, vat_cents__lte=0),
            ),
        ]
        indexes = [
            models.Index(fields=["lab_id", "-invoice_date", "-id"], name="invoice_by_date"),
            models.Index(fields=["lab_id", "issued_at"], name="invoice_by_issue"),
        ]

    def __str__(self) -> str:
        return self.number or "Entwurf"

    def get_absolute_url(self) -> str:
        return url("invoice", self.pk)

    @property
    def is_issued(self) -> bool:
        return self.issued_at is not None

    @property
    def is_cancellation(self) -> bool:
        return self.kind == Kind.CANCELLATION


class InvoiceLine(Record):
    """One line. Price in cents per unit, quantity in thousandths; a discount is positive and subtracts."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines", verbose_name=_("Rechnung"))
    rank = models.PositiveIntegerField(_("Reihenfolge"), default=0)
    art = models.CharField(_("Art"), max_length=4, choices=Art, default=Art.BEL)
    number = models.CharField(_("Nummer"), max_length=20, blank=True)
    text = models.CharField(_("Text"), max_length=120)
    price_cents = models.IntegerField(_("Einzelpreis"), default=0)
    quantity_milli = models.IntegerField(_("Menge"), default=1000)
    vat_permille = models.PositiveSmallIntegerField(_("Mehrwertsteuer"), default=70)
    tooth = models.CharField(_("Zahn"), max_length=60, blank=True)
    amount_cents = models.BigIntegerField(_("Betrag"), default=0, editable=False)

    frozen: ClassVar[Frozen] = Frozen(by="invoice")
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="invoice")

    class Meta:
        verbose_name, verbose_name_plural = _("Rechnungszeile"), _("Rechnungszeilen")
        ordering = ["rank", "id"]
        indexes = [models.Index(fields=["lab_id", "invoice", "rank"], name="invoice_line_by_rank")]
        constraints = [
            models.CheckConstraint(
                name="invoice_line_bel_number", condition=~Q(art="BEL") | Q(number__regex=r"^[0-9]{4}$")
            ),
            models.CheckConstraint(name="invoice_line_vat", condition=Q(vat_permille__lte=999)),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.text}".strip()


class NumberRange(Record):
    """The next number of one kind of document in one year. Its row is locked from allocation to commit: no gaps."""

    kind = models.CharField(_("Belegart"), max_length=12, choices=Kind)
    year = models.PositiveSmallIntegerField(_("Jahr"))
    next_number = models.PositiveIntegerField(_("Nächste Nummer"), default=1)
    last_sha256 = models.CharField(_("Prüfsumme des letzten Belegs"), max_length=64, blank=True)

    audit_skip: ClassVar[dict[str, str]] = {
        "next_number": "Die vergebene Nummer steht am Beleg selbst.",
        "last_sha256": "Die Prüfsumme steht am Beleg selbst.",
    }

    class Meta:
        verbose_name, verbose_name_plural = _("Nummernkreis"), _("Nummernkreise")
        constraints = [models.UniqueConstraint(fields=["lab_id", "kind", "year"], name="number_range_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.year}"


class XmlExport(Record):
    """A Laborabrechnungsdaten file that somebody fetched; one row per content."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="exports", verbose_name=_("Rechnung"))
    schema_version = models.CharField(_("Schemaversion"), max_length=3)
    file_name = models.CharField(_("Dateiname"), max_length=60)
    sha256 = models.CharField(_("Prüfsumme"), max_length=64)
    exported_at = models.DateTimeField(_("Ausgegeben"))

    not_sealed: ClassVar[dict[str, str]] = {"file_name": "Auftragsnummer der Praxis: nur ein Pseudonym, kein Name"}
    practice_scope: ClassVar[PracticeScope] = PracticeScope(by="invoice")

    class Meta:
        verbose_name, verbose_name_plural = _("XML-Ausgabe"), _("XML-Ausgaben")
        ordering = ["-exported_at"]
        constraints = [models.UniqueConstraint(fields=["lab_id", "invoice", "sha256"], name="xml_export_once")]

    def __str__(self) -> str:
        return self.file_name
