"""The provider's mail server: one message handed over by SMTP, always under verified TLS.

Promise: name and certificate of the server are checked before a byte of a message or a password is sent, a server
without TLS gets nothing, and whoever answers slowly is cut off after `DEADLINE_S` in all. Header values come from
`email.policy`, which refuses line breaks; the machine's own name is nowhere in a message.
How it could be broken: by a certificate authority that signs for somebody else's name.
Tests that try: tests/kit/test_post_office.py.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from threading import Timer
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

TIMEOUT_S = 10.0  # for one answer of the server
DEADLINE_S = 30.0  # for all of them: less than the database lets a transaction wait
PORTS = {"smtps": 465, "smtp": 587}


class PostOfficeError(ValueError):
    """The settings of the mail server cannot be used; the text says why, without the password."""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """Where mail is handed over. `implicit_tls`: TLS from the first byte (smtps); otherwise STARTTLS, never without."""

    host: str
    port: int
    sender: Address
    implicit_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""

    def deliver(self, message: EmailMessage, *, to: str) -> None:
        """Hand one message over for this one address. Raises OSError or SMTPException when the server did not take it."""
        with self._connection() as link:
            link.send_message(message, from_addr=self.sender.addr_spec, to_addrs=[to])

    def greet(self) -> None:
        """Connect, check the certificate, sign in: all but a message."""
        with self._connection() as link:
            link.noop()

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        tls = ssl.create_default_context()
        if self.ca_file:
            tls.load_verify_locations(self.ca_file)
        # EHLO names the sender's domain: the name of this machine is nobody's business.
        own: dict[str, Any] = {"local_hostname": self.sender.domain, "timeout": TIMEOUT_S}
        link = smtplib.SMTP_SSL(context=tls, **own) if self.implicit_tls else smtplib.SMTP(**own)
        # Not given to the constructor, which would wait for the greeting before anything can cut it off. This is the
        # name that the certificate must bear; without it smtplib refuses.
        link._host = self.host  # type: ignore[attr-defined]
        hang_up = Timer(DEADLINE_S, _cut, [link])
        hang_up.daemon = True
        hang_up.start()
        try:
            greeting, _words = link.connect(self.host, self.port)
            if greeting != 220:
                raise smtplib.SMTPConnectError(greeting, "no greeting")
            if not self.implicit_tls:
                link.starttls(context=tls)  # raises if the server does not offer it
            if self.user:
                link.login(self.user, self.password)
            yield link
            with suppress(OSError, smtplib.SMTPException):  # it has taken the message: a rude goodbye changes nothing
                link.quit()
        finally:
            hang_up.cancel()
            link.close()


def post_office(url: str, sender: str, ca_file: str = "") -> PostOffice | None:
    """The post office of the settings; None when none is set. Raises PostOfficeError for one that cannot work."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PostOfficeError("DENTATOOL_SMTP_URL ist keine Adresse.") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise PostOfficeError(
            "DENTATOOL_SMTP_URL muss smtps://name:passwort@server:465 (TLS) oder smtp://…:587 (STARTTLS) sein."
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii():
        raise PostOfficeError("DENTATOOL_SMTP_URL: Name und Passwort dürfen keine Umlaute enthalten.")
    return PostOffice(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        sender=_sender(sender),
        implicit_tls=parts.scheme == "smtps",
        user=user,
        password=password,
        ca_file=ca_file,
    )


def own_post_office() -> PostOffice | None:
    """The post office of this installation's settings."""
    return post_office(settings.DENTATOOL_SMTP_URL, settings.DENTATOOL_MAIL_FROM, settings.DENTATOOL_CA_FILE)


def compose(*, sender: Address, to: str, subject: str, body: str, name: str) -> EmailMessage:
    """A plain message that no machine answers to. `name` is the left part of its Message-ID: the same at every attempt.

    Raises ValueError when one of the values does not belong into a header.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{name}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice comes back
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(body, charset="utf-8", cte="quoted-printable")
    return message


def _sender(text: str) -> Address:
    if not text:
        raise PostOfficeError("DENTATOOL_MAIL_FROM fehlt: die Adresse, von der Nachrichten kommen.")
    name, spec = parseaddr(text)
    try:
        validate_email(spec)
        if not text.isprintable():
            raise ValueError
        return Address(display_name=name, addr_spec=spec)
    except (ValidationError, HeaderParseError, ValueError) as error:
        raise PostOfficeError("DENTATOOL_MAIL_FROM ist keine E-Mail-Adresse.") from error


def _cut(link: smtplib.SMTP) -> None:
    with suppress(OSError, AttributeError):
        link.sock.shutdown(socket.SHUT_RDWR)
