"""Passwords: changing one's own, and a new one by a link that is good once."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.errors import Gone
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import PUBLIC, Permission, page
from dentatool.protection.access.factors import OwnFactors
from dentatool.protection.access.passwords import (
    TooManyAttempts,
    WeakPassword,
    WrongPassword,
    ask_reset,
    change,
    find_reset,
    judge_for,
    reset,
    shortest_for,
)
from dentatool.protection.tenancy import laboratory
from dentatool.team.notices import tell_of_new_password

USED = "Dieser Link wurde schon benutzt oder ist älter als 15 Minuten. Fordern Sie einen neuen an."
AT_MOST = 256


def secret_field(
    label: str, autocomplete: str, *, attrs: dict[str, object] | None = None, required: bool = True, help_text: str = ""
) -> forms.CharField:
    """A password as it was typed, blanks at its ends included; pasting is welcome."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete, **(attrs or {})})
    return forms.CharField(
        label=label, max_length=AT_MOST, strip=False, widget=widget, required=required, help_text=help_text
    )


class NewPasswordForm(Form):
    """A new password, once: it can be shown while it is typed."""

    new = secret_field("Neues Passwort", "new-password", attrs={"data-strength": True})


class ChangePasswordForm(NewPasswordForm):
    """The one in use now, and the new one."""

    old = secret_field("Jetziges Passwort", "current-password", attrs={"autofocus": True})
    field_order = ("old", "new")


class AskResetForm(Form):
    """Who forgot their password."""

    name = forms.CharField(
        label="Anmeldename (E-Mail)",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "inputmode": "email"}),
    )


@page(Permission.OWN_ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; the other sessions end."""
    own, form = OwnFactors(request), ChangePasswordForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            account = change(request, form.cleaned_data["old"], form.cleaned_data["new"])
        except WrongPassword:
            form.add_error("old", "Das ist nicht Ihr jetziges Passwort, oder es wurde zu oft falsch eingegeben.")
        except WeakPassword as reason:
            form.add_error("new", str(reason))
        else:
            tell_of_new_password(account, "geändert")
            messages.success(request, "Das neue Passwort gilt ab jetzt. Ihre anderen Sitzungen sind beendet.")
            return redirect("factors")
    facts = {"form": form, "shortest": shortest_for(own.account)}
    return render(request, "team/password.html", facts, status=422 if form.is_bound else 200)


@page(Permission.OWN_ACCOUNT)
@require_POST
@sensitive_post_parameters()
def password_strength(request: HttpRequest) -> HttpResponse:
    """What is said of a password while it is typed. It is judged and forgotten."""
    form = NewPasswordForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"score": 0, "reason": ""})
    verdict = judge_for(OwnFactors(request).account, form.cleaned_data["new"])
    return JsonResponse({"score": verdict.score, "reason": verdict.reason})


@page(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def reset_ask(request: HttpRequest) -> HttpResponse:
    """Ask for a link. The answer is the same for every name."""
    if request.person is not None:  # type: ignore[attr-defined]
        return redirect("password_change")
    form, status = AskResetForm(posted(request)), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                ask_reset(request, form.cleaned_data["name"])
            except TooManyAttempts as reason:
                form.add_error(None, str(reason))
                status = reason.status
            else:
                return render(request, "team/reset_asked.html", {})
    return render(request, "team/reset_ask.html", {"form": form}, status=status)


@page(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def reset_set(request: HttpRequest, token: str) -> HttpResponse:
    """Set a new password by a link. Nobody is signed in by it, and the second factor is asked for as ever."""
    if request.person is not None:  # type: ignore[attr-defined]
        return render(request, "team/reset_signed_in.html", {}, status=409)
    link = find_reset(token)
    if link is None:
        raise Gone(USED)
    form = NewPasswordForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            account = reset(request, link, form.cleaned_data["new"])
        except WeakPassword as reason:
            form.add_error("new", str(reason))
        else:
            if account is None:
                raise Gone(USED)
            with laboratory(link.lab_id, actor=link.account_id):
                tell_of_new_password(account, "neu gesetzt")
            messages.success(request, "Das neue Passwort gilt. Melden Sie sich damit an.")
            return redirect("sign_in")
    facts = {"form": form, "shortest": "12, ohne zweites Verfahren 15"}
    return render(request, "team/reset_set.html", facts, status=422 if form.is_bound else 200)
