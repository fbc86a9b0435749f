"""All tables of protection, where Django looks for them."""

from dentatool.protection.access.internal.drafts import Draft
from dentatool.protection.access.internal.identity import IdentityLink, IdentityProvider
from dentatool.protection.access.internal.models import (
    AccessLink,
    Account,
    ApiToken,
    Attempt,
    Factor,
    LaboratoryRole,
    ResetRequest,
    Session,
)
from dentatool.protection.audit.internal.models import Checkpoint, Entry, Leaf, PlatformEvent
from dentatool.protection.tenancy.internal.models import Laboratory
from dentatool.protection.vault.internal.models import LabKey

__all__ = [
    "AccessLink",
    "Account",
    "ApiToken",
    "Attempt",
    "Checkpoint",
    "Draft",
    "Entry",
    "Factor",
    "IdentityLink",
    "IdentityProvider",
    "LabKey",
    "Laboratory",
    "LaboratoryRole",
    "Leaf",
    "PlatformEvent",
    "ResetRequest",
    "Session",
]
