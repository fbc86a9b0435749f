"""Signing in with the laboratory's own identity provider, and setting it up."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.errors import NotAllowed
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import PUBLIC, Account, Permission, Role, page
from dentatool.protection.access.openid import (
    ERRAND_S,
    IdentityProvider,
    ProviderRefused,
    SignInRefused,
    link_account,
    link_of,
    provider_in_use,
    set_out,
    sign_in_by_provider,
)
from dentatool.protection.access.passwords import TooManyAttempts
from dentatool.protection.outgoing import Blocked
from dentatool.protection.tenancy import laboratory
from dentatool.team.entrance import come_in, wanted_address
from dentatool.team.notices import tell_of_changed_factor
from dentatool.team.provider import remember_provider, set_provider

ERRAND = "__Host-dentatool-errand"
LINKED = "Ihr Konto beim Anmeldedienst des Labors ist jetzt mit DentaTool verbunden: Sie können sich damit anmelden."
UNLINKED = "Ihr Konto beim Anmeldedienst des Labors ist nicht mehr mit DentaTool verbunden."
# A person who typed the address, took it from their bookmarks, or pressed our own button. For any other site we ask first:
# who is still signed in at the provider would otherwise be signed in here without having wanted it (ASVS V7.6.2).
_OWN_WISH = ("none", "same-origin")
KEEP = "Leer lassen, um das gespeicherte zu behalten."


@page(PUBLIC)
@require_safe
def provider_sign_in(request: HttpRequest, pk: UUID) -> HttpResponse:
    """To the provider of this laboratory, and back to where the person wanted to go. Another site's link is asked about."""
    if request.person is not None:  # type: ignore[attr-defined]
        return _own_start_page(request, pk)
    with laboratory(pk):
        provider = provider_in_use()
        if request.headers.get("Sec-Fetch-Site") not in _OWN_WISH:
            return render(request, "team/provider_ask.html", {"address": request.get_full_path(), "provider": provider})
        errand = set_out(request, provider, redirect_uri=_return_address(request, pk), target=wanted_address(request))
    return _carrying(HttpResponseRedirect(errand.address), errand.note)


@page(PUBLIC)
@require_safe
def provider_return(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The provider has sent the browser back: let the person in, or link the account of whoever is in already."""
    note = request.COOKIES.get(ERRAND, "")
    person = request.person  # type: ignore[attr-defined]
    if person is not None and (not note or person.level != "full" or person.lab_id != pk):
        return _own_start_page(request, pk)  # the answer once more, by the back button
    try:
        response = _link(request, note) if person else _let_in(request, pk, note)
    except SignInRefused as refused:
        if person is not None:
            request.after_rollback.append(("authn_login_fail", {"method": "oidc", "reason": refused.reason}))  # type: ignore[attr-defined]
        response = render(request, "team/provider_refused.html", status=403)
    except TooManyAttempts as reason:
        response = render(request, "team/provider_refused.html", {"reason": reason}, status=reason.status)
    response.set_cookie(ERRAND, "", max_age=0, secure=True, httponly=True, samesite="Lax")
    return response


def _own_start_page(request: HttpRequest, lab: UUID) -> HttpResponse:
    """Who is in already goes on; another laboratory does not exist."""
    if request.person.lab_id != lab:  # type: ignore[attr-defined]
        raise Http404
    return redirect("/")


def _let_in(request: HttpRequest, lab: UUID, note: str) -> HttpResponse:
    entered = sign_in_by_provider(request, lab, note)
    if entered.is_newly_linked:
        with laboratory(lab, actor=entered.entrance.account_id):
            tell_of_changed_factor(Account.objects.get(pk=entered.entrance.account_id), LINKED)
    response = come_in(request, entered.entrance, entered.target)
    remember_provider(response, lab)
    return response


def _link(request: HttpRequest, note: str) -> HttpResponse:
    link_account(request, note)
    tell_of_changed_factor(Account.objects.get(pk=request.person.id), LINKED)  # type: ignore[attr-defined]
    messages.success(request, LINKED)
    return redirect("provider_link")


@page(Permission.OWN_ACCOUNT, fresh=True)
@require_safe
def provider_link(request: HttpRequest) -> HttpResponse:
    """A person's own connection with the provider: whether there is one, and the way to make it."""
    provider, lab = provider_in_use(), request.lab_id  # type: ignore[attr-defined]
    found = link_of(request)
    errand = set_out(request, provider, redirect_uri=_return_address(request, lab), target="/")
    facts = {"provider": provider, "found": found, "address": errand.address}
    response = render(request, "team/provider_link.html", facts)
    return response if found else _carrying(response, errand.note)


@page(Permission.OWN_ACCOUNT, fresh=True)
@require_POST
def provider_unlink(request: HttpRequest) -> HttpResponse:
    """End the connection."""
    if (found := link_of(request)) is not None:
        found.delete()
        tell_of_changed_factor(Account.objects.get(pk=request.person.id), UNLINKED)  # type: ignore[attr-defined]
        messages.success(request, UNLINKED)
    return redirect("provider_link" if IdentityProvider.objects.filter(active=True).exists() else "factors")


class ProviderForm(Form):
    """What the provider and DentaTool must know about each other."""

    issuer = forms.CharField(
        label="Adresse des Anmeldedienstes (Issuer)",
        max_length=300,
        help_text="So, wie der Dienst sie nennt, zum Beispiel https://login.labor.example/realms/labor",
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
    )
    client_id = forms.CharField(
        label="Client-ID", max_length=200, help_text="Die Kennung von DentaTool bei diesem Dienst."
    )
    client_secret = forms.CharField(
        label="Client-Secret",
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    email_domain = forms.RegexField(
        r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        label="Nur E-Mail-Adressen dieser Domain",
        max_length=100,
        required=False,
        help_text="Für die erste Anmeldung über die E-Mail-Adresse, zum Beispiel labor.example",
        error_messages={"invalid": "Geben Sie nur die Domain an, zum Beispiel labor.example."},
    )
    strong_contexts = forms.CharField(
        label="acr-Werte, die einen zweiten Faktor bedeuten",
        max_length=300,
        required=False,
        help_text="Nur nötig, wenn der Dienst den zweiten Faktor nicht als amr „mfa“ meldet; mehrere mit Leerzeichen.",
    )
    active = forms.BooleanField(label="Anmelden mit diesem Dienst erlauben", required=False)


@page(Permission.SECURITY_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
def provider_settings(request: HttpRequest) -> HttpResponse:
    """See and set the laboratory's provider."""
    if request.person.role != Role.OWNER:  # type: ignore[attr-defined]
        raise NotAllowed("Den Anmeldedienst stellt nur ein, wer Inhaberin oder Inhaber ist.")
    provider, lab = IdentityProvider.objects.first(), request.lab_id  # type: ignore[attr-defined]
    form = ProviderForm(posted(request), initial=_told(provider))
    if request.method == "POST" and form.is_valid():
        try:
            set_provider(request, **form.cleaned_data)
        except (ProviderRefused, Blocked) as reason:
            form.add_error("issuer", str(reason))
            if isinstance(reason, Blocked):
                request.after_rollback.append(("ssrf_blocked", {"path": request.path}))  # type: ignore[attr-defined]
        else:
            messages.success(request, "Der Anmeldedienst ist gespeichert und hat geantwortet.")
            return redirect("provider_settings")
    facts = {
        "form": form,
        "provider": provider,
        "return_address": _return_address(request, lab),
        "sign_in_address": request.build_absolute_uri(url("provider_sign_in", lab)),
        "secret_hint": KEEP if provider and provider.client_secret else "Leer, wenn der Dienst keines vergibt.",
    }
    return render(request, "team/provider_settings.html", facts, status=422 if form.is_bound else 200)


def _told(provider: IdentityProvider | None) -> dict[str, object]:
    names = ("issuer", "client_id", "email_domain", "strong_contexts", "active")
    return {name: getattr(provider, name) for name in names} if provider else {}


def _return_address(request: HttpRequest, lab: UUID) -> str:
    return request.build_absolute_uri(url("provider_return", lab))


def _carrying(response: HttpResponse, note: str) -> HttpResponse:
    """The note of the errand goes with the browser, and comes back with the provider's answer."""
    response.set_cookie(ERRAND, note, max_age=ERRAND_S, secure=True, httponly=True, samesite="Lax")
    return response
