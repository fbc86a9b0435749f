"""Answers that are kept, so that a request which is sent twice is done once."""

from datetime import timedelta
from typing import ClassVar

from django.db import models

from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedText

KEPT = timedelta(hours=24)


class KeptAnswer(Record):
    """What a request with an Idempotency-Key was answered; the row itself is the lock of the key."""

    access_id = models.UUIDField("Zugangsschlüssel", editable=False)
    key_sha256 = models.CharField("Idempotency-Key", max_length=64, editable=False)
    request_sha256 = models.CharField("Anfrage", max_length=64, editable=False)
    status = models.PositiveSmallIntegerField("Antwort", default=0, editable=False)
    headers = models.JSONField("Kopfzeilen", default=dict, editable=False)
    body = SealedText("Inhalt", blank=True, max_length=None, editable=False)

    audit_skip: ClassVar[dict[str, str]] = dict.fromkeys(
        ("status", "headers", "body"), "Gang einer Anfrage; was sie geändert hat, steht bei den Datensätzen selbst"
    )

    class Meta:
        verbose_name, verbose_name_plural = "Aufbewahrte Antwort", "Aufbewahrte Antworten"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["lab_id", "access_id", "key_sha256"], name="kept_answer_once")
        ]
        indexes: ClassVar = [models.Index(fields=["lab_id", "created_at"], name="kept_answer_by_age")]

    def __str__(self) -> str:
        return f"{self.status} {self.key_sha256[:8]}"
