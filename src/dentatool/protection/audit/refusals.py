"""Events of what is being refused: noted where it is noticed, written down once the request has been rolled back.

Promise: a form, an action or a rule says `note_refusal("sequence_fail")` and need know nothing of requests; the Gate
writes it into the laboratory's trail, or among the platform's events where nobody is signed in. Nothing that was
refused can take its own note back.
How it could be broken: by code that refuses outside of a request; there the program's log has to do.
Tests that try: tests/attack/test_security_events.py.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_MOST = 20  # of one request: a form with a thousand foreign ids is one attack
log = logging.getLogger("dentatool.audit")
Refusals = list[tuple[str, dict[str, Any]]]
_noted: ContextVar[Refusals | None] = ContextVar("dentatool_refusals", default=None)


def note_refusal(event: str, **facts: Any) -> None:
    """Remember a security event of the request in hand. Facts are ids and words of the program."""
    if (held := _noted.get()) is None:
        log.warning("refused outside of a request", extra={"events": event})
    elif len(held) < _MOST:
        held.append((event, facts))


@contextmanager
def collected_in(refusals: Refusals) -> Iterator[None]:
    """For the Gate: where notes of this request go."""
    token = _noted.set(refusals)
    try:
        yield
    finally:
        _noted.reset(token)
