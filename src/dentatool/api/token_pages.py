"""The person's own tokens: to look at, to make, to end."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.api.forms import TokenForm
from dentatool.kit.errors import NotYet
from dentatool.kit.forms import posted
from dentatool.protection.access import Permission, page
from dentatool.protection.access.tokens import SOON, ApiToken, end_token, make_token, tokens_of
from dentatool.protection.audit.refusals import note_refusal
from dentatool.team.people_pages import require_only
from dentatool.team.permission_words import WORDS

MOST_TOKENS = 50


@page(Permission.API_USE)
@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens, newest first."""
    held = request.permissions  # type: ignore[attr-defined]
    rows = [_row(token, held) for token in tokens_of(request.person.id)]  # type: ignore[attr-defined]
    return render(request, "api/tokens.html", {"rows": rows})


@page(Permission.API_USE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def token_new(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    owner = request.person.id  # type: ignore[attr-defined]
    form = TokenForm(posted(request), held=request.permissions)  # type: ignore[attr-defined]
    if form.is_bound:
        require_only(request, form, "scopes")
    if not form.is_valid():
        if form.has_error("scopes", "invalid_choice"):
            note_refusal("authz_fail", path=request.path)
        return render(request, "api/token_new.html", {"form": form}, status=422 if form.is_bound else 200)
    if sum(_lives(token) for token in tokens_of(owner)) >= MOST_TOKENS:
        raise NotYet(f"Mehr als {MOST_TOKENS} Zugangsschlüssel gibt es nicht. Bitte zuerst einen beenden.")
    typed = form.cleaned_data
    made, token = make_token(owner, typed["label"], typed["scopes"], form.lifetime)
    return render(request, "api/token_made.html", {"made": made, "token": token})


@page(Permission.API_USE)
@require_POST
def token_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End one's own token at once."""
    owner = request.person.id  # type: ignore[attr-defined]
    if pk not in {token.pk for token in tokens_of(owner)}:
        raise Http404
    if end_token(owner, pk):
        messages.success(
            request, "Der Zugangsschlüssel ist beendet. Programme, die ihn benutzen, kommen nicht mehr herein."
        )
    else:
        messages.info(request, "Dieser Zugangsschlüssel war schon beendet.")
    return redirect("tokens")


def _lives(token: ApiToken) -> bool:
    return token.ended_at is None and token.expires_at > timezone.now()


def _row(token: ApiToken, held: frozenset[Permission]) -> dict[str, object]:
    state, tone = ("gilt", "good") if _lives(token) else ("beendet" if token.ended_at else "abgelaufen", "quiet")
    if _lives(token) and token.expires_at - SOON < timezone.now():
        state, tone = "läuft bald ab", "warn"
    return {
        "pk": token.pk,
        "label": token.label,
        "beginning": f"dt_{token.prefix}_…",
        "scopes": [WORDS[each] for each in WORDS if each in token.scopes and each in held],
        "lost": sum(each in token.scopes and each not in held for each in WORDS),
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "state": state,
        "tone": tone,
        "lives": _lives(token),
    }
