"""What a page shows when a value cannot be opened: „nicht lesbar“, and an alarm. Code always gets the error."""

from __future__ import annotations

import logging
from typing import Final

from dentatool.protection.vault.internal.ciphertext import DecryptError, met_unreadable, showing

NOT_READABLE: Final = "nicht lesbar"
log = logging.getLogger("dentatool.vault")


class Unreadable(str):
    """The words shown in place of a value. No field takes them as one."""

    __slots__ = ()

    def strftime(self, _format: str) -> Unreadable:
        """Stands in for a date as well."""
        return self


def shown_instead(failure: DecryptError) -> Unreadable:
    """The words for a page; raises the error itself where nothing is being shown."""
    if not showing.get():
        raise failure
    log.critical("sealed value cannot be opened: %s", failure)
    if (found := met_unreadable.get()) is not None:
        found.append(failure)
    return Unreadable(NOT_READABLE)
