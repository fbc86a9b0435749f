"""Whom a fault is told, and the sign of life that the watch gives after each look."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dentatool.protection.outgoing import Blocked, Unanswered, fetch

STANDS_STILL = timedelta(minutes=4)
_TO, _ELSEWHERE, _HOOK = "DENTATOOL_ALERT_TO", "DENTATOOL_HEARTBEAT_URL", "DENTATOOL_ALERT_WEBHOOK_URL"


def recipients() -> list[str]:
    """The addresses that faults are mailed to."""
    return [address.strip() for address in os.environ.get(_TO, "").split(",") if address.strip()]


def is_wanted() -> bool:
    """Whether anybody would hear of a fault."""
    return bool(recipients() or os.environ.get(_ELSEWHERE) or os.environ.get(_HOOK))


def last_look(var: Path) -> datetime | None:
    """When the watch gave its last sign of life; None when it never did."""
    try:
        return datetime.fromtimestamp((var / "monitoring" / "heartbeat").stat().st_mtime, UTC)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_awake(var: Path) -> bool:
    """Whether the watch has looked just now."""
    seen = last_look(var)
    return seen is not None and datetime.now(UTC) - seen <= STANDS_STILL


def beat(var: Path, say: Callable[[str], None], *, silent: bool) -> None:
    """A sign of life: a file for the worker here, a call for whoever waits for it elsewhere.

    `silent`: something is wrong that nobody could be told of. Then nobody is called, and that is the alarm.
    """
    file = var / "monitoring" / "heartbeat"
    file.touch(mode=0o600)
    os.utime(file)
    if silent or not (url := os.environ.get(_ELSEWHERE)):
        return
    try:
        status = fetch(url).status
    except Blocked as blocked:
        say(f"{_ELSEWHERE}: {blocked}")
    except Unanswered as unanswered:
        say(f"Lebenszeichen nicht zugestellt ({unanswered}).")
    else:
        if status >= 400:
            say(f"Lebenszeichen nicht zugestellt ({status}).")
