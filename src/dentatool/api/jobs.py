"""Background work of the API."""

from django.utils import timezone

from dentatool.api.models import KEPT, KeptAnswer
from dentatool.kit.jobs import enqueue, job
from dentatool.kit.models import Job, JobState

_FORGET = "api.forget_answers"


@job(_FORGET, outlives_actor=True)
def forget_answers() -> None:
    """Delete answers that were kept long enough; come again when the next one is due."""
    KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    if (oldest := KeptAnswer.objects.order_by("created_at").first()) is not None:
        enqueue(_FORGET, run_at=oldest.created_at + KEPT)


def forget_in_time() -> None:
    """See to it that what was just kept is deleted one day."""
    if not Job.objects.filter(name=_FORGET, state=JobState.WAITING).exists():
        enqueue(_FORGET, run_at=timezone.now() + KEPT)
