"""The mail server's side: verified TLS or nothing, and whoever is slow is cut off."""

import smtplib
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest

from dentatool.kit import post_office as module
from dentatool.kit.post_office import PostOfficeError, compose, post_office
from harness.smtp import SENDER, PostOffice, new_certificate, running

REFUSED = (OSError, smtplib.SMTPException)


def hand_over(url, ca_file=""):
    office = post_office(url, SENDER, str(ca_file))
    assert office is not None
    message = compose(sender=office.sender, to="x@praxis.example", subject="Betreff", body="Text\n", name="1")
    office.deliver(message, to="x@praxis.example")


@pytest.mark.parametrize("at_once", [False, True])
def test_a_message_goes_over_starttls_and_over_tls_from_the_first_byte(mail_certificate, at_once):
    office = PostOffice()
    with running(office, mail_certificate, at_once=at_once) as url:
        hand_over(url, mail_certificate)

    (letter,) = office.letters
    assert letter.text == "Text\n"


@pytest.mark.parametrize("at_once", [False, True])
def test_a_certificate_that_nobody_vouches_for_gets_no_message(mail_certificate, at_once):
    office = PostOffice()
    with running(office, mail_certificate, at_once=at_once) as url, pytest.raises(ssl.SSLCertVerificationError):
        hand_over(url)

    assert office.letters == []


def test_a_certificate_of_another_name_gets_no_message(tmp_path):
    office, other = PostOffice(), new_certificate(tmp_path / "other.pem", "mail.boese.example")
    with running(office, other) as url, pytest.raises(ssl.SSLCertVerificationError):
        hand_over(url, other)

    assert office.letters == []


def test_a_server_without_tls_gets_neither_password_nor_message():
    office = PostOffice()
    with running(office, None) as url, pytest.raises(smtplib.SMTPNotSupportedError):
        hand_over(url)

    assert office.letters == []


def test_a_wrong_password_is_a_failure(mail_certificate):
    office = PostOffice()
    with running(office, mail_certificate) as url, pytest.raises(smtplib.SMTPAuthenticationError):
        hand_over(url.replace("labor:", "fremd:"), mail_certificate)

    assert office.letters == []


@contextmanager
def dripping():
    """Says one sign of its greeting every tenth of a second, for ever."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            link, _ = listening.accept()
            with link:
                while not stop.wait(0.1):
                    try:
                        link.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        yield listening.getsockname()[1]
        stop.set()
        thread.join(5)


def test_a_server_that_drips_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "DEADLINE_S", 0.5)
    begun = time.monotonic()
    with dripping() as port, pytest.raises(REFUSED):
        hand_over(f"smtp://localhost:{port}")

    assert time.monotonic() - begun < 3


def test_a_server_that_is_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(REFUSED):
        hand_over(f"smtp://localhost:{listening.getsockname()[1]}")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:zwei",
        "smtps://mail.example/x?y=1",
        "smtps://müller:x@mail.example",
    ],
)
def test_unusable_settings_are_named_without_the_password(url):
    with pytest.raises(PostOfficeError, match="DENTATOOL_SMTP_URL") as refused:
        post_office(url.replace("//", "//name:geheim@", 1) if "@" not in url else url, SENDER)

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "kein-at", "Name <>", "a@b@c", "a@b\r\nBcc: c@d.example"])
def test_without_a_usable_sender_there_is_no_post_office(sender):
    with pytest.raises(PostOfficeError, match="DENTATOOL_MAIL_FROM"):
        post_office("smtps://mail.example", sender)


def test_the_password_is_decoded_and_shown_nowhere():
    office = post_office("smtps://labor:ge%3Aheim@mail.example", SENDER)

    assert office is not None
    assert (office.port, office.password) == (465, "ge:heim")
    assert "heim" not in repr(office)


@pytest.mark.parametrize("values", [{"subject": "A\r\nBcc: b@c.example"}, {"to": "a@b.example\nBcc: c@d.example"}])
def test_a_line_break_in_a_header_is_refused(values):
    office = post_office("smtps://mail.example", SENDER)
    assert office is not None
    with pytest.raises(ValueError, match=r".*"):
        compose(**{"sender": office.sender, "to": "x@y.example", "subject": "S", "body": "T", "name": "1", **values})
