"""The way out: requests to addresses that somebody typed in, made so that they reach the internet and nothing of ours.

Promise (ATK-26): https alone, port 443, the name resolved once and every address it has looked at; connected is the
address that was looked at, with the certificate checked against the name. Private, local and special networks are
refused, in whatever spelling, also as IPv4 inside IPv6. No redirect is followed, no proxy asked, nothing larger than
`LARGEST` read, nobody waited for longer than `DEADLINE_S`. `DENTATOOL_PRIVATE_HOSTS` names the exceptions
(`keycloak.lan` or `keycloak.lan:8443`): what a laboratory or the provider runs in their own network.

How it could be broken: by a public address that itself passes requests on into our network; by who may set the
variable. Tests that try: tests/attack/test_atk_26_ssrf.py.
"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings

HTTPS = 443
TIMEOUT_S, DEADLINE_S = 5.0, 10.0
LARGEST = 256 * 1024
LONGEST_ADDRESS = 1000
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are the IPv4 address that is meant


class Blocked(ValueError):
    """An address that we do not go to. The message is for people."""


class Unanswered(OSError):
    """Nothing usable came back: no connection, no valid certificate, too slow, too large."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def facts(self) -> dict[str, Any]:
        """The JSON object of a good answer. Raises Unanswered for anything else."""
        try:
            found = json.loads(self.body) if self.status == 200 else None
        except (ValueError, RecursionError) as error:
            raise Unanswered("no JSON came back") from error
        if not isinstance(found, dict):
            raise Unanswered(f"no JSON object came back (status {self.status})")
        return found


def fetch(
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    largest: int | None = None,
    deadline_s: float | None = None,
) -> Answer:
    """Ask an address, by POST when there is a form or a body. Raises Blocked or Unanswered.

    `largest` (bytes) and `deadline_s` are for what the operator has fetched in the background, never for a request.
    """
    largest, deadline_s = largest or LARGEST, deadline_s or DEADLINE_S
    parts = checked(address)
    host, port = str(parts.hostname), parts.port or HTTPS
    link = _CheckedConnection(host, port, _resolved(host, port))
    sent = {"Accept": "application/json", "User-Agent": "DentaTool", **(headers or {})}
    if form is not None:
        body, sent["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
    ending = time.monotonic() + deadline_s
    hang_up = Timer(deadline_s, _cut, [link])
    hang_up.daemon = True
    hang_up.start()
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        link.request("GET" if body is None else "POST", path, body, sent)
        answer = link.getresponse()
        read = answer.read(largest + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unanswered(type(error).__name__) from error
    finally:
        hang_up.cancel()
        link.close()
    # Where the connection is cut, http.client hands out what there is as if it were all.
    if len(read) > largest or answer.length or time.monotonic() > ending:
        raise Unanswered("too large, or cut off")
    return Answer(answer.status, read)


def checked(address: str, own: Iterable[str] | None = None) -> SplitResult:
    """The parts of an address that we would go to, as far as its spelling tells. Raises Blocked.

    `own`: hosts of one's own, where the settings are not there yet.
    """
    if (
        len(address) > LONGEST_ADDRESS
        or not address.isascii()
        or not address.isprintable()
        or set(address) & set(' \\"<>')
    ):
        raise Blocked("Diese Adresse enthält unerlaubte Zeichen oder ist zu lang.")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Blocked("Das ist keine Adresse.") from error
    if parts.scheme != "https" or not host:
        raise Blocked("Die Adresse muss mit https:// beginnen.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Blocked("Die Adresse darf weder Namen noch Passwort noch # enthalten.")
    if port not in (None, HTTPS) and not _is_own(host, port, own):
        raise Blocked("Nur der Anschluss 443 ist erlaubt.")
    return parts


def _resolved(host: str, port: int) -> str:
    """One network address of this name, after a look at all of them."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise Unanswered("the name is unknown") from error
    if not _is_own(host, port) and not all(_is_public(each) for each in found):
        raise Blocked(
            "Diese Adresse führt in ein internes Netz. Steht der Dienst in Ihrem eigenen, gibt ihn der Betreiber frei."
        )
    return found[0]


def _is_own(host: str, port: int | None, named: Iterable[str] | None = None) -> bool:
    """Whether whoever runs this installation has named the host as one of their own."""
    own = [each.lower() for each in (settings.DENTATOOL_PRIVATE_HOSTS if named is None else named)]
    return f"{host}:{port}" in own or (port in (None, HTTPS) and host in own)


def _is_public(address: str) -> bool:
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in _NAT64:
            return _is_public(str(IPv4Address(ip.packed[-4:])))
        if ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _CheckedConnection(http.client.HTTPSConnection):
    """Goes to the address that was looked at; name and certificate are those of the host."""

    def __init__(self, host: str, port: int, network_address: str) -> None:
        self._trusted = ssl.create_default_context()
        if settings.DENTATOOL_CA_FILE:
            self._trusted.load_verify_locations(settings.DENTATOOL_CA_FILE)
        super().__init__(host, port, timeout=TIMEOUT_S, context=self._trusted)
        self._network_address = network_address

    def connect(self) -> None:
        """The connection, under TLS."""
        self.sock = socket.create_connection((self._network_address, self.port), TIMEOUT_S)
        self.sock = self._trusted.wrap_socket(self.sock, server_hostname=self.host)


def _cut(link: http.client.HTTPSConnection) -> None:
    with suppress(OSError, AttributeError):
        link.sock.shutdown(socket.SHUT_RDWR)
