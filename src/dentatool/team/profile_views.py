"""The page of the laboratory's own particulars."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from dentatool.kit.errors import NotAllowed
from dentatool.kit.forms import posted
from dentatool.protection.access import Permission, page
from dentatool.team.forms import ProfileForm
from dentatool.team.models import LaboratoryProfile


@page(Permission.LABORATORY_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def laboratory_profile(request: HttpRequest) -> HttpResponse:
    """See and, with the right for it, change what stands on documents and decides prices."""
    may_change = request.may(Permission.LABORATORY_CHANGE)  # type: ignore[attr-defined]
    if request.method == "POST" and not may_change:
        raise NotAllowed(
            "Die Angaben des Labors ändert nur, wer das Recht dazu hat, in der Regel die Inhaberin oder der Inhaber."
        )
    rows = (
        LaboratoryProfile.objects.select_for_update() if request.method == "POST" else LaboratoryProfile.objects.all()
    )
    form = ProfileForm(posted(request), instance=get_object_or_404(rows))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Die Angaben sind gespeichert. Sie gelten für neue Belege.")
        return redirect("laboratory")
    for field in form.fields.values():
        field.disabled = not may_change
    facts = {"form": form, "may_change": may_change}
    status = 200 if not form.is_bound else 409 if form.conflict else 422
    return render(request, "team/profile.html", facts, status=status)
