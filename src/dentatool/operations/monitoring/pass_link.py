"""The link to the state page: signed, for half an hour, printed by `dentatool monitor open`, until there are accounts of staff."""

from django.core import signing

LASTS_S = 1800
_SALT = "dentatool.monitoring.state"


def new_pass(by: str) -> str:
    """For whoever is named; goes into the address."""
    return signing.dumps({"by": by}, salt=_SALT, compress=False)


def holder(text: str) -> str | None:
    """Whose it is; None when it is over or none of ours."""
    try:
        return str(signing.loads(text, salt=_SALT, max_age=LASTS_S)["by"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
