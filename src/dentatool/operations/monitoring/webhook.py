"""Faults told to a program elsewhere: an HTTPS POST of JSON, signed, by the one way out (protection/outgoing).

Promise: each message is tried at every look until it is taken, for a day; mail never waits for it. Its id is the same at
every try, so that whoever takes it can pass over what came twice. The header `X-DentaTool-Signature` is `sha256=` and the
HMAC-SHA256, with the secret, over the value of `X-DentaTool-Timestamp`, a dot, and the body: who checks both time and
signature takes no old message for a new one.
How it could be broken: by whoever knows the secret. Tests that try: tests/operations/monitoring/test_webhook.py.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings

from dentatool.operations.monitoring.alerts import Alert
from dentatool.operations.secrets import write_secret
from dentatool.protection.outgoing import Blocked, Unanswered, fetch

TRIED_FOR, MOST_WAITING = timedelta(days=1), 200
_URL, _SECRET = "DENTATOOL_ALERT_WEBHOOK_URL", "DENTATOOL_ALERT_WEBHOOK_SECRET"


def is_wanted() -> bool:
    """Whether somebody elsewhere is to be told."""
    return bool(os.environ.get(_URL))


class Outbox:
    """What is to be told: a file for each message. Taken ones stay as an empty mark for a day, so that none goes twice."""

    def __init__(self, var: Path) -> None:
        self._folder = var / "monitoring" / "webhook"

    def announce(
        self, known: Iterable[Alert], news: Iterable[Alert], now: datetime, runbook: Callable[[str], str]
    ) -> None:
        """Lay down what is new: a fault raised or told again, taken on, resolved."""
        for alert in news:
            event = "resolved" if alert.is_over else "repeated" if alert.told else "raised"
            self._lay_down(event, alert, now, runbook(alert.what), mark=str(alert.told))
        for alert in known:
            if alert.taken and alert.is_open:
                self._lay_down("acknowledged", alert, now, runbook(alert.what), mark=alert.taken)

    def deliver(self, say: Callable[[str], None]) -> bool:
        """Try what waits, oldest first, until one is not taken. Whether nothing waits any more."""
        waiting = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in waiting:
            if time.time() - file.stat().st_mtime > TRIED_FOR.total_seconds():
                say("Eine Meldung an den Webhook ist nach einem Tag aufgegeben.")
            elif reason := post(file.read_bytes()):
                say(f"Webhook nicht zugestellt ({reason}); nächster Versuch beim nächsten Rundgang.")
                return False
            file.with_suffix(".taken").touch(mode=0o600)
            file.unlink()
        self._forget()
        return True

    def _lay_down(self, event: str, alert: Alert, now: datetime, runbook: str, *, mark: str) -> None:
        name = hashlib.sha256(f"{alert.id}|{event}|{mark}".encode()).hexdigest()[:24]
        file = self._folder / f"{name}.json"
        if (
            file.exists()
            or file.with_suffix(".taken").exists()
            or len(list(self._folder.glob("*.json"))) >= MOST_WAITING
        ):
            return
        message = {
            "id": name, "event": event, "alert": alert.id, "what": alert.what, "found": alert.found, "mend": alert.mend,
            "since": alert.since.isoformat(), "at": now.isoformat(), "runbook": runbook,
            "installation": settings.DENTATOOL_URL, "acknowledged_reason": alert.reason,
        }  # fmt: skip
        with suppress(OSError):  # a full disk: mail goes all the same
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(file, json.dumps(message, ensure_ascii=False))

    def _forget(self) -> None:
        for file in self._folder.glob("*.taken"):
            if time.time() - file.stat().st_mtime > 2 * TRIED_FOR.total_seconds():
                file.unlink(missing_ok=True)


def announce_now(what: str, found: str) -> bool:
    """One message that does not wait: from the dead man's switch. Whether it was taken."""
    message = {
        "id": os.urandom(12).hex(),
        "event": "watch",
        "what": what,
        "found": found,
        "at": datetime.now(UTC).isoformat(),
    }
    return not post(json.dumps(message, ensure_ascii=False).encode())


def post(body: bytes) -> str:
    """Send this. Empty when it was taken (any 2xx); else why not."""
    stamp = str(int(time.time()))
    secret = os.environ.get(_SECRET, "").encode()
    signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-DentaTool-Timestamp": stamp,
        "X-DentaTool-Signature": f"sha256={signature}",
    }
    try:
        status = fetch(os.environ[_URL], body=body, headers=headers).status
    except Blocked as blocked:
        return str(blocked)
    except Unanswered as unanswered:
        return str(unanswered)
    return "" if 200 <= status < 300 else str(status)
