"""Sessions: how long they last, who sees them, and how everything that an account could use ends at once.

Promise: a session ends after the laboratory's idle time (counted by what the person does, not by what a page asks by
itself), at its absolute end, and within a second when somebody ends it or the account's access: the next request is
refused, a running download breaks off, waiting and running jobs of the account store nothing, links and API tokens are
dead. A cookie works in the kind of browser it was given to and in no other.

How it could be broken: by a request that is shorter than half a second and was let in just before the end; by a thief
within the idle time in the same kind of browser (an event tells when two networks use an account at once); bytes that
the operating system has already taken over for sending still arrive.
Tests that try: tests/protection/access/test_sessions.py, tests/attack/test_atk_28_*.py, tests/attack/test_atk_29_*.py.
"""

from dentatool.protection.access.internal.confirming import Confirmation
from dentatool.protection.access.internal.drafts import drop_expired_drafts
from dentatool.protection.access.internal.endings import (
    ENDED_IN_WORDS,
    access_lasts,
    end_everything_of,
    end_session,
    live_sessions,
)
from dentatool.protection.access.internal.models import Ending, Session
from dentatool.protection.access.internal.sessions import mark_confirmed, renew_session

__all__ = [
    "ENDED_IN_WORDS",
    "Confirmation",
    "Ending",
    "Session",
    "access_lasts",
    "drop_expired_drafts",
    "end_everything_of",
    "end_session",
    "live_sessions",
    "mark_confirmed",
    "renew_session",
]
