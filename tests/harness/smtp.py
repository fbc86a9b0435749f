"""A real mail server on this machine, with TLS and sign-in, that keeps what it was given.

    def test_…(anna, post_office):
        …                                                        # something that sends
        letter = post_office.wait_for(to=anna.owner.sign_in_name)
        letter.subject, letter.text, letter.links

`wait_for` does the worker's part in this process: it runs the due jobs of the laboratories that have mail waiting.
"""

import datetime
import email.policy
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.test import override_settings

logging.getLogger("mail.log").setLevel(logging.ERROR)  # the server's own remarks about itself
USER, PASSWORD = "labor", "geheim:/@%?"
SENDER = "DentaTool <dienst@dentatool.example>"


@dataclass(frozen=True)
class Letter:
    """One message as the server got it. `at` is when, by time.monotonic()."""

    sender: str
    recipients: list[str]
    raw: bytes
    at: float

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=email.policy.default)  # type: ignore[return-value]

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")

    @property
    def links(self) -> list[str]:
        """Every address in the text, in order."""
        return re.findall(r"https?://\S+", self.text)


@dataclass
class PostOffice:
    """The server's memory. `answer` is what it says to a message: set it to refuse."""

    letters: list[Letter] = field(default_factory=list)
    answer: str = "250 OK"
    url: str = ""
    ca_file: Path = Path()
    superuser: psycopg.Connection | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if not session.authenticated:
            return "530 sign in first"
        if self.answer.startswith("2"):
            told = Letter(
                str(envelope.mail_from), list(envelope.rcpt_tos), bytes(envelope.content or b""), time.monotonic()
            )
            self.letters.append(told)
        return self.answer

    def to(self, address: str, subject: str = "") -> list[Letter]:
        """What has come for this address (with this in the subject) by now, oldest first."""
        return [letter for letter in self.letters if address in letter.recipients and subject in letter.subject]

    def wait_for(self, *, to: str, subject: str = "", seconds: float = 10, count: int = 1) -> Letter:
        """The newest message to this address, once `count` have come. Does the worker's part meanwhile."""
        ending = time.monotonic() + seconds
        while len(found := self.to(to, subject)) < count and time.monotonic() < ending:
            self.deliver()
            time.sleep(0.02)
        if len(found) < count:
            got = [letter.subject for letter in self.to(to)]
            pytest.fail(f"{len(found)} of {count} messages „{subject}“ came for {to} within {seconds} s; all: {got}")
        return found[-1]

    def deliver(self) -> None:
        """Run the due jobs of every laboratory that has mail waiting."""
        from dentatool.kit.jobs import load_jobs, run_due_jobs

        load_jobs()
        assert self.superuser is not None
        waiting = self.superuser.execute(
            "select distinct lab_id from kit_job where name = 'kit.send_mail' and state = 'waiting' and run_at <= now()"
        )
        for (lab_id,) in waiting.fetchall():
            run_due_jobs(lab_id)


@pytest.fixture(scope="session")
def mail_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key, in one file."""
    return new_certificate(tmp_path_factory.mktemp("smtp") / "server.pem", "localhost")


@pytest.fixture
def post_office(superuser: psycopg.Connection, mail_certificate: Path) -> Iterator[PostOffice]:
    """A mail server that this process's settings name."""
    office = PostOffice(ca_file=mail_certificate, superuser=superuser)
    with running(office, mail_certificate) as url:
        office.url = url
        with override_settings(**in_settings(office)):
            yield office


def in_settings(office: PostOffice) -> dict[str, Any]:
    """The settings that make an installation use this server; as environment variables they have the same names."""
    names = {"DENTATOOL_SMTP_URL": office.url, "DENTATOOL_MAIL_FROM": SENDER}
    return {**names, "DENTATOOL_CA_FILE": trusting(office.ca_file)}


def trusting(*certificates: Path) -> str:
    """A file with these certificates and those that are trusted already: for DENTATOOL_CA_FILE."""
    marker = "-----BEGIN CERTIFICATE-----"
    trusted = [*certificates, *([Path(settings.DENTATOOL_CA_FILE)] if settings.DENTATOOL_CA_FILE else [])]
    bundle = certificates[0].with_name(f"trusted-{uuid4().hex}.pem")
    bundle.write_text("".join(marker + file.read_text().partition(marker)[2] for file in trusted))
    return str(bundle)


@contextmanager
def running(office: Any, certificate: Path | None, *, at_once: bool = False) -> Iterator[str]:
    """`with running(office, certificate) as url:` a server with STARTTLS (or TLS at once) on a free port."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(
        office,
        hostname="127.0.0.1",
        port=port,
        ssl_context=tls if at_once else None,
        tls_context=None if at_once else tls,
        authenticator=_may_enter,
        auth_require_tls=tls is not None and not at_once,
        ready_timeout=20,
    )
    controller.start()
    try:
        yield f"{'smtps' if at_once else 'smtp'}://{USER}:{quote(PASSWORD, safe='')}@localhost:{port}"
    finally:
        controller.stop()


def _may_enter(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object) -> AuthResult:
    known = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def new_certificate(file: Path, *names: str) -> Path:
    """Self-signed, valid for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    # A name of its own: of two certificates under one name, OpenSSL looks at the first alone.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, uuid4().hex)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    unsealed = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unsealed)
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
