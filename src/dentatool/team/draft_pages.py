"""Drafts: what the page saves before a session ends, and what it offers again afterwards."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.errors import Gone
from dentatool.kit.formatting import since
from dentatool.protection.access import PUBLIC, Permission, page
from dentatool.protection.access.drafts import Draft, drafts_of, drop_draft, keep_draft
from dentatool.protection.tenancy import laboratory

MOST_FORMS = 10  # on one page


@page(Permission.OWN_ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
def drafts(request: HttpRequest) -> HttpResponse:
    """Everything that is kept for this person: go on with it where it was typed, or discard it."""
    person = request.person  # type: ignore[attr-defined]
    if request.method == "POST":
        if not drop_draft(person.id, request.POST.get("verwerfen", "")):
            raise Gone("Diese Eingaben sind schon gelöscht.")
        messages.success(request, "Die Eingaben sind verworfen.")
        return redirect("drafts")
    return render(request, "team/drafts.html", {"rows": [_shown(draft) for draft in drafts_of(person.id)]})


@page(Permission.OWN_ACCOUNT, is_action=False)
@require_safe
def drafts_here(request: HttpRequest) -> HttpResponse:
    """The drafts of one page with their content, for that page."""
    person = request.person  # type: ignore[attr-defined]
    here = [draft for draft in drafts_of(person.id) if draft.page == request.GET.get("seite")]
    found = [{**_shown(draft), "action": draft.action, "fields": draft.typed} for draft in here]
    return JsonResponse({"drafts": found})


@page(PUBLIC, is_action=False)
@require_POST
def save_drafts(request: HttpRequest) -> HttpResponse:
    """Keep what a page holds. Also from a session that has just ended by itself: the notebook was asleep."""
    person, dead = request.person, request.dead  # type: ignore[attr-defined]
    forms = _forms_in(request.body)
    if forms is None:
        return JsonResponse({"error": "Diese Eingaben lassen sich nicht sichern."}, status=422)
    if person is not None:
        return JsonResponse({"drafts": [_keep(person.id, form) for form in forms]})
    if dead is None or not dead.may_leave_a_draft:
        return JsonResponse({"error": "Bitte melden Sie sich an."}, status=401)
    with laboratory(dead.lab_id, actor=dead.account_id):
        for form in forms:
            _keep(dead.account_id, form)
    return HttpResponse(status=204)


def _forms_in(body: bytes) -> list[dict[str, Any]] | None:
    """What the page sent, if it is what our script sends."""
    try:
        sent = json.loads(body)
        forms = [
            {
                "page": str(sent["page"]),
                "action": str(form["action"]),
                "label": str(form["label"]),
                "fields": [(str(name), str(value)) for name, value in form["fields"]],
                "left_out": bool(form["left_out"]),
            }
            for form in sent["forms"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return forms if len(forms) <= MOST_FORMS else None


def _keep(account_id: Any, form: dict[str, Any]) -> str | None:
    draft = keep_draft(account_id, **form)
    return str(draft.pk) if draft else None


def _shown(draft: Draft) -> dict[str, Any]:
    return {
        "id": str(draft.pk),
        "page": draft.page,
        "label": draft.label or "Formular",
        "since": since(draft.saved_at, timezone.now()),
        "is_complete": draft.is_complete,
    }
