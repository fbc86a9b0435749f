"""The review of accesses: who could do what on one day, and what was decided about each."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from dentatool.protection.access import Account
from dentatool.protection.audit import Frozen
from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedFile, SealedText


class Decision(models.TextChoices):
    """What became of one access."""

    OPEN = "", "offen"
    KEPT = "kept", "bleibt"
    REVOKED = "revoked", "entzogen"
    EXPIRED = "expired", "entzogen, weil niemand geantwortet hat"
    LEFT = "left", "war inzwischen geschlossen"
    ALONE = "alone", "nicht prüfbar durch andere"


class AccessReview(Record):
    """One review: opened every half year, closed with a signed report, unchangeable from then on."""

    opened_at = models.DateTimeField("Eröffnet", default=timezone.now)
    opened_by = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="Eröffnet von"
    )
    due_at = models.DateTimeField("Frist")
    reminded_at = models.DateTimeField("Zuletzt erinnert", null=True, blank=True)
    closed_at = models.DateTimeField("Abgeschlossen", null=True, blank=True)
    closed_by = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="Abgeschlossen von"
    )
    report = SealedFile("Bericht", null=True)
    report_sha256 = models.CharField("Prüfsumme des Berichts (SHA-256)", max_length=64, blank=True)

    frozen = Frozen(once="closed_at")
    audit_hide: ClassVar[dict[str, str]] = {
        "report": "der Bericht liegt beim Eintrag selbst; hier steht seine Prüfsumme"
    }

    class Meta:
        verbose_name, verbose_name_plural = "Zugangsprüfung", "Zugangsprüfungen"
        indexes: ClassVar = [models.Index(fields=["lab_id", "opened_at"], name="review_by_time")]

    def __str__(self) -> str:
        return f"Zugangsprüfung vom {timezone.localtime(self.opened_at):%d.%m.%Y}"

    @property
    def is_overdue(self) -> bool:
        return self.closed_at is None and self.due_at <= timezone.now()


class ReviewItem(Record):
    """One person's access as it stood when the review was opened, and the decision about it."""

    review = models.ForeignKey(AccessReview, models.PROTECT, related_name="items", verbose_name="Prüfung")
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name="Konto")
    person = SealedText("Person", max_length=120)
    role = models.CharField("Rolle", max_length=60)
    permissions = models.JSONField("Rechte", default=list)
    last_sign_in = models.DateTimeField("Zuletzt angemeldet", null=True, blank=True)
    factors = models.JSONField("Zweiter Faktor", default=list)
    tokens = models.PositiveSmallIntegerField("Zugangsschlüssel", default=0)
    decision = models.CharField("Entscheidung", max_length=10, choices=Decision.choices, blank=True, default="")
    comment = SealedText("Begründung", max_length=300, blank=True)
    decided_by = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="Entschieden von"
    )
    decided_at = models.DateTimeField("Entschieden", null=True, blank=True)

    frozen = Frozen(by="review")

    class Meta:
        verbose_name, verbose_name_plural = "Zugang in einer Prüfung", "Zugänge in einer Prüfung"
        constraints = [models.UniqueConstraint(fields=["lab_id", "review", "account"], name="review_item_once")]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_decision_display()}"
