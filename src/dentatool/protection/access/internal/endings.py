"""How sessions end, and everything else by which an account could still act."""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from dentatool.protection.access.internal.drafts import Draft
from dentatool.protection.access.internal.models import LONGEST_DEVICE, AccessLink, Account, ApiToken, Ending, Session
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.models import Laboratory
from dentatool.values.device import browser_family, network_of

# What was typed in a session that ended by itself is kept, if it arrives within this time: a notebook was asleep.
LATE = timedelta(hours=12)
ENDED_IN_WORDS = {
    Ending.IDLE: "Sie wurden abgemeldet, weil eine Weile niemand gearbeitet hat.",
    Ending.ABSOLUTE: "Die Höchstdauer einer Anmeldung ist erreicht. Bitte melden Sie sich neu an.",
    Ending.REMOTE: "Diese Sitzung wurde von einem anderen Gerät aus beendet.",
    Ending.TEAM: "Diese Sitzung wurde vom Labor beendet.",
    Ending.MOVED: "Ihre Anmeldung kam aus einem anderen Browser und gilt deshalb nicht mehr. Bitte melden Sie sich neu an.",
    Ending.ROLE: "Ihre Rechte wurden geändert. Bitte melden Sie sich neu an.",
    Ending.FACTOR: "Ihre Anmeldemittel wurden geändert. Bitte melden Sie sich neu an.",
    Ending.PASSWORD: "Ihr Passwort wurde geändert. Bitte melden Sie sich neu an.",
}
LONG_S = 0.5  # a request that took longer looks again whether its access still lasts
# Laboratory, session or API token, and the permission by which it is served ("": none is needed).
Holder = tuple[UUID, UUID, str]
_BY_ITSELF = (Ending.IDLE, Ending.ABSOLUTE)


def end_everything_of(account_id: UUID, reason: str, *, but: UUID | None = None) -> None:
    """End all sessions, API tokens, links, drafts and waiting jobs of an account, in the transaction in force.

    Once it commits, the next request of each is refused, and what is just being sent stops within a second. Jobs are
    refused when they are to begin or to be stored, because they are older than `access_ended_at`.
    `but`: a session of the person's own that is spared, with what it has typed (the person changed the password).
    """
    now = timezone.now()
    sessions = Session.objects.filter(account_id=account_id, ended_at=None)
    sessions = sessions if but is None else sessions.exclude(pk=but)
    sessions.update(ended_at=now, ending=reason)
    ApiToken.objects.filter(account_id=account_id, ended_at=None).update(ended_at=now)
    AccessLink.objects.filter(account_id=account_id, used_at=None).update(used_at=now)
    if but is None:
        Draft.objects.filter(account_id=account_id).delete()
        Account.objects.filter(pk=account_id).update(access_ended_at=now)
    record_event("access_ended", account=account_id, reason=str(reason))


def access_lasts(account_id: UUID, *, since: datetime) -> bool:
    """Whether this account may still act, and nobody has ended its access since then."""
    account = Account.objects.filter(pk=account_id, active=True).only("access_ended_at").first()
    return account is not None and (account.access_ended_at is None or account.access_ended_at < since)


def end_session(session_id: UUID, ending: str) -> bool:
    """End one session of this laboratory. False if there is none, or none any more."""
    open_one = Session.objects.filter(pk=session_id, ended_at=None)
    return open_one.update(ended_at=timezone.now(), ending=ending) == 1


def live_sessions() -> QuerySet[Session]:
    """The sessions of this laboratory that would still be served, last used first."""
    now = timezone.now()
    idle = timedelta(minutes=Laboratory.objects.values_list("idle_minutes", flat=True).get())
    return Session.objects.filter(ended_at=None, expires_at__gt=now, last_action_at__gt=now - idle).order_by(
        "-last_action_at"
    )


def still_good(holders: set[Holder]) -> set[Holder]:
    """Those that may go on with what they are being served. Works with and without a pass."""
    asked = list(holders)
    with connection.cursor() as cursor:
        cursor.execute(
            "select * from protection.door_still_good(%s::uuid[], %s::uuid[], %s::text[])",
            [list(each) for each in zip(*asked, strict=True)],
        )
        return {asked[place - 1] for (place,) in cursor.fetchall()}


def has_ended_since(begun: float, holder: Holder) -> bool:
    """Whether the access was ended, or the right taken, while a long request was at work. A short one is not asked."""
    return time.monotonic() - begun > LONG_S and not still_good({holder})


def watch_answer(request: HttpRequest, holder: Holder) -> None:
    """Say to whom the answer goes: a large one breaks off when their access ends (project/sending.py)."""
    request.META["dentatool.sent_to"] = holder, still_good


@dataclass(frozen=True, slots=True)
class DeadSession:
    """A session whose cookie still came, although it is over."""

    id: UUID
    lab_id: UUID
    account_id: UUID
    ending: str
    over_since: datetime

    @property
    def may_leave_a_draft(self) -> bool:
        """Whether what comes with it is what its person was just typing."""
        return self.ending in _BY_ITSELF and timezone.now() - self.over_since < LATE


def dead_session(token: str) -> DeadSession | None:
    """Whose this token was, and why it opens nothing any more; None for one that never was."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_dead_session(%s)", [hash_of(token)])
        row = cursor.fetchone()
    return DeadSession(*row) if row else None


def note_use_after_end(dead: DeadSession, request: HttpRequest) -> None:
    """The first use of a session that is over is an event. The first only: nobody shall fill the trail with it."""
    with laboratory(dead.lab_id, actor=dead.account_id, origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
        unused = Session.objects.filter(pk=dead.id, used_after_end_at=None)
        if unused.update(used_after_end_at=timezone.now()):
            record_event("session_use_after_expire", reason=dead.ending)


def is_in_other_hands(device: str, request: HttpRequest) -> bool:
    """Whether the cookie of this session comes from another kind of browser than the one it was given to."""
    began_in = browser_family(device)
    return bool(began_in) and browser_family(device_of(request)) != began_in


def end_moved(session_id: UUID, lab_id: UUID, account_id: UUID, origin: str, request: HttpRequest) -> None:
    """The person has to sign in again, and so has whoever copied the cookie."""
    is_other_network = network_of(origin) != network_of(origin_of(request))
    with laboratory(lab_id, actor=account_id, origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
        if end_session(session_id, Ending.MOVED):
            record_event("session_moved", network="anderes" if is_other_network else "gleiches")


def is_news_that_used_elsewhere(session_id: UUID, origin: str, elsewhere: list[str]) -> bool:
    """Whether one of these addresses belongs to another network, and nobody noticed yet for this session."""
    if all(network_of(other) == network_of(origin) for other in elsewhere):
        return False
    unnoticed = Session.objects.filter(pk=session_id, parallel_at=None)
    return unnoticed.update(parallel_at=timezone.now()) == 1


def origin_of(request: HttpRequest) -> str:
    """The address of the connection; behind our own proxy the one that it names (project/front). Never a bare claim."""
    return str(request.META.get("REMOTE_ADDR", ""))


def device_of(request: HttpRequest) -> str:
    """What the browser says it is."""
    return request.headers.get("User-Agent", "").replace("\0", "")[:LONGEST_DEVICE]


def hash_of(token: str) -> bytes:
    """All that is stored of a token."""
    return hashlib.sha256(token.encode()).digest()
