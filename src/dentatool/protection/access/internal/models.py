"""Accounts and sessions. Each account belongs to exactly one laboratory."""

from typing import ClassVar
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from dentatool.protection.access.internal.hashing import hash_password
from dentatool.protection.access.internal.roles import Role
from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedText

LONGEST_DEVICE = 300


def sign_in_key(sign_in_name: str) -> bytes:
    """What finds an account by its sign-in name: a keyed hash, worthless without the program's key."""
    folded = sign_in_name.strip().casefold()
    return salted_hmac("dentatool.sign-in-name", folded, algorithm="sha256").digest()


class Account(Record):
    """A natural person who signs in. Names are sealed; the sign-in name is found by keyed hash."""

    display_name = SealedText("Name", max_length=120)
    sign_in_name = SealedText("Anmeldename (E-Mail)", max_length=200)
    sign_in_key = models.BinaryField(max_length=32, editable=False)
    role = models.CharField("Rolle", max_length=40)  # a Role, or the key of a role of the laboratory's own
    practice_id = models.UUIDField(
        "Praxis", null=True, blank=True, editable=False
    )  # a person of a practice: only its own
    password_hash = models.CharField(max_length=200, editable=False)
    active = models.BooleanField("Aktiv", default=True)
    confirmed_at = models.DateTimeField("Angaben bestätigt", null=True, editable=False)  # by the person, once
    access_ended_at = models.DateTimeField("Alle Zugänge beendet", null=True, editable=False)  # what is older is dead

    grants: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT", "UPDATE")  # never deleted: an id means one person for ever
    guard: ClassVar[str] = "guard_account"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="id")
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
            models.CheckConstraint(
                name="account_of_a_practice",
                condition=models.Q(role=Role.PRACTICE, practice_id__isnull=False)
                | (~models.Q(role=Role.PRACTICE) & models.Q(practice_id__isnull=True)),
            ),
            models.CheckConstraint(
                name="account_of_a_person", condition=~models.Q(display_name="") & ~models.Q(sign_in_name="")
            ),
        ]

    def __str__(self) -> str:
        return str(self.display_name)

    @property
    def has_password(self) -> bool:
        """Whether its person has come: an invited account has a mark in its place that no password fits."""
        return not self.password_hash.startswith(UNUSABLE_PASSWORD_PREFIX)

    @classmethod
    def create(
        cls,
        *,
        display_name: str,
        sign_in_name: str,
        role: str,
        password: str = "",
        password_hash: str = "",
        practice_id: UUID | None = None,
    ) -> "Account":
        """A new account of the laboratory whose pass is in force."""
        return cls.objects.create(
            display_name=display_name,
            sign_in_name=sign_in_name,
            sign_in_key=sign_in_key(sign_in_name),
            role=role,
            practice_id=practice_id,
            password_hash=password_hash or hash_password(password, sign_in_key(sign_in_name)),
        )


class LaboratoryRole(Record):
    """A role of the laboratory's own: some of the same permissions under its own name."""

    key = models.CharField(max_length=40, editable=False)
    name = models.CharField("Rolle", max_length=60)
    permissions = models.JSONField("Rechte", default=list)
    active = models.BooleanField("Aktiv", default=True)

    guard: ClassVar[str] = "guard_role"
    not_sealed: ClassVar[dict[str, str]] = {"name": "Name einer Rolle, keiner Person"}

    class Meta:
        verbose_name, verbose_name_plural = "Eigene Rolle", "Eigene Rollen"
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "key"], name="role_key_once"),
            models.UniqueConstraint(fields=["lab_id", "name"], name="role_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Level(models.TextChoices):
    """How far a person has come through the entrance."""

    HALF = "half", "zweiter Schritt steht aus"
    FULL = "full", "angemeldet"


class Ending(models.TextChoices):
    """Why a session is over."""

    SIGNED_OUT = "signed_out", "abgemeldet"
    IDLE = "idle", "nach Ruhezeit abgemeldet"
    ABSOLUTE = "absolute", "nach Höchstdauer abgemeldet"
    REMOTE = "remote", "von der Person selbst beendet"
    TEAM = "team", "vom Labor beendet"
    MOVED = "moved", "in fremdem Browser benutzt"
    DEACTIVATED = "deactivated", "Konto gesperrt"
    ROLE = "role", "Rolle geändert"
    FACTOR = "factor", "Anmeldemittel geändert"
    PASSWORD = "password", "Passwort geändert"


class Session(Record):
    """A signed-in browser. Only the hash of its token is stored."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    token_hash = models.BinaryField(max_length=32, editable=False)
    device = models.CharField("Gerät", max_length=LONGEST_DEVICE, blank=True)
    origin = models.CharField("Netzadresse", max_length=45, blank=True)
    started_at = models.DateTimeField("Angemeldet", default=timezone.now)
    last_action_at = models.DateTimeField("Zuletzt bedient", default=timezone.now)
    expires_at = models.DateTimeField("Spätestens beendet")
    ended_at = models.DateTimeField("Beendet", null=True)
    ending = models.CharField("Grund des Endes", max_length=12, choices=Ending.choices, blank=True, db_default="")
    used_after_end_at = models.DateTimeField("Nach dem Ende benutzt", null=True)  # the first time only
    parallel_at = models.DateTimeField(
        "Gleichzeitig benutzt", null=True
    )  # with one from another network; the first time
    level = models.CharField("Stufe", max_length=4, choices=Level.choices, default=Level.FULL)
    method = models.CharField("Angemeldet mit", max_length=20, default="password")
    confirmed_at = models.DateTimeField(
        "Zuletzt bestätigt", default=timezone.now
    )  # for what needs a fresh confirmation

    guard: ClassVar[str] = "guard_access"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="account")
    not_sealed: ClassVar[dict[str, str]] = {"token_hash": "SHA-256 eines zufälligen Schlüssels von 256 Bit"}
    audit_skip: ClassVar[dict[str, str]] = {
        "last_action_at": "ändert sich bei jeder Bedienung und besagt allein nichts"
    }
    audit_hide: ClassVar[dict[str, str]] = {"token_hash": "Prüfwert eines Zugangs"}

    class Meta:
        verbose_name, verbose_name_plural = "Sitzung", "Sitzungen"


class AccessLink(Record):
    """A link that is good once: to set a new password, or to join the laboratory. Only the hash of its token is stored."""

    class Purpose(models.TextChoices):
        """What it opens."""

        RESET = "reset", "neues Passwort"
        INVITE = "invite", "Einladung"

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    purpose = models.CharField("Zweck", max_length=10, choices=Purpose.choices)
    token_hash = models.BinaryField(max_length=32, editable=False)
    expires_at = models.DateTimeField("Gültig bis")
    used_at = models.DateTimeField("Benutzt", null=True)

    guard: ClassVar[str] = "guard_access"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="account")
    not_sealed: ClassVar[dict[str, str]] = {"token_hash": "SHA-256 eines zufälligen Schlüssels von 256 Bit"}
    audit_hide: ClassVar[dict[str, str]] = {"token_hash": "Prüfwert eines Zugangs"}

    class Meta:
        verbose_name, verbose_name_plural = "Zugangslink", "Zugangslinks"


class ApiToken(Record):
    """Lets a program work in a person's name, with some of the person's permissions. Only its hash is stored."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    label = models.CharField("Bezeichnung", max_length=60)
    prefix = models.CharField("Anfang", max_length=16)
    token_hash = models.BinaryField(max_length=32, editable=False)
    scopes = models.JSONField("Rechte", default=list)
    expires_at = models.DateTimeField("Gültig bis")
    last_used_at = models.DateTimeField("Zuletzt benutzt", null=True)
    reminded_at = models.DateTimeField("An das Ende erinnert", null=True)
    ended_at = models.DateTimeField("Beendet", null=True)

    guard: ClassVar[str] = "guard_access"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="account")
    not_sealed: ClassVar[dict[str, str]] = {"token_hash": "SHA-256 eines zufälligen Schlüssels von 256 Bit"}
    audit_skip: ClassVar[dict[str, str]] = {
        "last_used_at": "ändert sich bei jeder Benutzung und besagt allein nichts",
        "reminded_at": "die Nachricht selbst steht im Protokoll",
    }
    audit_hide: ClassVar[dict[str, str]] = {"token_hash": "Prüfwert eines Zugangs"}

    class Meta:
        verbose_name, verbose_name_plural = "Zugangsschlüssel", "Zugangsschlüssel"

    def __str__(self) -> str:
        return self.label


class Factor(Record):
    """One way to prove who one is besides the password: a passkey, an authenticator app, or a set of recovery codes.

    `secret` is the passkey's public half, the app's key, or what is left of the codes as keyed hashes: sealed, so that
    whoever can write to the database still cannot put a factor of their own in its place. `counter` is a passkey's
    count of signatures, or the last time step whose code was taken: no code is good twice.
    """

    class Kind(models.TextChoices):
        """What it is."""

        PASSKEY = "passkey", "Passkey"
        APP = "app", "Authenticator-App"
        CODES = "codes", "Wiederherstellungscodes"

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    kind = models.CharField("Art", max_length=10, choices=Kind.choices)
    label = SealedText("Bezeichnung", max_length=60)
    secret = SealedText("Geheimnis", max_length=4000, editable=False)
    credential_key = models.BinaryField(max_length=32, null=True, editable=False)
    counter = models.BigIntegerField("Zähler", default=0)
    failed_count = models.PositiveIntegerField("Fehlversuche", default=0)
    locked_until = models.DateTimeField("Gesperrt bis", null=True)
    last_used_at = models.DateTimeField("Zuletzt benutzt", null=True)

    guard: ClassVar[str] = "guard_access"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="account")
    audit_skip: ClassVar[dict[str, str]] = dict.fromkeys(
        ("counter", "failed_count", "last_used_at"), "ändert sich bei jeder Benutzung; jede ist ein Ereignis für sich"
    )
    audit_hide: ClassVar[dict[str, str]] = {
        "secret": "Geheimnis eines Zugangs",
        "credential_key": "interner Suchschlüssel ohne Aussage",
    }

    class Meta:
        verbose_name, verbose_name_plural = "Anmeldeverfahren", "Anmeldeverfahren"
        constraints = [models.UniqueConstraint(fields=["lab_id", "credential_key"], name="credential_once")]

    def __str__(self) -> str:
        return str(self.label)


class Attempt(models.Model):
    """How often something was tried of late: a sign-in name, a network, the whole platform, a challenge.

    Its id is a keyed hash of what is counted. Of no laboratory, because one is not known yet; only a door touches it.
    """

    id = models.UUIDField(primary_key=True)
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)
    blocks = models.PositiveSmallIntegerField()
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = "Versuch", "Versuche"

    def __str__(self) -> str:
        return f"{self.count} seit {self.since:%d.%m.%Y %H:%M}"


class ResetRequest(models.Model):
    """Somebody asks for a new password: the same row for a name that exists and for one that does not."""

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    sign_in_key = models.BinaryField(max_length=32)

    class Meta:
        verbose_name, verbose_name_plural = "Bitte um ein neues Passwort", "Bitten um ein neues Passwort"

    def __str__(self) -> str:
        return f"{self.at:%d.%m.%Y %H:%M}"
