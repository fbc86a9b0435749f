"""The outbox: a message is written in the transaction that causes it and handed over once that has committed.

    from dentatool.kit.mail import send

    send("team/reset", to=account, link=link)              # inside a laboratory's pass

`templates/mail/team/reset.txt` is plain German text: the first line is the subject, the second is empty. It knows the
facts that were given. Messages hold links and what happened to an account, never anything about a patient.

Promise: no message of a rolled-back transaction leaves the house; a message is tried until the server took it or
`TRIES` are used up; address and text lie sealed, are in no log and no trail, and the text is erased when it has been
sent or given up (a link in it opens an account). No fact can add a header, a line or a recipient.
How it could be broken: a server that takes a message and then hangs up gets it a second time, under the same Message-ID.
Tests that try: tests/kit/test_mail.py.
"""

import logging
import os
import smtplib
import unicodedata
from datetime import timedelta
from email.message import EmailMessage
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.validators import validate_email
from django.db import transaction
from django.template import engines
from django.utils import timezone
from jinja2 import Environment

from dentatool.kit.jobs import enqueue, job
from dentatool.kit.models import Mail, MailState
from dentatool.kit.post_office import PostOffice, compose, own_post_office, post_office
from dentatool.protection.access import Account
from dentatool.protection.tenancy import Pass, current, laboratory

log = logging.getLogger("dentatool.mail")

# After each failure; a link for a new password is worth nothing after an hour, an invitation after three days.
TRIES = tuple(timedelta(seconds=wait) for wait in (20, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600))
FOLDER = "mail"  # in var, and only while developing
_DEVELOPER = "DentaTool <dentatool@localhost>"


def send(template: str, *, to: Account | str, **facts: Any) -> Mail:
    """Put a message into the outbox of the laboratory whose pass is in force; it leaves after the commit.

    `to` is an account (its sign-in name) or one address. Raises ValidationError if that is no address.
    """
    address = str(to.sign_in_name if isinstance(to, Account) else to)
    validate_email(address)
    subject, _, body = _written(template, facts).partition("\n")
    held = current()
    mail = Mail(address=address, subject=subject.strip(), body=body.strip() + "\n")
    if held.practice_id is None:
        _put_into_outbox(mail)
    else:  # a practice's people write nothing into the laboratory's tables: the program does, once they are done
        transaction.on_commit(partial(_put_for_practice, mail, held))
    return mail


def _put_into_outbox(mail: Mail) -> None:
    mail.save(force_insert=True)
    enqueue("kit.send_mail", mail=str(mail.pk))


def _put_for_practice(mail: Mail, held: Pass) -> None:
    with laboratory(held.lab_id, actor=held.actor_id, origin=held.origin, request_id=held.request_id):
        _put_into_outbox(mail)


@job("kit.send_mail", outlives_actor=True)
def deliver(mail: str) -> None:
    """Hand one message of the outbox over. A failure is noted at the message and tried again later."""
    found = Mail.objects.select_for_update().filter(pk=UUID(mail), state=MailState.WAITING).first()
    if found is None:
        return
    found.attempts += 1
    try:
        _hand_over(found)
    except (OSError, smtplib.SMTPException, ValueError) as failure:  # ValueError: what no header may hold
        _put_off(found, failure)
    else:
        found.state, found.sent_at, found.body, found.last_error = MailState.SENT, timezone.now(), "", ""
    found.save(update_fields=["attempts", "state", "sent_at", "body", "last_error"])


def _hand_over(mail: Mail) -> None:
    office = own_post_office()
    if office is not None:
        office.deliver(_message(mail, office), to=_for_the_wire(mail.address))
    elif settings.DENTATOOL_MAIL_INTO_FILES:
        _lay_down(mail)
    else:
        raise NoPostOffice


class NoPostOffice(OSError):
    """No mail server is set: the message waits."""


def _message(mail: Mail, office: PostOffice) -> EmailMessage:
    return compose(
        sender=office.sender,
        to=_for_the_wire(mail.address),
        subject=mail.subject,
        body=mail.body,
        name=str(mail.pk),
    )


def _for_the_wire(address: str) -> str:
    """The domain as mail servers know it (müller.example → xn--mller-kva.example)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def _lay_down(mail: Mail) -> None:
    """While developing, a file that its owner alone may read takes the place of the mail server."""
    office = post_office("smtps://localhost", settings.DENTATOOL_MAIL_FROM or _DEVELOPER)
    assert office is not None
    folder = Path(settings.DENTATOOL_VAR) / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = os.open(folder / f"{mail.pk}.eml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(opened, "wb") as file:
        file.write(_message(mail, office).as_bytes())


def _put_off(mail: Mail, failure: Exception) -> None:
    """Later again, or given up. The kind of failure only: what a server answers may repeat the address."""
    mail.last_error = type(failure).__name__[:80]
    if mail.attempts > len(TRIES):
        mail.state, mail.body = MailState.FAILED, ""
        log.error("mail %s is given up after %s attempts: %s", mail.pk, mail.attempts, mail.last_error)
    else:
        enqueue("kit.send_mail", run_at=timezone.now() + TRIES[mail.attempts - 1], mail=str(mail.pk))
        log.warning("mail %s could not be handed over (attempt %s): %s", mail.pk, mail.attempts, mail.last_error)


def _written(template: str, facts: dict[str, Any]) -> str:
    shown = {name: _one_line(value) if isinstance(value, str) else value for name, value in facts.items()}
    return _plain_text().get_template(f"mail/{template}.txt").render(shown)


@cache
def _plain_text() -> Environment:
    """The pages' environment with its filters, but for text: nothing is escaped, since nobody reads it as HTML."""
    return engines["pages"].env.overlay(autoescape=False)  # type: ignore[attr-defined,no-any-return]


def _one_line(text: str) -> str:
    """A fact cannot begin a line of its own, nor turn the reading direction: control and format signs become blanks."""
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs") else sign for sign in text)
