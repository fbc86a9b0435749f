"""What people are told by e-mail: about their own account, so that they notice what they did not do themselves, and
the owners about every change of who may do what in their laboratory (TOM 6).
"""

import logging
from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from dentatool.kit.formatting import day, moment
from dentatool.kit.mail import send
from dentatool.protection.access import Account, Role
from dentatool.protection.access.factors import Entrance
from dentatool.protection.access.tokens import ApiToken
from dentatool.protection.tenancy import laboratory
from dentatool.team.queries import profile

log = logging.getLogger("dentatool.team")


def tell_of_new_device(request: HttpRequest, entrance: Entrance) -> None:
    """Somebody signed in on a device that this name was not used on before."""
    if request.person is not None:  # type: ignore[attr-defined]
        _send("team/new_device", Account.objects.get(pk=entrance.account_id), _where(request))
        return
    with laboratory(entrance.lab_id, actor=entrance.account_id):
        _send("team/new_device", Account.objects.get(pk=entrance.account_id), _where(request))


def tell_of_locked_factor(request: HttpRequest) -> None:
    """The password was right, and five codes were wrong: somebody knows the password."""
    _send("team/factor_locked", Account.objects.get(pk=request.person.id), _where(request))  # type: ignore[attr-defined]


def tell_of_changed_factor(account: Account, what: str) -> None:
    """A way to sign in was added, removed or renewed."""
    _send("team/factor_changed", account, {"what": what})


def tell_of_new_password(account: Account, how: str) -> None:
    """The password was changed or set anew."""
    _send("team/password_changed", account, {"how": how})


def tell_owners(deed: str, *, by: str, about: Account | None = None) -> None:
    """Who may do what has changed. Every owner is told, whoever did it: it may have been somebody at their screen.

    `about`: the person whose access it is, who is told as well.
    """
    facts = {"deed": deed, "by": by, "laboratory": profile().name}
    owners = _owners()
    for told in (*owners, *([about] if about is not None and about not in owners else [])):
        _send("team/rights_changed", told, facts)


def send_checkpoint(note: str) -> int:
    """The signed checkpoint of the sealed trail into the owners' hands, outside of this program; how many owners."""
    owners = _owners()
    for owner in owners:
        _send("team/checkpoint", owner, {"lines": note.splitlines(), "laboratory": profile().name})
    return len(owners)


def _owners() -> list[Account]:
    return [owner for owner in Account.objects.filter(role=Role.OWNER, active=True) if owner.has_password]


def tell_of_token_that_expires(token: ApiToken) -> None:
    """A program will be refused from that day on, unless its owner makes it a new token before."""
    facts = {
        "label": token.label,
        "until": day(timezone.localdate(token.expires_at)),
        "address": f"{settings.DENTATOOL_URL}/konto/zugangsschluessel/",
    }
    _send("team/token_expires", token.account, facts)


def _where(request: HttpRequest) -> dict[str, str]:
    return {"origin": request.META.get("REMOTE_ADDR", ""), "device": request.headers.get("User-Agent", "")[:120]}


def _send(template: str, account: Account, facts: Mapping[str, str | list[str]]) -> None:
    try:
        send(template, to=account, when=moment(timezone.now()), **facts)
    except ValidationError:
        log.info("no notice %s: the sign-in name of %s is no address", template, account.pk)
