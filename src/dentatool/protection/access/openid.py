"""Signing in with the laboratory's own identity provider (OpenID Connect), off until the owner sets one.

Promise: an answer of the provider opens a session only in the browser that asked, within ten minutes, for the
laboratory that asked, and for an existing active account of that laboratory. Authorization code with PKCE, state and
nonce; the ID token is judged by `id_token.judge`. Each laboratory has a return address of its own, and the person of a
provider is known by a hash that holds laboratory and issuer, so that no provider can speak for another's people.
An account is found by its link; a link is made by the person when signed in, or at the first sign-in when the provider
vouches for the very e-mail address that is the sign-in name. It counts as a first step: where the provider did not ask
for a second factor (`amr` names "mfa", or `acr` is one that the owner named), the product asks for its own; where the
laboratory demands a passkey, it always does.

How it could be broken: by the laboratory's own provider, which can say of anybody in that laboratory that they are
here; hence only owners set it, freshly confirmed, and all owners are told.
Tests that try: tests/protection/access/test_openid_attacks.py, test_id_token.py, tests/attack/test_atk_26_ssrf.py; and
tests/team/test_identity_provider.py against an independent provider in a process of its own.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal.discovery import Description, ProviderRefused, describe, exchange
from dentatool.protection.access.internal.entering import Entrance, enter_by_provider
from dentatool.protection.access.internal.envelopes import seal, unseal
from dentatool.protection.access.internal.id_token import Claims, TokenRefused, judge
from dentatool.protection.access.internal.identity import IdentityLink, IdentityProvider, subject_key
from dentatool.protection.access.internal.limits import PROVIDER_NETWORK, TooManyAttempts, count, counted_network
from dentatool.protection.access.internal.models import Account, Ending, Session, sign_in_key
from dentatool.protection.access.internal.sessions import ABSOLUTE_END, origin_of
from dentatool.protection.audit import record_event
from dentatool.protection.outgoing import Blocked, Unanswered
from dentatool.protection.tenancy import current, laboratory

__all__ = [
    "ERRAND_S",
    "Description",
    "Entered",
    "Errand",
    "IdentityLink",
    "IdentityProvider",
    "ProviderRefused",
    "SignInRefused",
    "describe",
    "forget_links",
    "link_account",
    "link_of",
    "provider_in_use",
    "set_out",
    "sign_in_by_provider",
]

ERRAND_S = 600
LONGEST_AGO, LEEWAY = ABSOLUTE_END, timedelta(minutes=1)
METHOD = "oidc"
_PURPOSE = "identity-errand"
_LONGEST_CODE = 4096
_STRONG = "mfa"  # RFC 8176


class SignInRefused(Exception):
    """The provider's answer opens nothing. `reason` is for the trail; people are all told the same."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Errand:
    """A person on the way to the provider: where to send them, and the note that their browser brings back."""

    address: str
    note: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody came in by the provider; where they wanted to go, and whether their account was linked just now."""

    entrance: Entrance
    target: str
    is_newly_linked: bool


def set_out(request: HttpRequest, provider: IdentityProvider, *, redirect_uri: str, target: str) -> Errand:
    """Begin a sign-in, or the linking of an account when somebody is signed in."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    person = request.person  # type: ignore[attr-defined]
    note = seal(
        _PURPOSE,
        lab=str(current().lab_id),
        issuer=provider.issuer,
        client=provider.client_id,
        session=str(person.session_id) if person else "",
        state=state,
        nonce=nonce,
        verifier=verifier,
        redirect_uri=redirect_uri,
        target=target,
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "scope": "openid email",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "max_age": str(int(LONGEST_AGO.total_seconds())),  # so that the answer says when the person proved it
    }
    if provider.strong_contexts:
        asked["acr_values"] = " ".join(_contexts(provider))
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    return Errand(f"{provider.authorization_endpoint}{joint}{urlencode(asked)}", note)


def sign_in_by_provider(request: HttpRequest, lab_id: UUID, note: str) -> Entered:
    """Judge what the provider sent back and begin a session.

    Raises SignInRefused (already in the trail), TooManyAttempts, and Http404 where no provider is in use.
    """
    if count(PROVIDER_NETWORK.of(counted_network(request))) is not None:
        raise TooManyAttempts
    facts: dict[str, Any] = {"origin": origin_of(request), "request_id": request.request_id}  # type: ignore[attr-defined]
    with laboratory(lab_id, **facts):
        provider = provider_in_use()
        provider.client_secret  # noqa: B018 - opened under this pass; the network is asked outside of it
    try:
        errand = _errand_of(request, lab_id, note, provider, session="")
        claims = _claims_for(request, provider, errand)
        if claims.proven_at is not None and timezone.now() - claims.proven_at > LONGEST_AGO + LEEWAY:
            raise SignInRefused("signed in there too long ago")
        with laboratory(lab_id, **facts):
            account_id, is_newly_linked = _account_of(provider, claims)
        with laboratory(lab_id, actor=account_id, **facts):
            is_strong = _is_strong(provider, claims)
            entrance = enter_by_provider(request, account_id, is_strong=is_strong, proven_at=claims.proven_at)
        return Entered(entrance, errand["target"], is_newly_linked)
    except SignInRefused as refused:
        with laboratory(lab_id, **facts):
            record_event("authn_login_fail", method=METHOD, reason=refused.reason)
        raise


def link_account(request: HttpRequest, note: str) -> None:
    """Link the signed-in person's account with the person that the provider names. Raises SignInRefused, Http404."""
    person = request.person  # type: ignore[attr-defined]
    provider = provider_in_use()
    errand = _errand_of(request, person.lab_id, note, provider, session=str(person.session_id))
    claims = _claims_for(request, provider, errand)
    _link(provider, Account.objects.get(pk=person.id), claims)


def link_of(request: HttpRequest) -> IdentityLink | None:
    """The signed-in person's own link."""
    return IdentityLink.objects.filter(account_id=request.person.id).first()  # type: ignore[attr-defined]


def forget_links(*, keep_people: bool) -> None:
    """The provider is another one, or none: who came in by it is out at once, and another one's people are strangers."""
    Session.objects.filter(method=METHOD, ended_at=None).update(ended_at=timezone.now(), ending=Ending.FACTOR)
    if not keep_people:
        IdentityLink.objects.all().delete()


def provider_in_use() -> IdentityProvider:
    """The provider of the laboratory whose pass is in force. Raises Http404 where none is allowed."""
    provider = IdentityProvider.objects.filter(active=True).first()
    if provider is None:
        raise Http404
    return provider


def _errand_of(
    request: HttpRequest, lab_id: UUID, note: str, provider: IdentityProvider, *, session: str
) -> dict[str, Any]:
    """The errand that this answer belongs to: of this browser, this laboratory, this provider, and not too long ago."""
    errand = unseal(_PURPOSE, note, max_age_s=ERRAND_S)
    if errand is None:
        raise SignInRefused("no errand of this browser")
    if (errand["lab"], errand["session"]) != (str(lab_id), session):
        raise SignInRefused("errand of another laboratory or person")
    if (errand["issuer"], errand["client"]) != (provider.issuer, provider.client_id):
        raise SignInRefused("errand of another provider")
    if not hmac.compare_digest(request.GET.get("state", "").encode(), errand["state"].encode()):
        raise SignInRefused("state")
    named = request.GET.get("iss")
    if named != provider.issuer and (named is not None or provider.names_itself):
        raise SignInRefused("answer of another provider")
    return errand


def _claims_for(request: HttpRequest, provider: IdentityProvider, errand: dict[str, Any]) -> Claims:
    code = request.GET.get("code", "")
    if "error" in request.GET or not 0 < len(code) <= _LONGEST_CODE:
        raise SignInRefused("the provider said no")
    try:
        token, keys = exchange(provider, code=code, verifier=errand["verifier"], redirect_uri=errand["redirect_uri"])
        return judge(token, keys, issuer=provider.issuer, client_id=provider.client_id, nonce=errand["nonce"])
    except TokenRefused as refused:
        raise SignInRefused(f"token: {refused.reason}") from refused
    except Blocked as blocked:
        _record_blocked(request, provider.lab_id)
        raise SignInRefused("address") from blocked
    except Unanswered as silence:
        raise SignInRefused("no answer") from silence


def _account_of(provider: IdentityProvider, claims: Claims) -> tuple[UUID, bool]:
    """The active account of this laboratory that is meant; linked now, if it is found by its verified address."""
    key = subject_key(current().lab_id, provider.issuer, claims.subject)
    if (link := IdentityLink.objects.select_related("account").filter(subject_key=key).first()) is not None:
        account: Account = link.account
    else:
        found = Account.objects.filter(sign_in_key=sign_in_key(claims.email)).first() if claims.email else None
        if found is None:
            raise SignInRefused("nobody here")
        account = found
    if not account.active:
        raise SignInRefused("deactivated")
    if link is None:
        _require_domain(provider, claims)
        _link(provider, account, claims)
    return account.pk, link is None


def _require_domain(provider: IdentityProvider, claims: Claims) -> None:
    if provider.email_domain and claims.email.rpartition("@")[2].casefold() != provider.email_domain.casefold():
        raise SignInRefused("domain")


def _link(provider: IdentityProvider, account: Account, claims: Claims) -> None:
    key = subject_key(current().lab_id, provider.issuer, claims.subject)
    if IdentityLink.objects.filter(account=account, subject_key=key).exists():
        return
    try:
        with transaction.atomic():
            IdentityLink.objects.create(account=account, subject_key=key)
    except IntegrityError as error:  # this person has another account, or this account another person
        raise SignInRefused("linked otherwise") from error


def _is_strong(provider: IdentityProvider, claims: Claims) -> bool:
    return _STRONG in claims.methods or (claims.context != "" and claims.context in _contexts(provider))


def _contexts(provider: IdentityProvider) -> list[str]:
    return provider.strong_contexts.replace(",", " ").split()


def _record_blocked(request: HttpRequest, lab_id: UUID) -> None:
    """Note in the trail that the provider's address led into a network of ours."""
    if request.person is not None:  # type: ignore[attr-defined]
        request.after_rollback.append(("ssrf_blocked", {"path": request.path}))  # type: ignore[attr-defined]
        return
    with laboratory(lab_id, origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
        record_event("ssrf_blocked", path=request.path)
