"""The watch: look every minute, tell by mail, give a sign of life; and the dead man's switch for the watch itself."""

import fcntl
import os
import smtplib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from django.db import Error, connection

from dentatool.kit.post_office import PostOfficeError, compose, own_post_office
from dentatool.operations.finding import WRONG, Finding
from dentatool.operations.monitoring import webhook
from dentatool.operations.monitoring.alerts import CANNOT_LOOK, Alert, Alerts
from dentatool.operations.monitoring.heartbeat import STANDS_STILL, beat, is_wanted, last_look, recipients
from dentatool.operations.monitoring.journal import Happening
from dentatool.operations.monitoring.rules import SUSPICION
from dentatool.operations.monitoring.state_page import remember_findings
from dentatool.protection.audit import record_platform_event

LOOK_S, LOOK_AGAIN_S = 60.0, 10.0
_FAREWELL_S = 5.0
WAIT_S = 5.0  # between two tries to be the only one
RUNBOOK = "docs/runbooks/stoerungen.md"


def watch(
    var: Path,
    examine: Callable[[], list[Finding]],
    stopping: Event,
    say: Callable[[str], None],
    beside: Callable[[], None] | None = None,
) -> None:
    """Look until told to stop. What was seen changed is looked at again soon, before it is told.

    Of two at once, which would tell all twice, the second waits until the first has ended. `beside`: what only one does
    as well, in a thread of its own.
    """
    with _alone(var, stopping, say):
        other = Thread(target=beside or (lambda: None), name="beside", daemon=True)
        if not stopping.is_set():
            other.start()
        try:
            _watch(Alerts(var), examine, stopping, say)
        finally:
            connection.close()
        if other.is_alive():  # it has been told to stop, too
            other.join(_FAREWELL_S)


def _watch(alerts: Alerts, examine: Callable[[], list[Finding]], stopping: Event, say: Callable[[str], None]) -> None:
    while not stopping.is_set():
        try:
            unsettled = look(alerts, examine, say)
        except Exception as failure:  # it must not die of what it watches: five deaths a minute end the whole run
            say(f"Die Überwachung ist gestört ({type(failure).__name__}).")
            unsettled = True
        if stopping.wait(LOOK_AGAIN_S if unsettled else LOOK_S):
            return


@contextmanager
def _alone(var: Path, stopping: Event, say: Callable[[str], None]) -> Iterator[None]:
    """Until no other watch is at work here. The kernel frees the lock even after kill -9."""
    try:
        lock = os.open(var / "watch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a full disk is to be told; twice is better than not at all
        yield
        return
    try:
        is_told = False
        while not stopping.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not is_told:
                    say("Eine andere Überwachung läuft hier schon; diese wartet, bis jene endet.")
                is_told = True
                stopping.wait(WAIT_S)
        yield
    finally:
        os.close(lock)


def look(alerts: Alerts, examine: Callable[[], list[Finding]], say: Callable[[str], None]) -> bool:
    """One look: find, remember, tell. Whether something is unsettled: seen or missed only once."""
    try:
        findings = examine()
    except Exception as failure:  # whatever it is: that we cannot look is itself the fault to tell
        findings = [Finding(CANNOT_LOOK, WRONG, f"scheitert ({type(failure).__name__})", "dentatool doctor")]
    now = datetime.now(UTC)
    known = alerts.look(findings, now)
    remember_findings(alerts.var, findings)
    news = [alert for alert in known if alert.is_over or alert.is_due(now)]
    told = not news or _mail(news, known, say) or (not recipients() and (webhook.is_wanted() or not is_wanted()))
    is_through = _tell_elsewhere(alerts.var, known, news, now, say)
    if news and told:
        alerts.tell(news, now)
    try:
        alerts.hand_on(_record)
    except Error:  # when the database is there again
        connection.close()
    beat(alerts.var, say, silent=not told or not (is_through or recipients()))
    return any(alert.is_unsettled for alert in known)


def _tell_elsewhere(
    var: Path, known: list[Alert], news: list[Alert], now: datetime, say: Callable[[str], None]
) -> bool:
    """By webhook, after mail. Whether nothing waits; what goes wrong here is said, and changes nothing else."""
    if not webhook.is_wanted():
        return True
    outbox = webhook.Outbox(var)
    try:
        outbox.announce(known, news, now, lambda what: f"{RUNBOOK}, „{section(what)}“")
        return outbox.deliver(say)
    except Exception as failure:
        say(f"Webhook nicht zugestellt ({type(failure).__name__}).")
        return False


def _record(happening: Happening) -> None:
    """Into the platform's trail: the fault's name and times, not what was found."""
    facts = {"what": happening.what, "since": happening.since, "at": happening.at}
    if happening.event == "raised":
        record_platform_event("alert.raised", **facts)
    elif happening.event == "resolved":
        record_platform_event("alert.resolved", **facts)
    else:
        record_platform_event("alert.acknowledged", **facts, reason=happening.reason)


def guard(var: Path, stopping: Event, say: Callable[[str], None], every_s: float = 30.0) -> None:
    """The dead man's switch, in the worker: tells once when the watch stands still, and when it goes on."""
    begun, is_told = datetime.now(UTC), False
    while not stopping.wait(every_s):
        seen = max(last_look(var) or begun, begun)
        still = datetime.now(UTC) - seen > STANDS_STILL
        if still == is_told:
            continue
        subject = "Störung: Die Überwachung steht still" if still else "Behoben: Die Überwachung läuft wieder"
        lines = [f"Letztes Lebenszeichen: {_spoken(seen)}.", f"Was zu tun ist: {RUNBOOK}, „Überwachung“."]
        was_heard = webhook.is_wanted() and webhook.announce_now("Überwachung", f"{subject}. {lines[0]}")
        if _post(subject, lines, say) or was_heard:
            is_told = still


def _mail(news: list[Alert], known: list[Alert], say: Callable[[str], None]) -> bool:
    over = [alert for alert in news if alert.is_over]
    wrong = [alert for alert in news if not alert.is_over]
    first, kind = (wrong or over)[0], "Störung" if wrong else "Behoben"
    more = f" und {len(news) - 1} weitere" if len(news) > 1 else ""
    lines: list[str] = []
    for alert in wrong:
        lines += [f"STÖRUNG: {alert.what}", f"  {alert.found}", f"  seit {_spoken(alert.since)}"]
        lines += [f"  Was zu tun ist: {alert.mend}"] if alert.mend else []
        lines += [f"  Mehr dazu: {RUNBOOK}, „{section(alert.what)}“", ""]
    for alert in over:
        lines += [f"BEHOBEN: {alert.what}", f"  war gestört seit {_spoken(alert.since)}", ""]
    still = [alert.what for alert in known if alert.is_open and alert not in news]
    lines += [f"Außerdem noch offen: {', '.join(still)}.", ""] if still else []
    lines += (
        [
            f"Übernehmen (dann wird nicht mehr erinnert): dentatool monitor acknowledge {first.id} --by NAME --reason GRUND"
        ]
        if wrong
        else []
    )
    return _post(f"{kind}: {first.what}{more}", lines, say)


def section(what: str) -> str:
    """The section of the runbook that a fault belongs to."""
    if what.startswith(SUSPICION):
        return "Auffälligkeiten"
    kind = what.partition(" ")[0]
    return kind if kind in ("Datei", "Protokoll") else what


def _post(subject: str, lines: Iterable[str], say: Callable[[str], None]) -> bool:
    """Straight to the mail server, past database and outbox, which may be what is broken. Whether anybody got it."""
    say(f"{datetime.now(UTC):%d.%m. %H:%M} UTC {subject}")
    reached, name = False, uuid4().hex
    try:
        if (office := own_post_office()) is None:
            say("Kein Mailserver eingerichtet: Niemand erfährt davon per E-Mail.")
            return False
        for to in recipients():
            try:
                letter = compose(
                    sender=office.sender, to=to, subject=f"DentaTool: {subject}", body="\n".join(lines), name=name
                )
                office.deliver(letter, to=to)
                reached = True
            except (OSError, smtplib.SMTPException, ValueError) as failure:
                say(f"E-Mail nicht zugestellt ({type(failure).__name__}); nächster Versuch beim nächsten Rundgang.")
    except PostOfficeError as unusable:
        say(str(unusable))
    return reached


def _spoken(moment: datetime) -> str:
    return f"{moment.astimezone():%d.%m.%Y, %H:%M} Uhr"
