"""Pages of the review of accesses."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.errors import NotYet
from dentatool.kit.forms import Form, posted
from dentatool.protection.access import Account, Permission, page
from dentatool.protection.access.standing import is_last_owner
from dentatool.protection.audit import record_event
from dentatool.team.permission_words import WORDS
from dentatool.team.reviews.actions import close_review, decide, is_alone, next_review_on, open_review
from dentatool.team.reviews.models import AccessReview, Decision, ReviewItem

_TONES = {
    Decision.OPEN: "warn", Decision.KEPT: "good", Decision.REVOKED: "neutral", Decision.EXPIRED: "neutral",
    Decision.LEFT: "quiet", Decision.ALONE: "bad",
}  # fmt: skip


class DecisionForm(Form):
    """One access: it stays, or it ends now."""

    decision = forms.ChoiceField(
        label="Entscheidung",
        choices=[(Decision.KEPT, "Der Zugang bleibt"), (Decision.REVOKED, "Der Zugang endet sofort")],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(label="Begründung", required=False, max_length=300)


@page(Permission.REVIEW_DECIDE)
@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """The one that runs, and all before it."""
    found = list(AccessReview.objects.order_by("-opened_at").defer("report"))
    facts = {
        "running": next((review for review in found if review.closed_at is None), None),
        "closed": [review for review in found if review.closed_at is not None],
        "next_on": next_review_on(),
        "is_due": next_review_on() <= timezone.now(),
    }
    return render(request, "team/reviews.html", facts)


@page(Permission.REVIEW_DECIDE, fresh=True)
@require_POST
def review_open(request: HttpRequest) -> HttpResponse:
    """Begin one now."""
    opened = open_review(by=_self(request))
    return redirect(url("review", opened.pk))


@page(Permission.REVIEW_DECIDE, fresh=True)
@require_safe
def review(request: HttpRequest, pk: object) -> HttpResponse:
    """Everybody's access as it stood, and what was decided."""
    found = get_object_or_404(AccessReview.objects.defer("report"), pk=pk)
    items = sorted(found.items.select_related("account", "decided_by"), key=lambda item: item.person.casefold())
    is_open = found.closed_at is None
    rows = [
        {
            "item": item,
            "tone": _TONES[Decision(item.decision)],
            "is_own": item.account_id == request.person.id,  # type: ignore[attr-defined]
            "may_decide": is_open
            and item.decision in (Decision.OPEN, Decision.KEPT)
            and item.account_id != request.person.id,  # type: ignore[attr-defined]
            "is_alone": is_open and item.decision == Decision.OPEN and is_alone(item),
            "stays_open": found.is_overdue and item.decision == Decision.OPEN and is_last_owner(item.account),
        }
        for item in items
    ]
    left = sum(row["item"].decision == Decision.OPEN and not row["is_alone"] for row in rows)
    return render(request, "team/review.html", {"review": found, "rows": rows, "left": left})


@page(Permission.REVIEW_DECIDE, fresh=True)
@require_http_methods(["GET", "HEAD", "POST"])
def review_item(request: HttpRequest, pk: object) -> HttpResponse:
    """Decide about one access."""
    item = get_object_or_404(ReviewItem.objects.select_related("review", "account"), pk=pk)
    form = DecisionForm(posted(request))
    facts = {"item": item, "form": form, "rights": [WORDS.get(each, each) for each in item.permissions]}
    if request.method == "POST" and form.is_valid():
        try:
            decide(item, form.cleaned_data["decision"], by=_self(request), comment=form.cleaned_data["comment"].strip())
        except NotYet as reason:
            form.add_error(None, str(reason))
            return render(request, "team/review_item.html", facts, status=409)
        messages.success(request, f"Entschieden: {item.person}.")
        return redirect(url("review", item.review_id))
    return render(request, "team/review_item.html", facts, status=422 if form.is_bound else 200)


@page(Permission.REVIEW_DECIDE, fresh=True)
@require_POST
def review_close(request: HttpRequest, pk: object) -> HttpResponse:
    """Sign and shut it."""
    found = get_object_or_404(AccessReview, pk=pk)
    close_review(found, by=_self(request))
    messages.success(request, "Die Zugangsprüfung ist abgeschlossen und unterschrieben.")
    return redirect(url("review", pk))


@page(Permission.REVIEW_DECIDE)
@require_safe
def review_report(request: HttpRequest, pk: object) -> HttpResponse:
    """The signed report."""
    found = get_object_or_404(AccessReview, pk=pk)
    if found.report is None:
        raise Http404
    record_event("review.report_fetched", found, sha256=found.report_sha256)
    response = HttpResponse(found.report, content_type="application/pdf")
    name = f"zugangspruefung-{timezone.localtime(found.opened_at):%Y-%m-%d}.pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _self(request: HttpRequest) -> Account:
    return Account.objects.get(pk=request.person.id)  # type: ignore[attr-defined]
