"""What the night does for reviews: open what is due, remind, and revoke what nobody answered for."""

from datetime import timedelta

from django.utils import timezone

from dentatool.kit.mail import send
from dentatool.protection.access import Permission
from dentatool.protection.access.standing import who_may
from dentatool.team.reviews.actions import expire, next_review_on, open_review
from dentatool.team.reviews.models import AccessReview, Decision

REMIND_EVERY = timedelta(days=3)


def look_after_reviews() -> None:
    """Once a night for each laboratory. Safe to repeat."""
    now = timezone.now()
    review = AccessReview.objects.filter(closed_at=None).first()
    if review is None:
        if next_review_on() <= now:
            _tell(open_review(by=None))
    elif review.due_at <= now:
        expire(review)
    elif now - (review.reminded_at or review.opened_at) >= REMIND_EVERY:
        _tell(review)


def _tell(review: AccessReview) -> None:
    """A message to everybody who may decide: how many are open, until when."""
    open_items = review.items.filter(decision=Decision.OPEN).count()
    if open_items:
        for account in who_may(Permission.REVIEW_DECIDE):
            send("team/review", to=account, count=open_items, until=timezone.localtime(review.due_at).date())
    review.reminded_at = timezone.now()
    review.save(update_fields=["reminded_at"])
