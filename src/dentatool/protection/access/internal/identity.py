"""A laboratory's own identity provider, and which of its people is which account."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.crypto import salted_hmac

from dentatool.protection.access.internal.models import Account
from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedText


class IdentityProvider(Record):
    """The OpenID Connect provider of a laboratory; at most one. Its addresses are those it named when it was set."""

    issuer = models.CharField("Adresse des Anmeldedienstes (Issuer)", max_length=300)
    client_id = models.CharField("Kennung von DentaTool dort (Client-ID)", max_length=200)
    client_secret = SealedText("Geheimnis dort (Client-Secret)", max_length=500, blank=True)
    email_domain = models.CharField("Nur E-Mail-Adressen dieser Domain", max_length=100, blank=True)
    strong_contexts = models.CharField("acr-Werte, die einen zweiten Faktor bedeuten", max_length=300, blank=True)
    active = models.BooleanField("Anmelden mit dem Anmeldedienst erlauben", default=False)
    authorization_endpoint = models.CharField(max_length=1000, editable=False)
    token_endpoint = models.CharField(max_length=1000, editable=False)
    jwks_uri = models.CharField(max_length=1000, editable=False)
    sends_secret_in_form = models.BooleanField(default=False, editable=False)
    names_itself = models.BooleanField(default=False, editable=False)  # RFC 9207: its answers say who they are from

    guard: ClassVar[str] = "guard_entrance"
    not_sealed: ClassVar[dict[str, str]] = {
        "email_domain": "Domain des Labors, keine Person",
        "token_endpoint": "öffentliche Adresse des Anmeldedienstes, kein Schlüssel",
    }
    audit_hide: ClassVar[dict[str, str]] = {"client_secret": "Geheimnis zwischen Anmeldedienst und DentaTool"}

    class Meta:
        verbose_name, verbose_name_plural = "Anmeldedienst", "Anmeldedienste"
        constraints = [models.UniqueConstraint(fields=["lab_id"], name="identity_provider_once")]

    def __str__(self) -> str:
        return self.issuer


class IdentityLink(Record):
    """An account and the person of the provider who may use it. Of the person only a keyed hash is kept."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    subject_key = models.BinaryField(max_length=32, editable=False)

    guard: ClassVar[str] = "guard_access"
    practice_scope: ClassVar[PracticeScope] = PracticeScope(person="account")
    audit_hide: ClassVar[dict[str, str]] = {"subject_key": "interner Suchschlüssel ohne Aussage"}

    class Meta:
        verbose_name, verbose_name_plural = "Verknüpfung mit dem Anmeldedienst", "Verknüpfungen mit dem Anmeldedienst"
        constraints = [
            models.UniqueConstraint(fields=["lab_id", "subject_key"], name="identity_subject_once"),
            # Another person of the provider with the same e-mail address, later, is not the same person.
            models.UniqueConstraint(fields=["lab_id", "account"], name="identity_account_once"),
        ]


def subject_key(lab_id: UUID, issuer: str, subject: str) -> bytes:
    """What finds the link of a person of this provider in this laboratory, and in no other."""
    return salted_hmac("dentatool.identity-subject", f"{lab_id}\n{issuer}\n{subject}", algorithm="sha256").digest()
