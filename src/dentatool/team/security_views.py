"""The laboratory's own rules for signing in."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Permission, page
from dentatool.protection.access.factors import FactorRefused, FactorRule, set_rule
from dentatool.team.notices import tell_owners

RULES = [
    (FactorRule.OPTIONAL, "Freiwillig. Inhaber und wer abrechnen darf, brauchen es ab dem 15. Tag."),
    (FactorRule.REQUIRED, "Verlangt: Passkey oder Authenticator-App, für alle, ab der nächsten Anmeldung."),
    (
        FactorRule.PASSKEY,
        "Passkey verlangt: Passwort und App zusammen genügen nicht. Der beste Schutz vor gefälschten Seiten.",
    ),
]

# What is said where the provider asks for something in every laboratory.
LEAST = {
    FactorRule.OPTIONAL: "",
    FactorRule.REQUIRED: "Der Betreiber verlangt in allen Laboren ein zweites Verfahren. Ihr Labor kann mehr verlangen.",
    FactorRule.PASSKEY: "Der Betreiber verlangt in allen Laboren einen Passkey. Mehr gibt es nicht zu verlangen.",
}


def offered_rules() -> list[tuple[FactorRule, str]]:
    """What this installation lets a laboratory choose."""
    return [(rule, words) for rule, words in RULES if rule in FactorRule.allowed()]


class SecurityForm(Form):
    """What is asked for besides the password."""

    factor_rule = forms.ChoiceField(
        label="Zweites Anmeldeverfahren", choices=offered_rules, widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Der Betreiber verlangt von allen Laboren mehr. Wählen Sie eine der Stufen hier."},
    )  # fmt: skip


@page(Permission.SECURITY_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def security(request: HttpRequest) -> HttpResponse:
    """See and set the rule. Whoever does not fulfil it is asked at once."""
    before = FactorRule(request.person.factor_rule)  # type: ignore[attr-defined]
    form = SecurityForm(posted(request), initial={"factor_rule": before})
    if request.method == "POST" and form.is_valid():
        try:
            sent_back = set_rule(request, form.cleaned_data["factor_rule"])
        except FactorRefused as reason:
            form.add_error("factor_rule", str(reason))
        else:
            if before != (rule := FactorRule(form.cleaned_data["factor_rule"])):
                words = f"Zweites Anmeldeverfahren: {rule.label} (bisher: {before.label})."
                tell_owners(words, by=request.person.display_name)  # type: ignore[attr-defined]
            messages.success(request, _said(sent_back))
            return redirect("security")
    facts = {"form": form, "least": LEAST[FactorRule.allowed()[0]]}
    return render(request, "team/security.html", facts, status=422 if form.is_bound else 200)


def _said(sent_back: int) -> str:
    if not sent_back:
        return "Die Regel gilt ab jetzt."
    many = "1 angemeldete Person muss" if sent_back == 1 else f"{sent_back} angemeldete Personen müssen"
    return f"Die Regel gilt ab jetzt. {many} sich vor der nächsten Seite damit ausweisen."
