"""Passwords: which will do, changing one's own, and a new one by e-mail.

Promise: a password has 12 characters or more (15 without a second factor), is on no list and made of no name of the
laboratory; it is never asked to change, and changed only by who knows the old one or opens a link that was sent to
the account's own address, good once for 15 minutes. A new password ends all other sessions and never takes the place
of the second factor. Asking for a link looks and lasts the same for every name.

How it could be broken: by whoever reads the person's e-mail *and* holds the second factor.
Tests that try: tests/protection/access/test_passwords.py, tests/team/test_reset.py, tests/attack/test_atk_33.
"""

from dentatool.protection.access.internal.limits import TooManyAttempts
from dentatool.protection.access.internal.passwords import (
    WeakPassword,
    WrongPassword,
    ask_reset,
    change,
    find_reset,
    is_password_of,
    judge_for,
    new_reset_token,
    reset,
    shortest_for,
    take_reset_requests,
)

__all__ = [
    "TooManyAttempts",
    "WeakPassword",
    "WrongPassword",
    "ask_reset",
    "change",
    "find_reset",
    "is_password_of",
    "judge_for",
    "new_reset_token",
    "reset",
    "shortest_for",
    "take_reset_requests",
]
