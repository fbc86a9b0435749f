"""Questions about the laboratory itself."""

from dentatool.team.models import LaboratoryProfile


def profile() -> LaboratoryProfile:
    """The particulars of the laboratory whose pass is in force."""
    return LaboratoryProfile.objects.get()
