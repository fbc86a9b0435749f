"""Pages to order an export of the trail and to fetch it."""

from hashlib import sha256
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.errors import NotYet
from dentatool.kit.forms import Form
from dentatool.protection.access import Permission, page
from dentatool.protection.audit import record_event
from dentatool.protection.audit.sealing import checkpoint_note, head, trail_key
from dentatool.team.trail.exporting import exports_of, file_of, order_export
from dentatool.team.trail.finding import TrailFilter
from dentatool.team.trail.models import ExportState, TrailExport
from dentatool.team.trail.pages import reading_of
from dentatool.team.trail.witnessing import is_wanted
from dentatool.team.trail.words import people_of_laboratory
from dentatool.values.checkpoint import CheckpointError


class FormatForm(Form):
    """What the file is for decides its form."""

    file_format = forms.ChoiceField(
        label="Format",
        choices=[
            ("csv", "Tabelle (CSV) für Excel und LibreOffice"),
            ("jsonl", "JSON Lines für Programme"),
            ("siegel", "Versiegelt: das ganze Protokoll ohne Filter, von Prüfern nachrechenbar"),
        ],
        widget=forms.RadioSelect,
        initial="csv",
    )


@page(Permission.TRAIL_EXPORT, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest) -> HttpResponse:
    """Filter and format; what was ordered lately stands below. Taking out is reading: the purpose has to be said."""
    if (reading := reading_of(request)) is None:
        return redirect(f"{url('trail_purpose')}?{urlencode({'weiter': request.get_full_path()})}")
    filter_form = TrailFilter(request.POST or request.GET, people=people_of_laboratory())
    form = FormatForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and filter_form.is_valid():
        wanted = filter_form.wanted() | {"purpose": reading.purpose}
        order_export(wanted, form.cleaned_data["file_format"], by=request.person.id)  # type: ignore[attr-defined]
        return redirect(url("trail_export"))
    facts = {"form": form, "filter": filter_form, "seal": _seal()}
    status = 422 if request.method == "POST" or not filter_form.is_valid() else 200
    return render(request, "team/trail_export.html", facts | _ordered(request), status=status)


@page(Permission.TRAIL_EXPORT, is_action=False)
@require_safe
def ordered(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes while the background works; it asks for itself, without anybody's doing."""
    return render(request, "team/_trail_exports.html", _ordered(request))


@page(Permission.TRAIL_VIEW)
@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint: whoever keeps it can prove later that nothing before it was changed."""
    if (note := checkpoint_note()) is None:
        raise NotYet(
            "Das Protokoll ist noch nicht versiegelt; das geschieht jede Minute. Versuchen Sie es gleich noch einmal."
        )
    record_event("trail.checkpoint_fetched", sha256=sha256(note.encode()).hexdigest())
    response = HttpResponse(note, content_type="text/plain; charset=utf-8")
    name = f"pruefpunkt-{timezone.localtime():%Y-%m-%d-%H%M}.txt"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@page(Permission.TRAIL_EXPORT, fresh=True)
@require_safe
def fetch(request: HttpRequest, pk: object) -> HttpResponse:
    """The file. For the person alone who ordered it; for everybody else it does not exist."""
    found = get_object_or_404(
        TrailExport,
        pk=pk,
        account_id=request.person.id,  # type: ignore[attr-defined]
        state=ExportState.READY,
        expires_at__gt=timezone.now(),
    )
    record_event("trail.export_fetched", found, entries=found.entries, sha256=found.sha256)
    response = HttpResponse(file_of(found), content_type="application/zip")
    name = f"protokoll-{timezone.localtime(found.created_at):%Y-%m-%d-%H%M}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _ordered(request: HttpRequest) -> dict[str, object]:
    found = exports_of(request.person.id)  # type: ignore[attr-defined]
    return {"exports": found, "is_waiting": any(each.state == ExportState.WAITING for each in found)}


def _seal() -> dict[str, object]:
    """The newest checkpoint, for the eye. One that is not valid is not shown as if it were."""
    try:
        return {"head": head(), "key": trail_key().public.hex(), "mailed": is_wanted()}
    except CheckpointError as wrong:
        return {"wrong": str(wrong)}
