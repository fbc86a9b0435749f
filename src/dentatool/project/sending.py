"""Answers that take a while to leave: they stop when their person's access ends."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import connection

SENT_TO = "dentatool.sent_to"  # in the environ, from the Gate: to whom the answer goes, and how to ask whether it may
PIECE = 65_536
LOOK_S = 0.4  # between two looks while something is being sent
Holder = Any  # whatever the Gate calls them by
Look = Callable[[set[Holder]], set[Holder]]


class AccessEnded(ConnectionError):
    """The rest of an answer is not sent. The connection breaks off, so that nobody takes a part for the whole."""


class Sender:
    """Sends large answers piece by piece, and looks twice a second whether their people still have access.

    One thread looks for all that are being sent, with one question, on a connection of its own that is closed when
    nothing is left to send. The Gate has looked when the answer began; the first look comes after 0.4 s. A database that
    does not answer ends what is being sent: it cannot say that all is well.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sending: dict[Holder, int] = {}
        self._ended: set[Holder] = set()
        self._is_looking = False

    def pieces(self, environ: dict[str, Any], whole: bytes) -> Iterable[bytes]:
        """The answer as it leaves: small ones, and those that belong to nobody, at once."""
        if SENT_TO not in environ or len(whole) <= PIECE:
            return [whole]
        return self._piece_by_piece(*environ[SENT_TO], whole)

    def _piece_by_piece(self, holder: Holder, still_good: Look, whole: bytes) -> Iterator[bytes]:
        with self._watched(holder, still_good):
            for begin in range(0, len(whole), PIECE):
                if holder in self._ended:
                    raise AccessEnded("access ended while the answer was being sent")
                yield whole[begin : begin + PIECE]

    @contextmanager
    def _watched(self, holder: Holder, still_good: Look) -> Iterator[None]:
        with self._lock:
            self._sending[holder] = self._sending.get(holder, 0) + 1
            if not self._is_looking:
                self._is_looking = True
                looker = threading.Thread(
                    target=self._look_while_sending, args=[still_good], name="sender", daemon=True
                )
                looker.start()
        try:
            yield
        finally:
            with self._lock:
                self._sending[holder] -= 1
                if not self._sending[holder]:
                    del self._sending[holder]
                    self._ended.discard(holder)

    def _look_while_sending(self, still_good: Look) -> None:
        try:
            # What has left before the first look costs no connection: nearly every page.
            time.sleep(LOOK_S)
            while holders := self._still_sending():
                try:
                    good = still_good(holders)
                except DatabaseFailure:
                    connection.close()
                    good = set()
                self._ended |= {holder for holder in holders if holder not in good}
                time.sleep(LOOK_S)
        finally:
            connection.close()

    def _still_sending(self) -> set[Holder]:
        with self._lock:
            self._is_looking = bool(self._sending)
            return set(self._sending)
