"""Sessions: one's own, those of the people of the laboratory, and what an open page asks about its own."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.errors import Gone
from dentatool.kit.formatting import since
from dentatool.protection.access import PUBLIC, Account, Permission, page
from dentatool.protection.access.sessions import ENDED_IN_WORDS, Ending, Session, end_session, live_sessions
from dentatool.protection.audit import record_event
from dentatool.values.device import device_in_words, network_in_words

METHODS = {
    "password": "mit Passwort",
    "totp": "mit Passwort und Einmalcode",
    "recovery": "mit Wiederherstellungscode",
    "passkey": "mit Passkey",
    "oidc": "über die Anmeldung Ihres Hauses",
    "reset": "nach neuem Passwort",
}


@page(Permission.OWN_ACCOUNT)
@require_http_methods(["GET", "HEAD", "POST"])
def own_sessions(request: HttpRequest) -> HttpResponse:
    """Where somebody is signed in with this account; end one, or all but this one."""
    person = request.person  # type: ignore[attr-defined]
    own = live_sessions().filter(account_id=person.id)
    if request.method == "POST":
        others = [session.pk for session in own if session.pk != person.session_id]
        chosen = others if request.POST.get("ende") == "alle" else [_chosen(request, others)]
        count = sum(end_session(session_id, Ending.REMOTE) for session_id in chosen)
        messages.success(request, "Die Sitzung ist beendet." if count == 1 else f"{count} Sitzungen sind beendet.")
        return redirect("own_sessions")
    rows = [_shown(session, person.session_id) for session in own]
    rows.sort(key=lambda row: not row["is_this"])
    return render(request, "team/own_sessions.html", {"rows": rows, "has_others": len(rows) > 1})


@page(Permission.TEAM_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def team_sessions(request: HttpRequest) -> HttpResponse:
    """Who of the laboratory is signed in, and where; end any of them."""
    person = request.person  # type: ignore[attr-defined]
    found = list(live_sessions())
    if request.method == "POST":
        session_id = _chosen(request, [session.pk for session in found if session.pk != person.session_id])
        end_session(session_id, Ending.TEAM)
        messages.success(request, "Die Sitzung ist beendet.")
        return redirect("team_sessions")
    names = {account.pk: account.display_name for account in Account.objects.filter(active=True)}
    rows = [{**_shown(session, person.session_id), "person": names.get(session.account_id, "")} for session in found]
    return render(request, "team/team_sessions.html", {"rows": rows})


@page(Permission.OWN_ACCOUNT, is_action=False)
@require_safe
def time_left(request: HttpRequest) -> HttpResponse:
    """How long the open page may stay: asked before the warning and before the end."""
    person = request.person  # type: ignore[attr-defined]
    session = Session.objects.only("last_action_at", "expires_at").get(pk=person.session_id)
    idle_end = session.last_action_at + timedelta(minutes=person.idle_minutes)
    return JsonResponse({"idle_s": _seconds_until(idle_end), "absolute_s": _seconds_until(session.expires_at)})


@page(Permission.OWN_ACCOUNT)
@require_POST
def go_on(request: HttpRequest) -> HttpResponse:
    """„Weiterarbeiten“, and typing: the Gate has renewed the idle time before it came here."""
    return HttpResponse(status=204)


@page(PUBLIC, is_action=False)
@require_POST
def over(request: HttpRequest) -> HttpResponse:
    """The page's time is over: end the session, if that has not happened yet, and say so at the sign-in."""
    person = request.person  # type: ignore[attr-defined]
    ending = Ending.ABSOLUTE if request.POST.get("grund") == Ending.ABSOLUTE else Ending.IDLE
    if person is not None and end_session(person.session_id, ending):
        record_event("session_expired", reason=str(ending))
        request.session_token = ""  # type: ignore[attr-defined]
    if person is not None or request.dead is not None:  # type: ignore[attr-defined]
        messages.info(request, ENDED_IN_WORDS[ending])
        request.session_token = ""  # type: ignore[attr-defined]
    return HttpResponse(status=204)


def _chosen(request: HttpRequest, offered: list[UUID]) -> UUID:
    """The session that was clicked. Foreign, ended and unknown ones look alike."""
    chosen = request.POST.get("ende", "")
    for session_id in offered:
        if str(session_id) == chosen:
            return session_id
    raise Gone("Diese Sitzung ist schon beendet.")


def _shown(session: Session, this: UUID) -> dict[str, Any]:
    now = timezone.now()
    return {
        "id": session.pk,
        "device": device_in_words(session.device),
        "network": network_in_words(session.origin),
        "since": since(session.started_at, now),
        "last": since(session.last_action_at, now),
        "method": METHODS.get(session.method, ""),
        "is_this": session.pk == this,
    }


def _seconds_until(moment: datetime) -> int:
    return max(0, int((moment - timezone.now()).total_seconds()))
