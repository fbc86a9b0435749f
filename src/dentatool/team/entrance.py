"""Signing in and out: name and password, or a passkey alone."""

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.addresses import own_address, url
from dentatool.kit.forms import Form
from dentatool.protection.access import PUBLIC, Permission, page, sign_in, sign_out
from dentatool.protection.access.factors import Entrance, offer_sign_in, sign_in_by_passkey
from dentatool.protection.access.passwords import TooManyAttempts
from dentatool.team.notices import tell_of_new_device
from dentatool.team.passkey_form import PasskeyAnswer
from dentatool.team.provider import remembered_provider

# The same for whoever is unknown, locked or deactivated; what happens after five tries is therefore always said.
UNKNOWN = (
    "Anmeldename und Passwort passen nicht zusammen. Prüfen Sie beides und versuchen Sie es erneut. "
    "Nach fünf Fehlversuchen wird ein Name an fremden Geräten einige Minuten lang nicht angenommen."
)
NO_PASSKEY = "Dieser Passkey wurde nicht angenommen. Versuchen Sie es noch einmal oder melden Sie sich mit Passwort an."


class SignInForm(Form):
    """Name and password; pasting and password managers are welcome (WCAG 2.2, 3.3.8)."""

    name = forms.CharField(
        label="Anmeldename (E-Mail)",
        max_length=200,
        # "webauthn": the browser offers a passkey where it offers the name.
        widget=forms.TextInput(attrs={"autocomplete": "username webauthn", "autofocus": True, "inputmode": "email"}),
    )
    password = forms.CharField(
        label="Passwort",
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@page(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def enter(request: HttpRequest) -> HttpResponse:
    """The sign-in page. The same words and the same work for every kind of refusal."""
    target = wanted_address(request)
    if request.person is not None:  # type: ignore[attr-defined]
        return redirect(target if request.person.level == "full" else _second_step(target))  # type: ignore[attr-defined]
    if request.method != "POST":
        return _sign_in_page(request, SignInForm())
    form, status = SignInForm(request.POST), 422
    if form.is_valid():
        try:
            if entrance := sign_in(request, form.cleaned_data["name"], form.cleaned_data["password"]):
                return come_in(request, entrance, target)
            form.add_error(None, UNKNOWN)
        except TooManyAttempts as reason:
            form.add_error(None, str(reason))
            status = reason.status
    return _sign_in_page(request, form, status)


@page(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def enter_by_passkey(request: HttpRequest) -> HttpResponse:
    """A passkey as the only step. Asked for: a fresh challenge, for the script of the sign-in page."""
    if request.person is not None:  # type: ignore[attr-defined]
        return redirect("sign_in")
    if request.method != "POST":
        return JsonResponse(offer_sign_in(request))
    answer, form, status = PasskeyAnswer(request.POST), SignInForm(), 422
    form.is_bound, form.cleaned_data, form._errors = True, {}, {}  # type: ignore[attr-defined]
    try:
        if answer.is_valid() and (entrance := sign_in_by_passkey(request, **answer.cleaned_data)):
            return come_in(request, entrance, wanted_address(request))
        form.add_error(None, NO_PASSKEY)
    except TooManyAttempts as reason:
        form.add_error(None, str(reason))
        status = reason.status
    return _sign_in_page(request, form, status)


@page(Permission.OWN_ACCOUNT, level="half")
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the session on the server and in the browser."""
    sign_out(request)
    return redirect("sign_in")


def come_in(request: HttpRequest, entrance: Entrance, target: str) -> HttpResponse:
    """On to where the person wanted to go, or to the step that is still missing."""
    if entrance.level != "full":
        return redirect(_second_step(target))
    if entrance.is_new_device:
        tell_of_new_device(request, entrance)
    return redirect(target)


def wanted_address(request: HttpRequest) -> str:
    """Where the person wanted to go: only addresses of this very site; anything else leads to the start page."""
    return own_address(request, request.POST.get("weiter") or request.GET.get("weiter") or "/")


def _second_step(target: str) -> str:
    return f"{url('second_step')}?{urlencode({'weiter': target})}"


def _sign_in_page(request: HttpRequest, form: SignInForm, status: int = 200) -> HttpResponse:
    return render(
        request,
        "team/sign_in.html",
        {"form": form, "weiter": wanted_address(request), "provider": remembered_provider(request)},
        status=status,
    )
