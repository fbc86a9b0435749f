"""What a page shows when a value cannot be opened: „nicht lesbar“, and an alarm. Code always gets the error.

`showing_pages()` encloses the rendering of a template and nothing else. Inside, a DecryptError becomes
the words below and is kept for whoever reports it; outside, it is raised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from dentatool.protection.vault.internal.ciphertext import DecryptError

NOT_READABLE: Final = "nicht lesbar"
log = logging.getLogger("dentatool.vault")
_showing: ContextVar[bool] = ContextVar("dentatool_vault_showing", default=False)
_met: ContextVar[list[DecryptError] | None] = ContextVar("dentatool_vault_unreadable", default=None)


class Unreadable(str):
    """The words shown in place of a value. No field takes them as one."""

    __slots__ = ()

    def strftime(self, _format: str) -> Unreadable:
        """Stands in for a date as well."""
        return self


@contextmanager
def showing_pages() -> Iterator[None]:
    """Around the rendering of a page: show what cannot be opened as such instead of failing."""
    token = _showing.set(True)
    try:
        yield
    finally:
        _showing.reset(token)


@contextmanager
def collecting_unreadable() -> Iterator[list[DecryptError]]:
    """Around a request: every value that a page could only show as unreadable, for the event."""
    found: list[DecryptError] = []
    token = _met.set(found)
    try:
        yield found
    finally:
        _met.reset(token)


def readable(instance: object, name: str) -> object:
    """The value of an attribute, or „nicht lesbar“ with an alarm, wherever it is asked for."""
    with showing_pages():
        return getattr(instance, name)


def shown_instead(failure: DecryptError) -> Unreadable:
    """The words for a page; raises the error itself where no page is being shown."""
    if not _showing.get():
        raise failure
    log.critical("sealed value cannot be opened: %s", failure)
    if (found := _met.get()) is not None:
        found.append(failure)
    return Unreadable(NOT_READABLE)
