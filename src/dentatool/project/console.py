"""What the command line says: one line per step with its seconds, failures on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Failure(Exception):
    """A command could not do what it says. The message is for the person at the terminal."""


def fail(message: str) -> int:
    """Say why on stderr; the exit code for it."""
    print(f"Fehler: {message}", file=sys.stderr, flush=True)
    return 1


def say(message: str) -> None:
    """One line, at once, even through a pipe."""
    print(message, flush=True)


def printable(text: str) -> str:
    """What came from outside must not steer the terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


@contextmanager
def step(what: str) -> Iterator[None]:
    """One line on the terminal: what is done, and how long it took."""
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"  ✗ {what}")
        raise
    say(f"  ✓ {what:<58} {time.monotonic() - begun:5.1f} s")
