"""The trail page: what happened in this laboratory, for those who may know and say why they look."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Permission, page
from dentatool.protection.audit import record_event
from dentatool.protection.audit.refusals import note_refusal
from dentatool.team.trail.finding import TrailFilter, page_of_trail
from dentatool.team.trail.models import Purpose, TrailReading
from dentatool.team.trail.words import grouped, people_of_laboratory, readable

PER_PAGE = 100  # entries; what one request did alike is one row


class PurposeForm(Form):
    """One click in the morning: why, and if it helps somebody later, what for."""

    purpose = forms.ChoiceField(
        label="Zweck", choices=Purpose.choices, widget=forms.RadioSelect, initial=Purpose.ROUTINE
    )
    note = forms.CharField(label="Anlass", required=False, max_length=200)


@page(Permission.TRAIL_VIEW)
@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Newest first, filtered; reading the trail is itself an entry."""
    if (reading := reading_of(request)) is None:
        return redirect(f"{url('trail_purpose')}?{urlencode({'weiter': request.get_full_path()})}")
    people = people_of_laboratory()
    form = TrailFilter(request.GET, people=people)
    wanted = form.wanted()
    if not form.is_valid():
        note_refusal("input_validation_fail", path=request.path)
    found = page_of_trail(
        wanted, before=request.GET.get("vor", ""), after=request.GET.get("nach", ""), size=PER_PAGE
    )  # fmt: skip
    record_event("trail.viewed", entries=len(found.entries), purpose=reading.purpose, **wanted)
    rows = readable(found.entries, people)
    facts: dict[str, Any] = {
        "form": form,
        "found": found,
        "rows": list(rows if wanted.get("vorgang") else grouped(rows)),
        "reading": reading,
        "query": urlencode(wanted),
    }
    return render(request, "team/trail.html", facts, status=200 if form.is_valid() else 422)


@page(Permission.TRAIL_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def purpose(request: HttpRequest) -> HttpResponse:
    """Ask why, once in each session; a later change of purpose is possible and leaves its own entry."""
    target = _within_the_trail(request.POST.get("weiter") or request.GET.get("weiter") or "")
    known = reading_of(request)
    initial = {"purpose": known.purpose, "note": known.note} if known else {}
    form = PurposeForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        TrailReading.objects.update_or_create(
            session_id=request.person.session_id,  # type: ignore[attr-defined]
            defaults={"account_id": request.person.id, **form.cleaned_data},  # type: ignore[attr-defined]
        )
        return redirect(target)
    return render(
        request, "team/trail_purpose.html", {"form": form, "weiter": target}, status=422 if form.is_bound else 200
    )


def reading_of(request: HttpRequest) -> TrailReading | None:
    """Why this session reads the trail, if that has been said."""
    return TrailReading.objects.filter(session_id=request.person.session_id).first()  # type: ignore[attr-defined]


def _within_the_trail(target: str) -> str:
    home = url("trail")
    is_own = url_has_allowed_host_and_scheme(target, allowed_hosts=None, require_https=True)
    return target if is_own and target.startswith(home) else home
