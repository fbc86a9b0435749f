"""The trail's table and the events before a laboratory is known."""

from typing import ClassVar

from django.db import models

from dentatool.protection.tenancy import Record


class Entry(Record):
    """One entry of a laboratory's trail. Only the database writes it; nobody changes it."""

    grants = ("SELECT",)
    audited = False
    not_sealed: ClassVar[dict[str, str]] = {}

    created_at = None  # type: ignore[assignment]  # an entry has its own time and never changes
    changed_at = None  # type: ignore[assignment]
    version = None  # type: ignore[assignment]

    at = models.DateTimeField("Zeitpunkt")
    actor_id = models.UUIDField("Person", null=True)
    mode = models.CharField("Art des Zugangs", max_length=20)
    origin = models.CharField("Netzadresse", max_length=45)
    request_id = models.CharField("Vorgang", max_length=36)
    kind = models.CharField("Art", max_length=10)
    what = models.CharField("Tabelle oder Ereignis", max_length=80)
    record_id = models.UUIDField("Datensatz", null=True)
    action = models.CharField("Handlung", max_length=80)
    changes = models.JSONField("Änderungen")

    class Meta:
        verbose_name, verbose_name_plural = "Protokolleintrag", "Protokoll"
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["lab_id", "at"], name="entry_by_time"),
            models.Index(fields=["lab_id", "record_id", "at"], name="entry_by_record"),
            models.Index(fields=["lab_id", "what", "at"], name="entry_by_what"),
            models.Index(fields=["lab_id", "actor_id", "what", "at"], name="entry_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.action} {self.at:%d.%m.%Y %H:%M}"


class Leaf(Record):
    """What the sealed trail holds of one entry, in the order of sealing; stays when the entry's time is over.

    Day and name say when an entry may be gone; nothing here says whose doing it was. Only the database writes it.
    """

    grants = ("SELECT",)
    audited = False

    created_at = changed_at = version = None  # type: ignore[assignment]  # nothing of it ever changes

    seq = models.BigIntegerField("Nummer")
    day = models.DateField("Tag")
    what = models.CharField("Tabelle oder Ereignis", max_length=80)
    content = models.BinaryField("Prüfsumme des Eintrags")

    class Meta:
        verbose_name, verbose_name_plural = "Siegel", "Siegel"
        constraints = [models.UniqueConstraint(fields=["lab_id", "seq"], name="leaf_number_once")]

    def __str__(self) -> str:
        return f"Nr. {self.seq}"


class Checkpoint(Record):
    """A signed checkpoint of the sealed trail, and what is needed to go on from it. Only the database writes it."""

    grants = ("SELECT",)
    audited = False

    created_at = changed_at = version = None  # type: ignore[assignment]

    size = models.BigIntegerField("Anzahl")
    until = models.DateTimeField("Vollständig bis")
    signed = models.TextField("Unterschriebener Prüfpunkt")
    peaks = models.BinaryField("Teilbäume")

    class Meta:
        verbose_name, verbose_name_plural = "Prüfpunkt", "Prüfpunkte"
        constraints = [models.UniqueConstraint(fields=["lab_id", "size"], name="checkpoint_size_once")]

    def __str__(self) -> str:
        return f"{self.size} Einträge"


class PlatformEvent(models.Model):
    """A security event before a laboratory is known (an unknown sign-in name, a forged pass)."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    facts = models.JSONField()

    class Meta:
        verbose_name, verbose_name_plural = "Ereignis der Plattform", "Ereignisse der Plattform"
        indexes = [models.Index(fields=["event", "at"], name="platform_event_by_name")]

    def __str__(self) -> str:
        return f"{self.event} {self.at:%d.%m.%Y %H:%M}"
