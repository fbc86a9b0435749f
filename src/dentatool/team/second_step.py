"""The step after the password: a passkey, a code of the authenticator app, or a recovery code."""

import json

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Permission, page
from dentatool.protection.access.factors import Entrance, Outcome, Proof, SecondStep
from dentatool.team.entrance import come_in, wanted_address
from dentatool.team.notices import tell_of_locked_factor
from dentatool.team.passkey_form import PasskeyAnswer

WRONG = "Dieser Code stimmt nicht oder wurde schon benutzt. Nehmen Sie den nächsten, den die App zeigt."
LOCKED = "Nach fünf falschen Codes ist dieses Verfahren für mindestens 15 Minuten gesperrt. Ein anderes Verfahren geht sofort."
JUST_OVER_S = 45  # as late as a code of the step before can be: then its person was slow, not the clock
NO_PASSKEY = "Dieser Passkey gehört nicht zu Ihrem Konto oder wurde nicht bestätigt. Versuchen Sie es noch einmal."


class AppCodeForm(Form):
    """Six digits; phones offer the code from the app."""

    code = forms.CharField(
        label="Code aus der App",
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class RecoveryCodeForm(Form):
    """One of the ten codes that were shown once."""

    code = forms.CharField(
        label="Wiederherstellungscode",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True, "spellcheck": "false"}),
    )


@page(Permission.OWN_ACCOUNT, level="half")
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Give the second step; who has none yet is led to adding one."""
    step, form = SecondStep(request), AppCodeForm(posted(request))
    if request.person.level == "full":  # type: ignore[attr-defined]
        return redirect(wanted_address(request))
    if not step.open_kinds:
        return redirect("factors")
    if request.method == "POST" and form.is_valid():
        return _answer(request, step, step.by_app(form.cleaned_data["code"]), form, "team/second_step.html")
    return _show(request, step, form, "team/second_step.html")


@page(Permission.OWN_ACCOUNT, level="half")
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_step(request: HttpRequest) -> HttpResponse:
    """A recovery code in place of the second step."""
    step, form = SecondStep(request), RecoveryCodeForm(posted(request))
    if request.person.level == "full":  # type: ignore[attr-defined]
        return redirect(wanted_address(request))
    if request.method == "POST" and form.is_valid():
        return _answer(request, step, step.by_recovery_code(form.cleaned_data["code"]), form, "team/recovery.html")
    return _show(request, step, form, "team/recovery.html")


@page(Permission.OWN_ACCOUNT, level="half")
@require_POST
def passkey_step(request: HttpRequest) -> HttpResponse:
    """A passkey's signature as the second step."""
    step, answer = SecondStep(request), PasskeyAnswer(request.POST)
    if request.person.level == "full":  # type: ignore[attr-defined]
        return redirect(wanted_address(request))
    if answer.is_valid() and (entrance := step.by_passkey(**answer.cleaned_data)):
        return come_in(request, entrance, wanted_address(request))
    return _show(request, step, AppCodeForm(), "team/second_step.html", NO_PASSKEY)


def _answer(
    request: HttpRequest, step: SecondStep, outcome: Entrance | Outcome, form: Form, template: str
) -> HttpResponse:
    if isinstance(outcome, Entrance):
        return come_in(request, outcome, wanted_address(request))
    if outcome.proof == Proof.LOCKED:
        tell_of_locked_factor(request)
    form.add_error("code", said_of(outcome))
    return _show(request, step, form, template)


def said_of(outcome: Outcome) -> str:
    """Why a code was refused. A used one is told like a wrong one: who watched the person type learns nothing."""
    if outcome.proof == Proof.LOCKED:
        return LOCKED
    if outcome.proof == Proof.EARLY:
        return (
            f"Dieser Code gilt noch nicht: Die Uhr des Handys geht etwa {_about(outcome.ahead_s)} vor. Stellen Sie sie "
            "auf automatische Zeit und geben Sie in einer Minute den Code ein, den die App dann zeigt."
        )
    if outcome.proof == Proof.LATE:
        if -outcome.ahead_s <= JUST_OVER_S:
            return "Dieser Code ist gerade abgelaufen. Geben Sie den ein, den die App jetzt zeigt."
        return (
            "Dieser Code ist abgelaufen. Geben Sie den ein, den die App jetzt zeigt. Ist es derselbe, geht die Uhr des "
            f"Handys etwa {_about(-outcome.ahead_s)} nach: Stellen Sie sie auf automatische Zeit."
        )
    return WRONG


def _about(seconds: int) -> str:
    if seconds < 45:
        return "eine halbe Minute"
    return "eine Minute" if seconds < 90 else f"{round(seconds / 60)} Minuten"


def _show(request: HttpRequest, step: SecondStep, form: Form, template: str, wrong: str = "") -> HttpResponse:
    facts = {
        "form": form,
        "kinds": step.open_kinds,
        "offer": json.dumps(step.offer_passkey()) if "passkey" in step.open_kinds else "",
        "weiter": wanted_address(request),
        "wrong": wrong,
    }
    return render(request, template, facts, status=422 if form.is_bound or wrong else 200)
