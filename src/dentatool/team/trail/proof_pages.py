"""What a laboratory takes along to prove something without this program: one entry, and the program that checks it."""

from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from dentatool.kit.addresses import url
from dentatool.kit.errors import NotYet
from dentatool.protection.access import Permission, page
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.proving import NotSealed, Unproven, proof_of
from dentatool.team.trail.pages import reading_of

VERIFIER = Path(__file__).with_name("protokoll_pruefen.py")


@page(Permission.TRAIL_EXPORT, fresh=True)
@require_safe
def proof(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One entry with its proof. It is taken out of the program, so it needs what every export needs."""
    get_object_or_404(Entry, pk=pk)
    if reading_of(request) is None:
        return redirect(f"{url('trail_purpose')}?{urlencode({'weiter': url('trail')})}")
    try:
        text = proof_of(pk)
    except NotSealed as reason:
        raise NotYet(f"{reason} Versuchen Sie es gleich noch einmal.") from reason
    except Unproven as reason:
        raise NotYet(f"Ein Nachweis ist nicht möglich: {reason} Melden Sie das dem Betreiber.") from reason
    record_event("trail.proof_fetched", record=pk)
    return _file(text, "application/json", f"nachweis-{timezone.localtime():%Y-%m-%d-%H%M}-{str(pk)[:8]}.json")


@page(Permission.TRAIL_VIEW)
@require_safe
def verifier(request: HttpRequest) -> HttpResponse:
    """The program that checks exports, proofs and checkpoints: one file, nothing else needed but Python."""
    return _file(VERIFIER.read_text(encoding="utf-8"), "text/x-python", VERIFIER.name)


def _file(text: str, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type=f"{kind}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
