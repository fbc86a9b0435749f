"""Accounts and sessions. Each account belongs to exactly one laboratory."""

from typing import ClassVar

from django.contrib.auth.hashers import make_password
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from dentatool.protection.access.internal.roles import Role
from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedText


def sign_in_key(sign_in_name: str) -> bytes:
    """What finds an account by its sign-in name: a keyed hash, worthless without the program's key."""
    folded = sign_in_name.strip().casefold()
    return salted_hmac("dentatool.sign-in-name", folded, algorithm="sha256").digest()


class Account(Record):
    """A natural person who signs in. Names are sealed; the sign-in name is found by keyed hash."""

    display_name = SealedText("Name", max_length=120)
    sign_in_name = SealedText("Anmeldename (E-Mail)", max_length=200)
    sign_in_key = models.BinaryField(max_length=32, editable=False)
    role = models.CharField("Rolle", max_length=20, choices=Role.choices)
    password_hash = models.CharField(max_length=200, editable=False)
    active = models.BooleanField("Aktiv", default=True)

    not_sealed: ClassVar[dict[str, str]] = {"password_hash": "Argon2id-Hash mit eigenem Salz, nicht umkehrbar"}
    audit_hide: ClassVar[dict[str, str]] = {
        "password_hash": "wer das Protokoll liest, soll keine Passwörter raten können",
        "sign_in_key": "interner Suchschlüssel ohne Aussage",
    }

    class Meta:
        verbose_name, verbose_name_plural = "Konto", "Konten"
        constraints = [
            # Per laboratory, not per platform: otherwise a new account would tell that the
            # same person works elsewhere.
            models.UniqueConstraint(fields=["lab_id", "sign_in_key"], name="account_sign_in_once"),
        ]

    def __str__(self) -> str:
        return str(self.display_name)

    @classmethod
    def create(
        cls, *, display_name: str, sign_in_name: str, role: str, password: str = "", password_hash: str = ""
    ) -> "Account":
        """A new account of the laboratory whose pass is in force."""
        return cls.objects.create(
            display_name=display_name,
            sign_in_name=sign_in_name,
            sign_in_key=sign_in_key(sign_in_name),
            role=role,
            password_hash=password_hash or make_password(password),
        )


class Session(Record):
    """A signed-in browser. Only the hash of its token is stored."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    token_hash = models.BinaryField(max_length=32, editable=False)
    device = models.CharField("Gerät", max_length=120, blank=True)
    origin = models.CharField("Netzadresse", max_length=45, blank=True)
    started_at = models.DateTimeField("Angemeldet", default=timezone.now)
    last_action_at = models.DateTimeField("Zuletzt bedient", default=timezone.now)
    expires_at = models.DateTimeField("Spätestens beendet")
    ended_at = models.DateTimeField("Beendet", null=True)

    not_sealed: ClassVar[dict[str, str]] = {"token_hash": "SHA-256 eines zufälligen Schlüssels von 256 Bit"}
    audit_skip: ClassVar[dict[str, str]] = {
        "last_action_at": "ändert sich bei jeder Bedienung und besagt allein nichts"
    }
    audit_hide: ClassVar[dict[str, str]] = {"token_hash": "Prüfwert eines Zugangs"}

    class Meta:
        verbose_name, verbose_name_plural = "Sitzung", "Sitzungen"
