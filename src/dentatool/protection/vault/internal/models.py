"""The key ring of a laboratory: random keys, each wrapped by the root key, which the database never sees."""

from typing import ClassVar

from django.db import models

from dentatool.protection.tenancy import PracticeScope, Record


class LabKey(Record):
    """One version of one key of a laboratory, readable only together with the root key.

    Not in the trail on purpose: a wrapped key copied there would outlive its deletion, and deleting
    the keys is how a laboratory's data becomes unreadable everywhere (crypto-shredding).
    The app may add and read keys, never change or delete one.
    """

    kind = models.CharField("Art", max_length=5, choices=[("data", "Werte"), ("index", "Suche"), ("file", "Dateien")])
    key_version = models.PositiveIntegerField("Fassung")
    wrapped = models.BinaryField("Verpackter Schlüssel", max_length=512, editable=False)
    retired_at = models.DateTimeField("Abgelöst", null=True, editable=False)

    audited: ClassVar[bool] = False
    practice_scope: ClassVar[PracticeScope] = PracticeScope(everyone=True)
    grants: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT")

    class Meta:
        verbose_name, verbose_name_plural = "Schlüssel", "Schlüssel"
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "kind", "key_version"], name="lab_key_once"),
            models.CheckConstraint(name="lab_key_kind", condition=models.Q(kind__in=["data", "index", "file"])),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key_version}"
