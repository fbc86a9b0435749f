"""How often may be tried: counted in the database, by all workers together, before anything is computed.

What is counted is known by a keyed hash only. Who is refused is decided by the connection's own address and by the
sign-in name, never by a header.
"""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from dentatool.protection.access.internal.sessions import origin_of
from dentatool.protection.audit import record_platform_event


class TooManyAttempts(Exception):
    """This network, or the whole platform, tries too often. Says nothing about any account."""

    status = 429
    title = "Zu viele Versuche"

    def __init__(self) -> None:
        super().__init__(
            "Von diesem Anschluss kamen zu viele Versuche. Warten Sie eine Minute und versuchen Sie es dann noch "
            "einmal. Mit einem Passkey oder an einem Gerät, das Sie schon benutzt haben, geht es sofort."
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long; who goes on waits that long, then twice as long, up to `longest`."""

    name: str
    most: int
    window: timedelta
    longest: timedelta

    def of(self, *what: bytes | str) -> "Counted":
        """The count of one thing under this limit."""
        said = b"\0".join(each.encode() if isinstance(each, str) else each for each in what)
        digest = salted_hmac(f"dentatool.limit.{self.name}", said.hex(), algorithm="sha256").digest()
        return Counted(self, UUID(bytes=digest[:16]))


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing whose tries are counted."""

    limit: Limit
    id: UUID


_MINUTE = timedelta(minutes=1)
# security.md section 7. The account's limit is the sign-in name's, so that a name that does not exist has one too.
ACCOUNT = Limit("account", 5, 5 * _MINUTE, 60 * _MINUTE)
DEVICE = Limit("device", 5, 5 * _MINUTE, 60 * _MINUTE)
NETWORK = Limit("network", 10, _MINUTE, _MINUTE)
PLATFORM = Limit("platform", 300, _MINUTE, _MINUTE)
RESET = Limit("reset", 3, 15 * _MINUTE, 60 * _MINUTE)
PASSKEY_NETWORK = Limit("passkey-network", 60, _MINUTE, _MINUTE)
PROVIDER_NETWORK = Limit("provider-network", 60, _MINUTE, _MINUTE)
BAD_LINK = Limit("bad-link", 20, _MINUTE, _MINUTE)
NOTED = Limit("noted", 30, 60 * _MINUTE, 60 * _MINUTE)
ONCE = Limit("once", 1, 24 * 60 * _MINUTE, 24 * 60 * _MINUTE)
_WITHOUT_WAITING = "set_config('synchronous_commit', 'off', true), "
_NOTED = {"network", "platform", "passkey-network", "wrong-token", "token", "token-network"}  # when a block begins


def of_programs() -> tuple[Limit, Limit, Limit]:
    """How often one token may ask, all tokens behind one address, and wrong tokens from there."""
    most = int(settings.DENTATOOL_API_PER_MINUTE)
    shares = {"token": most, "token-network": 2 * most, "wrong-token": max(most // 20, 1)}
    of_token, of_network, of_wrong = (Limit(name, share, _MINUTE, _MINUTE) for name, share in shares.items())
    return of_token, of_network, of_wrong


def count(*counted: Counted, is_routine: bool = False) -> Counted | None:
    """Count one try of each, in this order. None when all may; otherwise the first that was tried too often.

    `is_routine`: it comes with each request and is a statement of its own. Then it does not wait for the disk; all
    processes know the number at once, and only a crash of the database forgets the last moment of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"select {_WITHOUT_WAITING if is_routine else ''}"
            "protection.door_count_attempts(%s::uuid[], %s::int[], %s::int[], %s::int[])",
            [
                [each.id for each in counted],
                [each.limit.most for each in counted],
                [int(each.limit.window.total_seconds()) for each in counted],
                [int(each.limit.longest.total_seconds()) for each in counted],
            ],
        )
        answer = cursor.fetchone()[-1]
    if answer == 0:
        return None
    refused: Counted = counted[abs(answer) - 1]
    if answer < 0 and refused.limit.name in _NOTED:
        record_platform_event("excess_rate_limit_exceeded", limit=refused.limit.name)
    return refused


def tally(counted: Counted, more: int) -> int:
    """Count so many more and refuse nothing: how many there are within the time of its limit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select protection.door_tally(%s, %s, %s)",
            [counted.id, more, int(counted.limit.window.total_seconds())],
        )
        (number,) = cursor.fetchone()
    return int(number)


def give_back(*counted: Counted) -> None:
    """A try that succeeded does not count: an office full of people behind one address signs in at eight.

    One try, never the whole count: whoever has an account of the same name elsewhere could go on guessing otherwise.
    """
    with connection.cursor() as cursor:
        cursor.execute("select protection.door_give_back_attempts(%s::uuid[])", [[each.id for each in counted]])


def counted_network(request: HttpRequest) -> str:
    """What one customer of a provider has to themselves: an IPv4 address, or a /64 of IPv6.

    Narrower than `values.device.network_of`, which tells whether somebody moved.
    """
    try:
        address = ip_address(origin_of(request))
    except ValueError:
        return origin_of(request)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64"
        address = address.ipv4_mapped
    return str(address)
