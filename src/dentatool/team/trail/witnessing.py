"""The checkpoint of the sealed trail in the owners' mailboxes: whoever holds key and database cannot reach it there.

Once a week, to all owners with an address, unless the laboratory does not want it. The trail says when it was.
Test that tries: tests/team/test_checkpoint_mail.py.
"""

from datetime import timedelta
from hashlib import sha256

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from dentatool.protection.access import Permission, page
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.sealing import checkpoint_note
from dentatool.team.models import LaboratoryProfile
from dentatool.team.notices import send_checkpoint

EVERY = timedelta(days=7)
_EARLY = timedelta(hours=12)  # a night is not always at the same minute


def mail_checkpoint_when_due() -> None:
    """In the pass of a laboratory. Nothing before the first seal, nor where nobody wants it or has an address."""
    if not is_wanted() or (note := checkpoint_note()) is None:
        return
    last = Entry.objects.filter(what="trail.checkpoint_mailed").order_by("-at").values_list("at", flat=True).first()
    if last is not None and timezone.now() - last < EVERY - _EARLY:
        return
    if owners := send_checkpoint(note):
        record_event("trail.checkpoint_mailed", count=owners, sha256=sha256(note.encode()).hexdigest())


def is_wanted() -> bool:
    """Unless the laboratory said no."""
    return not LaboratoryProfile.objects.filter(checkpoint_mail=False).exists()


@page(Permission.SECURITY_CHANGE, fresh=True)
@require_POST
def checkpoint_mail(request: HttpRequest) -> HttpResponse:
    """Order the weekly message, or have no more of it."""
    wanted = "wanted" in request.POST
    LaboratoryProfile.objects.update(checkpoint_mail=wanted)
    said = "Der Prüfpunkt kommt jede Woche per E-Mail." if wanted else "Der Prüfpunkt kommt nicht mehr per E-Mail."
    messages.success(request, said)
    return redirect("trail_export")
