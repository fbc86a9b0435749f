"""Work of the night: the trail forgets what is due, and exports that nobody fetched go."""

from dentatool.kit.jobs import job
from dentatool.protection.audit.retention import expire_entries
from dentatool.team.trail import exporting


@job("trail.expire", nightly=True)
def expire_trail() -> None:
    """What is due, in batches; the rest follows the next night."""
    expire_entries()
    exporting.forget_exports()
