"""Signing in and out."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.forms import Form
from dentatool.protection.access import PUBLIC, Permission, page, sign_in, sign_out

UNKNOWN = "Anmeldename und Passwort passen nicht zusammen. Prüfen Sie beides und versuchen Sie es erneut."


class SignInForm(Form):
    """Name and password; pasting and password managers are welcome (WCAG 2.2, 3.3.8)."""

    name = forms.CharField(
        label="Anmeldename (E-Mail)",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "inputmode": "email"}),
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
    target = _own_address(request, request.POST.get("weiter") or request.GET.get("weiter") or "/")
    if request.person is not None:  # type: ignore[attr-defined]
        return redirect(target)
    if request.method != "POST":
        return render(request, "team/sign_in.html", {"form": SignInForm(), "weiter": target})
    form = SignInForm(request.POST)
    if form.is_valid():
        if sign_in(request, form.cleaned_data["name"], form.cleaned_data["password"]):
            return redirect(target)
        form.add_error(None, UNKNOWN)
    return render(request, "team/sign_in.html", {"form": form, "weiter": target}, status=422)


@page(Permission.OVERVIEW_VIEW)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the session on the server and in the browser."""
    sign_out(request)
    return redirect("sign_in")


def _own_address(request: HttpRequest, target: str) -> str:
    """Only addresses of this very site; anything else leads to the start page."""
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=True)
    return target if safe and target.startswith("/") else "/"
