"""Why somebody reads the trail, and what was taken out of it."""

from typing import ClassVar

from django.db import models

from dentatool.protection.access import Account
from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedFile, SealedText


class Purpose(models.TextChoices):
    """What the trail may be read for. Judging how much somebody works is none of them (§ 26 BDSG)."""

    ROUTINE = "routine", "Regelmäßige Kontrolle"
    QUESTION = "frage", "Eine Frage zu einem Auftrag oder Datensatz klären"
    INCIDENT = "vorfall", "Einen Vorfall oder Verdacht aufklären"
    REQUEST = "auskunft", "Auskunft an eine betroffene Person"
    AUDIT = "pruefung", "Prüfung durch Datenschutz, Finanzamt oder Zertifizierer"


class TrailReading(Record):
    """Why a person reads the trail, said once in each session. Its row is in the trail like every other."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Person")
    session_id = models.UUIDField("Sitzung", editable=False)
    purpose = models.CharField("Zweck", max_length=10, choices=Purpose.choices)
    note = SealedText("Anlass", max_length=200, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = "Einsicht ins Protokoll", "Einsichten ins Protokoll"
        constraints = [models.UniqueConstraint(fields=["lab_id", "session_id"], name="trail_reading_once")]

    def __str__(self) -> str:
        return self.get_purpose_display()


class ExportState(models.TextChoices):
    """Where an export stands."""

    WAITING = "waiting", "wird vorbereitet"
    READY = "ready", "bereit"
    REFUSED = "refused", "abgewiesen"
    TOO_LARGE = "too_large", "zu groß"
    BROKEN_OFF = "broken_off", "abgebrochen"


class TrailExport(Record):
    """An export of the trail that a person ordered. Prepared in the background, fetched by that person alone."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Person")
    wanted = models.JSONField("Filter", default=dict)
    file_format = models.CharField(
        "Format", max_length=6, choices=[("csv", "CSV"), ("jsonl", "JSON Lines"), ("siegel", "Versiegelt")]
    )
    state = models.CharField("Stand", max_length=10, choices=ExportState.choices, default=ExportState.WAITING)
    entries = models.PositiveIntegerField("Einträge", default=0)
    sha256 = models.CharField("Prüfsumme (SHA-256)", max_length=64, blank=True)
    expires_at = models.DateTimeField("Abholbar bis")

    class Meta:
        verbose_name, verbose_name_plural = "Ausgabe des Protokolls", "Ausgaben des Protokolls"
        indexes: ClassVar = [models.Index(fields=["lab_id", "account", "created_at"], name="trail_export_by_person")]

    def __str__(self) -> str:
        return f"{self.get_file_format_display()} ({self.get_state_display()})"


class TrailExportPart(Record):
    """A piece of an export's file: a file of any length in rows of a few megabytes."""

    export = models.ForeignKey(TrailExport, models.CASCADE, related_name="parts", verbose_name="Ausgabe")
    rank = models.PositiveIntegerField("Folge")
    content = SealedFile("Inhalt")

    audit_hide: ClassVar[dict[str, str]] = {"content": "das Protokoll soll sich nicht selbst noch einmal enthalten"}

    class Meta:
        verbose_name, verbose_name_plural = "Teil einer Ausgabe", "Teile einer Ausgabe"
        constraints = [models.UniqueConstraint(fields=["lab_id", "export", "rank"], name="trail_export_part_once")]

    def __str__(self) -> str:
        return f"Teil {self.rank}"
