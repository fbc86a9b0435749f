"""The first visit of somebody who was invited: they confirm their name and set their own password."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from dentatool.kit.errors import Gone, error_page
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import PUBLIC, Account, page
from dentatool.protection.access.passwords import WeakPassword
from dentatool.protection.access.people import accept, find_invitation, note_bad_link
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory
from dentatool.team.people_pages import TAMPERED, is_untouched
from dentatool.team.queries import profile

USED = "Diese Einladung wurde schon benutzt, zurückgenommen oder ist älter als 72 Stunden. Bitten Sie um eine neue."
SHORTEST, LONGEST = 15, 256


class JoinForm(Form):
    """Who comes, and with which password. Pasting and password managers are welcome."""

    name = forms.CharField(
        label="Ihr Name", max_length=120, help_text="So sehen Sie die anderen.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )  # fmt: skip
    password = forms.CharField(
        label="Ihr Passwort",
        max_length=LONGEST,
        strip=False,
        help_text=f"Mindestens {SHORTEST} Zeichen; am besten ein Satz, den nur Sie kennen. Niemand sonst setzt oder kennt es.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@page(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Join by a link that is good once. The same answer for every link that opens nothing."""
    if request.person is not None:  # type: ignore[attr-defined]
        return render(request, "team/join_signed_in.html", {}, status=409)
    invitation = find_invitation(token)
    if invitation is None:
        note_bad_link(request)
        raise Gone(USED)
    with laboratory(invitation.lab_id, actor=invitation.account_id):
        account = Account.objects.get(pk=invitation.account_id)
        facts = {"laboratory": profile().name, "address": str(account.sign_in_name)}
        name = str(account.display_name)
        if request.method == "POST" and not is_untouched(request, JoinForm.base_fields):
            record_event("authz_fail", path=request.path.replace(token, "…"), reason=TAMPERED)
            return error_page(request, 403, "Das geht so nicht", TAMPERED)
    form = JoinForm(posted(request), initial={"name": name})
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            if accept(request, invitation, name=wanted["name"], password=wanted["password"]) is None:
                raise Gone(USED)
        except WeakPassword as reason:
            form.add_error("password", str(reason))
        else:
            messages.success(request, "Ihr Konto ist eingerichtet. Melden Sie sich jetzt an.")
            return redirect("sign_in")
    return render(request, "team/join.html", {**facts, "form": form}, status=422 if form.is_bound else 200)
