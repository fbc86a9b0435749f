"""Dentists and location numbers of a practice; the practice itself is plain master data (urls.py)."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dentatool.kit.forms import posted
from dentatool.practices.forms import DentistForm, LocationForm
from dentatool.practices.models import Dentist, KnownLocation, Practice
from dentatool.protection.access import Permission, page
from dentatool.protection.access.people import colleagues


def parts_of(request: HttpRequest, practice: Practice) -> dict[str, Any]:
    """What the practice's page shows besides its own fields."""
    return {
        "dentists": list(practice.dentists.all()),
        "locations": list(practice.locations.all()),
        "location_form": LocationForm(),
        "people": colleagues(practice_id=practice.pk) if request.may(Permission.TEAM_VIEW) else [],  # type: ignore[attr-defined]
    }


@page(Permission.PRACTICES_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def dentist_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a dentist to the practice."""
    practice = get_object_or_404(Practice, pk=pk)
    form = DentistForm(posted(request), instance=Dentist(practice=practice))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, f"{form.instance} ist angelegt.")
        return redirect("practice", pk)
    facts = {"form": form, "practice": practice, "title": "Behandler anlegen"}
    return render(request, "practices/part_form.html", facts, status=422 if form.is_bound else 200)


@page(Permission.PRACTICES_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def dentist_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a dentist, or let them rest: orders keep their dentist."""
    dentist = get_object_or_404(Dentist.objects.select_for_update(of=["self"]).select_related("practice"), pk=pk)
    form = DentistForm(posted(request), instance=dentist)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Die Änderung ist gespeichert.")
        return redirect("practice", dentist.practice_id)
    facts = {"form": form, "practice": dentist.practice, "title": "Behandler ändern"}
    return render(request, "practices/part_form.html", facts, status=_status_of(form))


@page(Permission.PRACTICES_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def location_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a location number by hand."""
    practice = get_object_or_404(Practice, pk=pk)
    form = LocationForm(posted(request), instance=KnownLocation(practice=practice))
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                form.save()
            return redirect("practice", pk)
        except IntegrityError:
            form.add_error("number", "Diese Standortnummer ist bei der Praxis schon eingetragen.")
    facts = {"form": form, "practice": practice, "title": "Standortnummer eintragen"}
    return render(request, "practices/part_form.html", facts, status=422 if form.is_bound else 200)


@page(Permission.PRACTICES_CHANGE)
@require_POST
def location_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget a location number that was learnt by mistake."""
    location = get_object_or_404(KnownLocation, pk=pk)
    location.delete()
    messages.success(request, f"Standortnummer {location.number} ist entfernt.")
    return redirect("practice", location.practice_id)


def _status_of(form: DentistForm) -> int:
    """409 when somebody else was quicker, 422 when something is to be put right."""
    return 200 if not form.is_bound else 409 if form.conflict else 422
