"""What a laboratory has waiting: work for the background, and mail."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedText


class JobState(models.TextChoices):
    """Where a job stands. A job that runs is `waiting` and locked by its worker: when that dies, it is free again."""

    WAITING = "waiting", "Wartet"
    DONE = "done", "Erledigt"
    FAILED = "failed", "Gescheitert"
    REFUSED = "refused", "Abgewiesen"


class Job(Record):
    """One piece of work for the background, of one laboratory. Facts are ids and settings, never personal data."""

    name = models.CharField("Aufgabe", max_length=80)
    facts = models.JSONField("Angaben", default=dict)
    actor_id = models.UUIDField("Person", null=True, editable=False)  # in whose name; none: the program's own work
    run_at = models.DateTimeField("Frühestens", default=timezone.now)
    attempts = models.PositiveSmallIntegerField("Versuche", default=0)
    state = models.CharField("Stand", max_length=10, choices=JobState.choices, default=JobState.WAITING)
    last_error = models.CharField("Letzter Fehler", max_length=200, blank=True)
    finished_at = models.DateTimeField("Beendet", null=True, blank=True)

    guard = "guard_job"
    not_sealed: ClassVar[dict[str, str]] = {"name": "Name einer Aufgabe des Programms, keine Person"}
    audit_skip: ClassVar[dict[str, str]] = dict.fromkeys(
        ("attempts", "state", "last_error", "finished_at", "run_at"),
        "Gang der Hintergrundarbeit; was sie ändert, steht bei den Datensätzen selbst",
    )

    class Meta:
        verbose_name, verbose_name_plural = "Hintergrundaufgabe", "Hintergrundaufgaben"
        indexes: ClassVar = [models.Index(fields=["lab_id", "state", "run_at"], name="job_due")]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_state_display()})"


class MailState(models.TextChoices):
    """Where a message stands."""

    WAITING = "waiting", "Wartet"
    SENT = "sent", "Übergeben"
    FAILED = "failed", "Aufgegeben"


class Mail(Record):
    """A message of the outbox. To whom and what is sealed; the text goes when it has been sent or given up."""

    address = SealedText("An", max_length=320)
    subject = SealedText("Betreff", max_length=200)
    body = SealedText("Text", blank=True, max_length=20_000)
    state = models.CharField("Stand", max_length=10, choices=MailState.choices, default=MailState.WAITING)
    attempts = models.PositiveSmallIntegerField("Versuche", default=0)
    last_error = models.CharField("Letzter Fehler", max_length=80, blank=True)
    sent_at = models.DateTimeField("Übergeben", null=True, blank=True)

    audit_skip: ClassVar[dict[str, str]] = dict.fromkeys(
        ("attempts", "last_error"), "Zwischenstand der Zustellung; ob sie gelang, steht im Stand"
    )
    audit_hide: ClassVar[dict[str, str]] = {"body": "enthält Links, die ein Konto öffnen: Sie sollen nicht überdauern"}

    class Meta:
        verbose_name, verbose_name_plural = "Nachricht", "Nachrichten"

    def __str__(self) -> str:
        return f"{self.subject} ({self.get_state_display()})"
