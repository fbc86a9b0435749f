"""The laboratory's own rules of safety."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dentatool.kit.forms import Form
from dentatool.protection.access import Permission, page
from dentatool.protection.access.rules import LONGEST_IDLE, SHORTEST_IDLE, idle_minutes, set_idle_minutes


class IdleForm(Form):
    """How long a screen may stand open unattended."""

    idle_minutes = forms.IntegerField(
        label="Abmeldung nach Minuten ohne Bedienung",
        min_value=SHORTEST_IDLE,
        max_value=LONGEST_IDLE,
        help_text=f"{SHORTEST_IDLE} bis {LONGEST_IDLE} Minuten; üblich sind 15. Zwei Minuten vorher erscheint eine Warnung.",
    )


@page(Permission.SECURITY_CHANGE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def idle_rule(request: HttpRequest) -> HttpResponse:
    """See and set the rules for everybody who works in this laboratory."""
    form = IdleForm(request.POST) if request.method == "POST" else IdleForm(initial={"idle_minutes": idle_minutes()})
    if form.is_bound and form.is_valid():
        set_idle_minutes(form.cleaned_data["idle_minutes"])
        messages.success(request, "Gespeichert. Die neue Zeit gilt ab sofort für alle.")
        return redirect("idle_rule")
    return render(request, "team/idle_rule.html", {"form": form}, status=422 if form.is_bound else 200)
