"""Work of the night: the trail forgets what is due, exports that nobody fetched go, accesses are reviewed."""

from dentatool.kit.jobs import job
from dentatool.protection.audit.retention import expire_entries
from dentatool.team.reviews.nightly import look_after_reviews
from dentatool.team.trail import exporting


@job("trail.expire", nightly=True)
def expire_trail() -> None:
    """What is due, in batches; the rest follows the next night."""
    expire_entries()
    exporting.forget_exports()


@job("team.review", nightly=True)
def review_accesses() -> None:
    """Open the half-yearly review when it is due, remind, and revoke what nobody answered for."""
    look_after_reviews()
