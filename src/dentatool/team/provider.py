"""The laboratory's own identity provider: setting it, and letting people in who come from it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dentatool.kit.addresses import url
from dentatool.kit.errors import NotAllowed
from dentatool.kit.formatting import moment
from dentatool.kit.mail import send
from dentatool.protection.access import Account, Role
from dentatool.protection.access.openid import IdentityProvider, describe, forget_links

COOKIE = "__Host-dentatool-provider"
REMEMBERED_S = 180 * 24 * 3600


def remember_provider(response: HttpResponse, lab_id: UUID) -> None:
    """Let this browser's sign-in page offer the laboratory's provider next time."""
    response.set_cookie(COOKIE, str(lab_id), max_age=REMEMBERED_S, secure=True, httponly=True, samesite="Lax")


def remembered_provider(request: HttpRequest) -> str:
    """The address to sign in with the provider that was last used in this browser; empty if there is none."""
    try:
        return url("provider_sign_in", UUID(request.COOKIES.get(COOKIE, "")))
    except ValueError:
        return ""


def set_provider(request: HttpRequest, *, issuer: str, client_secret: str, **facts: object) -> IdentityProvider:
    """Set or change the provider, after asking it about itself. An empty secret keeps the one that is stored.

    Whoever runs the provider can be anybody in this laboratory: hence owners alone, and all of them are told.
    Raises ProviderRefused, Blocked.
    """
    if request.person.role != Role.OWNER:  # type: ignore[attr-defined]
        raise NotAllowed("Den Anmeldedienst stellt nur ein, wer Inhaberin oder Inhaber ist.")
    described = describe(issuer)
    provider = IdentityProvider.objects.select_for_update().first() or IdentityProvider()
    before = provider.issuer, provider.client_id, provider.active
    for name in described.__slots__:
        setattr(provider, name, getattr(described, name))
    for name, value in facts.items():
        setattr(provider, name, value)
    if client_secret:
        provider.client_secret = client_secret
    provider.save()
    if before != (provider.issuer, provider.client_id, provider.active):
        if before[0] != provider.issuer or not provider.active:
            forget_links(keep_people=before[0] == provider.issuer)
        _tell_owners(request, provider)
    return provider


def _tell_owners(request: HttpRequest, provider: IdentityProvider) -> None:
    facts = {
        "who": request.person.display_name,  # type: ignore[attr-defined]
        "when": moment(timezone.now()),
        "provider": provider.issuer,
        "state": "erlaubt" if provider.active else "nicht mehr erlaubt",
    }
    for owner in Account.objects.filter(role=Role.OWNER, active=True):
        send("team/provider_changed", to=owner, **facts)
