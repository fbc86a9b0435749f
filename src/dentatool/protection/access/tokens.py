"""Tokens for programs: made by a person for themselves, shown once, never more than their owner.

Promise: a token can do what it was made for and its owner may do at this very moment; it ends with its day, with its
owner's access (`sessions.end_everything_of`) and when its owner ends it. The database holds its hash alone.
How it could be broken: by whoever reads the token where the program keeps it; then until it is ended.
Tests that try: tests/protection/access/test_tokens.py, tests/attack/test_atk_06_tokens.py.
"""

from collections.abc import Collection, Iterator
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from dentatool.protection.access.internal.models import ApiToken
from dentatool.protection.access.internal.programs import OFFERED, hash_of, new_token
from dentatool.protection.access.internal.roles import Permission
from dentatool.protection.access.standing import may
from dentatool.protection.audit import record_event

__all__ = ["LONGEST", "OFFERED", "SOON", "ApiToken", "end_token", "make_token", "take_reminders", "tokens_of"]

LONGEST = timedelta(days=365)
SOON, VERY_SOON = timedelta(days=14), timedelta(days=3)  # before the last day: when its owner is told


def make_token(
    account_id: UUID, label: str, scopes: Collection[Permission], lifetime: timedelta
) -> tuple[ApiToken, str]:
    """A new token and, this once, the token itself. What nobody may give a program is left out."""
    token, prefix = new_token()
    made = ApiToken.objects.create(
        account_id=account_id,
        label=label,
        prefix=prefix,
        token_hash=hash_of(token),
        scopes=[str(permission) for permission in OFFERED if permission in scopes],
        expires_at=timezone.now() + min(lifetime, LONGEST),
    )
    record_event("authn_token_created", made, account=account_id)
    return made, token


def tokens_of(account_id: UUID) -> list[ApiToken]:
    """A person's tokens, newest first."""
    return list(ApiToken.objects.filter(account_id=account_id).order_by("-created_at"))


def end_token(account_id: UUID, token_id: UUID) -> bool:
    """End one's own token at once. False when there is none that lives."""
    ended = ApiToken.objects.filter(account_id=account_id, pk=token_id, ended_at=None).update(ended_at=timezone.now())
    if ended:
        record_event("authn_token_revoked", account=account_id, token=token_id)
    return bool(ended)


def take_reminders() -> Iterator[ApiToken]:
    """The tokens of this laboratory whose owners have to be told now that they will expire; each comes twice at most."""
    now = timezone.now()
    living = ApiToken.objects.filter(ended_at=None, expires_at__gt=now, expires_at__lte=now + SOON)
    for token in living.select_related("account").select_for_update(of=("self",)).order_by("expires_at"):
        told_until = token.reminded_at or token.created_at  # whoever makes one for a week knows that it is short
        if any(told_until < token.expires_at - ahead <= now for ahead in (SOON, VERY_SOON)) and may(
            token.account_id, Permission.API_USE
        ):
            token.reminded_at = now
            token.save(update_fields=["reminded_at"])
            yield token
