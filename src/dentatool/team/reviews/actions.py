"""Opening, deciding and closing a review of accesses (TOM 3: administrative rights are reviewed regularly).

Nobody decides about their own access. An access about which nobody decided within the term is revoked, except the last
owner's: a laboratory that locked itself out would help nobody, so that one stays open and red. Where the owner is the
only person who may decide at all, their own access is marked „nicht prüfbar durch andere“, for everybody to see, and in
the report: the sentence of TOM 3 is then not fulfilled, and no program can fulfil it.
The provider's administrative access is reviewed by command: operations/admin_review.py.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dentatool.kit.errors import NotAllowed, NotYet
from dentatool.protection.access import Account, Permission
from dentatool.protection.access.standing import LastOwner, end_access, held_by, is_last_owner, standing_of
from dentatool.protection.audit import record_event
from dentatool.team.models import LaboratoryProfile
from dentatool.team.notices import tell_owners
from dentatool.team.reviews.models import AccessReview, Decision, ReviewItem
from dentatool.team.reviews.report import report_of

INTERVAL = timedelta(days=settings.DENTATOOL_REVIEW_DAYS)
TERM = timedelta(days=14)


class OwnAccess(NotAllowed):
    """Somebody tried to decide about themselves, or about more than they hold."""

    event = "authz_fail"


def next_review_on(interval: timedelta = INTERVAL) -> datetime:
    """When the next review falls due: counted from the last, or from the founding of the laboratory."""
    last = AccessReview.objects.order_by("-opened_at").values_list("opened_at", flat=True).first()
    since = last or Account.objects.order_by("created_at").values_list("created_at", flat=True)[0]
    return since + interval


def open_review(*, by: Account | None) -> AccessReview:
    """Write down how everybody's access stands now. One review at a time."""
    LaboratoryProfile.objects.select_for_update().get()  # two at once: the second sees the first's review
    if AccessReview.objects.filter(closed_at=None).exists():
        raise NotYet("Es läuft schon eine Zugangsprüfung. Bitte zuerst diese abschließen.")
    now = timezone.now()
    review = AccessReview.objects.create(opened_at=now, opened_by=by, due_at=now + TERM)
    for account in Account.objects.filter(active=True):
        standing = standing_of(account)
        ReviewItem.objects.create(
            review=review,
            account=account,
            person=account.display_name,
            role=standing.role,
            permissions=sorted(standing.permissions),
            last_sign_in=standing.last_sign_in,
            factors=list(standing.factors),
            tokens=standing.tokens,
        )
    return review


def decide(item: ReviewItem, decision: str, *, by: Account, comment: str = "") -> None:
    """Keep or revoke one access; a revoked one ends at once."""
    item = ReviewItem.objects.select_for_update().select_related("review", "account").get(pk=item.pk)
    _require_may_decide(item, by, decision)
    if decision == Decision.REVOKED:
        if len(comment) < 3:
            raise NotYet("Bitte begründen, warum der Zugang entzogen wird. Die Begründung steht im Bericht.")
        try:
            end_access(item.account)
        except LastOwner:
            raise NotYet(
                "Das ist die letzte Inhaberin oder der letzte Inhaber. Geben Sie zuerst jemand anderem diese Rolle."
            ) from None
        _tell_owners(item, by=str(by.display_name))
    _settle(item, decision, by=by, comment=comment)


def _require_may_decide(item: ReviewItem, by: Account, decision: str) -> None:
    if item.review.closed_at is not None:
        raise NotYet("Diese Zugangsprüfung ist abgeschlossen und bleibt, wie sie ist.")
    if item.account_id == by.pk:
        raise OwnAccess("Über den eigenen Zugang entscheidet jemand anderes.")
    if decision not in (Decision.KEPT, Decision.REVOKED):
        raise NotYet("Bitte entscheiden, ob der Zugang bleibt oder entzogen wird.")
    if item.decision not in (Decision.OPEN, Decision.KEPT):
        raise NotYet("Dieser Zugang ist schon entzogen. Wieder öffnen lässt er sich unter „Team“.")
    if decision == Decision.REVOKED and not held_by(item.account) <= held_by(by):
        raise OwnAccess("Dieser Zugang darf mehr als Ihrer. Entziehen kann ihn nur, wer selbst alle diese Rechte hat.")


def close_review(review: AccessReview, *, by: Account | None) -> AccessReview:
    """Sign the report. From then on nothing in the review changes."""
    review = AccessReview.objects.select_for_update().get(pk=review.pk)
    if review.closed_at is not None:
        raise NotYet("Diese Zugangsprüfung ist schon abgeschlossen.")
    _settle_what_needs_no_decision(review)
    if count := review.items.filter(decision=Decision.OPEN).count():
        raise NotYet(f"Über {count} {'Zugang' if count == 1 else 'Zugänge'} ist noch nicht entschieden.")
    review.closed_by, closed_at = by, timezone.now()
    review.report, review.report_sha256 = report_of(review, closed_at)
    review.closed_at = closed_at
    review.save(update_fields=["closed_at", "closed_by", "report", "report_sha256"])
    record_event("review.closed", review, sha256=review.report_sha256, entries=review.items.count())
    return review


def expire(review: AccessReview) -> None:
    """After the term: revoke what nobody answered for, and close unless the last owner's access is still open."""
    _settle_what_needs_no_decision(review)
    for item in _undecided(review):
        if not is_last_owner(item.account):
            end_access(item.account)
            _tell_owners(item, by="DentaTool, weil bis zum Ende der Frist niemand entschieden hat")
            _settle(item, Decision.EXPIRED)
    if not _undecided(review).exists():
        close_review(review, by=None)


def is_alone(item: ReviewItem) -> bool:
    """Whether nobody else could decide about this access when the review was opened."""
    others = item.review.items.exclude(pk=item.pk).values_list("permissions", flat=True)
    return not any(Permission.REVIEW_DECIDE in held for held in others)


def _settle_what_needs_no_decision(review: AccessReview) -> None:
    for item in _undecided(review):
        if not item.account.active:
            _settle(item, Decision.LEFT)
        elif is_last_owner(item.account) and is_alone(item):
            _settle(item, Decision.ALONE)


def _undecided(review: AccessReview) -> "QuerySet[ReviewItem]":
    return review.items.filter(decision=Decision.OPEN).select_related("account", "review")


def _tell_owners(item: ReviewItem, *, by: str) -> None:
    tell_owners(f"Zugangsprüfung: Der Zugang von {item.person} ({item.role}) ist entzogen.", by=by, about=item.account)


def _settle(item: ReviewItem, decision: str, *, by: Account | None = None, comment: str = "") -> None:
    item.decision, item.decided_by, item.comment, item.decided_at = decision, by, comment, timezone.now()
    item.save(update_fields=["decision", "decided_by", "comment", "decided_at"])
