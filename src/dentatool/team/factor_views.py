"""One's own ways to sign in: passkeys, authenticator apps, recovery codes. Changed only shortly after signing in."""

import io
import json

import segno
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from dentatool.kit.errors import Gone, NotYet
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Permission, page
from dentatool.protection.access.factors import Outcome, OwnFactors, PasskeyRefused, Proof, codes_left
from dentatool.protection.access.openid import IdentityProvider
from dentatool.protection.access.passwords import WeakPassword, WrongPassword
from dentatool.team.notices import tell_of_changed_factor, tell_of_new_password
from dentatool.team.passkey_form import PasskeyAnswer
from dentatool.team.password_views import secret_field
from dentatool.team.second_step import said_of

NOT_THIS_APP = (
    "Dieser Code gehört nicht zu diesem QR-Code. Ist es in der App der Eintrag, den Sie gerade eingerichtet haben?"
)
LABEL = "So erkennen Sie das Gerät wieder, zum Beispiel „Handy“ oder „Schlüssel am Bund“."


class LabelForm(Form):
    """What a person calls one of their factors."""

    label = forms.CharField(label="Bezeichnung", max_length=60, help_text=LABEL)


class NewPasskeyForm(LabelForm, PasskeyAnswer):
    """A name and what the browser made."""


class NewAppForm(LabelForm):
    """A name, the code that the app shows, and the sealed key that it belongs to."""

    code = forms.CharField(
        label="Code aus der App",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    note = forms.CharField(label="Vorgang", max_length=4_000, widget=forms.HiddenInput)


class LastFactorForm(Form):
    """The password, which has to do alone from now on; and a longer one if it is too short for that."""

    old = secret_field("Jetziges Passwort", "current-password", attrs={"autofocus": True})
    new = secret_field(
        "Neues Passwort", "new-password", required=False,
        help_text="Nur nötig, wenn das jetzige kürzer als 15 Zeichen ist. Mehrere Wörter hintereinander sind gut.",
    )  # fmt: skip


@page(Permission.OWN_ACCOUNT, level="half")
@require_http_methods(["GET", "HEAD"])
def own_factors(request: HttpRequest) -> HttpResponse:
    """What there is, what is missing, and what can be added."""
    own = OwnFactors(request)
    is_half = request.person.level != "full"  # type: ignore[attr-defined]
    codes = own.of_kind("codes")
    facts = {
        "own": own,
        "passkeys": own.of_kind("passkey"),
        "apps": own.of_kind("app"),
        "codes": codes[0] if codes else None,
        "codes_left": codes_left(codes[0]) if codes else 0,
        "is_half": is_half,
        "has_provider": IdentityProvider.objects.filter(active=True).exists(),
    }
    return render(request, "team/factors.html", facts)


@page(Permission.OWN_ACCOUNT, level="half", fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def passkey_new(request: HttpRequest) -> HttpResponse:
    """Make a passkey; the page's script asks the browser for it."""
    own = OwnFactors(request)
    own.require_right_to_add("passkey")
    if not own.passkeys_possible:
        raise NotYet(
            "Passkeys gehören zu einem Namen. Öffnen Sie DentaTool unter seinem Namen, nicht unter einer IP-Adresse."
        )
    form = NewPasskeyForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            own.add_passkey(form.cleaned_data["note"], form.cleaned_data["answer"], form.cleaned_data["label"])
        except PasskeyRefused:
            form.add_error(None, "Der Passkey kam nicht zustande. Bitte versuchen Sie es noch einmal.")
        else:
            return _added(request, own, "Der Passkey ist eingerichtet.")
    facts = {"form": form, "offer": json.dumps(own.offer_passkey())}
    return render(request, "team/passkey_new.html", facts, status=422 if form.is_bound else 200)


@page(Permission.OWN_ACCOUNT, level="half", fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def app_new(request: HttpRequest) -> HttpResponse:
    """Scan the QR code, type the first code. The key travels sealed in the form; nothing is stored before."""
    own = OwnFactors(request)
    own.require_right_to_add("app")
    form = NewAppForm(posted(request))
    offered = own.offered_app(request.POST.get("note", ""))
    if request.method == "POST":
        if offered is None:
            raise Gone("Der QR-Code auf dieser Seite ist zu alt. Öffnen Sie die Seite neu und scannen Sie den neuen.")
        if form.is_valid():
            made = own.add_app(offered[0], form.cleaned_data["code"], form.cleaned_data["label"])
            if not isinstance(made, Outcome):
                return _added(request, own, "Die Authenticator-App ist eingerichtet.")
            form.add_error("code", NOT_THIS_APP if made.proof == Proof.WRONG else said_of(made))
        key, address, note = *offered, request.POST["note"]
    else:
        key, address, note = own.offer_app()
        form = NewAppForm(initial={"note": note, "label": "Handy"})
    groups = [key[at : at + 4] for at in range(0, len(key), 4)]
    facts = {"form": form, "groups": groups, "address": address, "qr": _qr(address)}
    return render(request, "team/app_new.html", facts, status=422 if form.is_bound else 200)


@page(Permission.OWN_ACCOUNT, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Ten codes, shown this once; those before are worthless."""
    own = OwnFactors(request)
    if request.method != "POST":
        return render(request, "team/recovery_codes.html", {"made": [], "has_codes": bool(own.of_kind("codes"))})
    made = own.new_recovery_codes()
    tell_of_changed_factor(own.account, "Neue Wiederherstellungscodes wurden erzeugt.")
    return render(request, "team/recovery_codes.html", {"made": made, "has_codes": True})


@page(Permission.OWN_ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
def factor_rename(request: HttpRequest, pk: object) -> HttpResponse:
    """Another name for a factor."""
    own = OwnFactors(request)
    factor = own.get(pk)
    form = LabelForm(posted(request), initial={"label": factor.label})
    if request.method == "POST" and form.is_valid():
        factor.label = form.cleaned_data["label"]
        factor.save(update_fields=["label"])
        return redirect("factors")
    facts = {"form": form, "factor": factor}
    return render(request, "team/factor_rename.html", facts, status=422 if form.is_bound else 200)


@page(Permission.OWN_ACCOUNT, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def factor_remove(request: HttpRequest, pk: object) -> HttpResponse:
    """Take a factor away, unless it is the last one that is demanded."""
    own = OwnFactors(request)
    factor = own.get(pk)
    own.require_removable(factor)
    is_last, what = own.is_last(factor), f"{factor.get_kind_display()} „{factor.label}“"
    form = LastFactorForm(posted(request)) if is_last else Form(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            own.remove(factor, **form.cleaned_data)
        except WrongPassword:
            form.add_error("old", "Das ist nicht Ihr jetziges Passwort, oder es wurde zu oft falsch eingegeben.")
        except WeakPassword as reason:
            form.add_error("new", f"Ohne zweites Verfahren muss das Passwort länger sein. {reason}")
        else:
            return _removed(request, own, what, is_new_password=bool(form.cleaned_data.get("new")))
    facts = {"factor": factor, "form": form, "is_last": is_last}
    return render(request, "team/factor_remove.html", facts, status=422 if form.is_bound else 200)


def _removed(request: HttpRequest, own: OwnFactors, what: str, *, is_new_password: bool) -> HttpResponse:
    tell_of_changed_factor(own.account, f"Entfernt: {what}.")
    messages.success(request, f"{what} ist entfernt.")
    if is_new_password:
        tell_of_new_password(own.account, "geändert")
        messages.success(request, "Das neue Passwort gilt ab jetzt. Ihre anderen Sitzungen sind beendet.")
    return redirect("factors")


def _added(request: HttpRequest, own: OwnFactors, said: str) -> HttpResponse:
    """A factor more: the person is told by e-mail, and led to the recovery codes if there are none."""
    tell_of_changed_factor(own.account, said)
    messages.success(request, said)
    return redirect("factors" if own.of_kind("codes") else "recovery_codes")


def _qr(address: str) -> SafeString:
    """The address as a QR code in SVG: shapes and attributes only, which the strict policy lets through."""
    drawn = io.BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=3, dark="#000", light="#fff", svgclass="qr",
        lineclass=None, title="QR-Code für die Authenticator-App",
    )  # fmt: skip
    return mark_safe(drawn.getvalue().decode())  # noqa: S308  (drawn here, of a key and a name that segno encodes)
