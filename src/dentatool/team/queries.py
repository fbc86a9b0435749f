"""Questions about the laboratory itself."""

from dentatool.protection.engine.prepared import Prepared
from dentatool.team.models import LaboratoryProfile

_profile = Prepared(lambda: LaboratoryProfile.objects.all())


def profile() -> LaboratoryProfile:
    """The particulars of the laboratory whose pass is in force."""
    for found in _profile():
        return found
    raise LaboratoryProfile.DoesNotExist
