"""What a person typed and could not send: sealed, found again only by themselves, gone after some days."""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from dentatool.protection.access.internal.models import Account
from dentatool.protection.tenancy import PracticeScope, Record
from dentatool.protection.vault import SealedText

KEPT = timedelta(days=3)
MOST_DRAFTS = 20  # of one person; the oldest gives way
MOST_FIELDS = 500
MOST_CHARACTERS = 100_000
LONGEST_ADDRESS = 500
# Never kept, whatever the page says: what proves who somebody is, and what is only good for one page.
_NEVER = re.compile(r"passwor|kennwort|csrf|token|secret|otp|recovery|(^|[_-])(pin|code)$", re.IGNORECASE)

_CSRF = "csrfmiddlewaretoken"
Field = tuple[str, str]


class Draft(Record):
    """The content of one form. Only `account` may see it."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name="Konto")
    place = models.BinaryField(max_length=32, editable=False)  # page and action, hashed: one form has one draft
    page = SealedText("Seite", max_length=LONGEST_ADDRESS)  # where it was typed
    action = SealedText("Ziel", max_length=LONGEST_ADDRESS)  # where it was to be sent
    label = SealedText("Überschrift", max_length=200, blank=True)
    fields = SealedText("Eingaben", max_length=None)
    is_complete = models.BooleanField("Vollständig", default=True)  # nothing was left out: it can be sent as it is
    saved_at = models.DateTimeField("Gesichert", default=timezone.now)
    expires_at = models.DateTimeField("Gelöscht ab")

    practice_scope: ClassVar[Any] = PracticeScope(person="account")
    audit_skip: ClassVar[dict[str, str]] = dict.fromkeys(
        ("page", "action", "label", "fields", "is_complete", "saved_at", "expires_at"),
        "nicht abgesendete Eingaben: was daraus wird, steht beim Datensatz",
    )
    audit_hide: ClassVar[dict[str, str]] = dict.fromkeys(
        ("place", "page", "action", "label", "fields"), "Entwürfe werden nach Tagen gelöscht, das Protokoll bliebe"
    )

    class Meta:
        verbose_name, verbose_name_plural = "Entwurf", "Entwürfe"
        constraints = [models.UniqueConstraint(fields=["lab_id", "account", "place"], name="draft_once_per_form")]

    @property
    def typed(self) -> list[Field]:
        """Names and values in their order."""
        return [(name, value) for name, value in json.loads(self.fields)]


def keep_draft(
    account_id: UUID, *, page: str, action: str, label: str, fields: Iterable[Sequence[Any]], left_out: bool = False
) -> Draft | None:
    """Keep the content of a form, in place of an earlier one of the same form. None if there is too much of it."""
    given = [(str(name), str(value)) for name, value in fields]
    typed = [(name, value) for name, value in given if not _NEVER.search(name)]
    content = json.dumps(typed, ensure_ascii=True)
    if not typed or len(typed) > MOST_FIELDS or len(content) > MOST_CHARACTERS:
        return None
    if not (_is_own(page) and _is_own(action)):
        return None
    now = timezone.now()
    found = {
        "page": page,
        "action": action,
        "label": label.replace("\0", "")[:200],
        "fields": content,
        "is_complete": not left_out and all(name == _CSRF or not _NEVER.search(name) for name, _ in given),
        "saved_at": now,
        "expires_at": now + KEPT,
    }
    place = salted_hmac("dentatool.draft", f"{page}\0{action}", algorithm="sha256").digest()
    draft = _stored(account_id, place, found)
    too_many = [old.pk for old in drafts_of(account_id)[MOST_DRAFTS:]]
    Draft.objects.filter(models.Q(pk__in=too_many) | models.Q(account_id=account_id, expires_at__lte=now)).delete()
    return draft


def _stored(account_id: UUID, place: bytes, found: dict[str, Any]) -> Draft:
    """In place of the earlier one, also of one that is just being stored: a page that is left says so twice at once."""
    if (draft := Draft.objects.filter(account_id=account_id, place=place).first()) is None:
        with suppress(IntegrityError), transaction.atomic():
            return Draft.objects.create(account_id=account_id, place=place, **found)
        draft = Draft.objects.get(account_id=account_id, place=place)
    for name, value in found.items():
        setattr(draft, name, value)
    draft.save()
    return draft


def drafts_of(account_id: UUID) -> models.QuerySet[Draft]:
    """What is kept for this person, newest first."""
    return Draft.objects.filter(account_id=account_id, expires_at__gt=timezone.now()).order_by("-saved_at")


def drop_draft(account_id: UUID, draft_id: str) -> bool:
    """Delete one draft of this person. What is no id, or another person's, is none of theirs."""
    with suppress(ValueError):
        return Draft.objects.filter(account_id=account_id, pk=UUID(draft_id)).delete()[0] > 0
    return False


def drop_expired_drafts() -> int:
    """Delete what nobody came back for."""
    return Draft.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _is_own(address: str) -> bool:
    """A path of this site. Anything else must never stand in a form of ours."""
    return bool(re.fullmatch(r"/(?![/\\])[^\s\\\0]*", address)) and len(address) <= LONGEST_ADDRESS
