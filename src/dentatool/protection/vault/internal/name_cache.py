"""Keeps folded names for a short while: per laboratory and column, bounded in memory, shared by threads."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from datetime import datetime
from threading import Lock
from typing import Final
from uuid import UUID

from dentatool.protection.vault.internal.names import FoldedNames

Key = tuple[UUID, str]  # laboratory, table.column
IDLE_S: Final = 300.0
FULL_COMPARISON_S: Final = 300.0
MOST_BYTES: Final = 64 * 1024 * 1024
_LOCKS: Final = 64


class Known:
    """Names and the moment up to which they are complete."""

    __slots__ = ("at", "compared_at", "names", "used_at")

    def __init__(self, names: FoldedNames, at: datetime, *, compared: bool, before: Known | None) -> None:
        self.names, self.at = names, at
        self.used_at = time.monotonic()
        self.compared_at: float = self.used_at if compared or before is None else before.compared_at

    @property
    def needs_comparison(self) -> bool:
        """Whether row by row is due again: changes by long transactions and removals show only there."""
        return time.monotonic() - self.compared_at > FULL_COMPARISON_S


class NameCache:
    """All names that this process remembers."""

    def __init__(self, most_bytes: int = MOST_BYTES, idle_s: float = IDLE_S) -> None:
        self._most_bytes, self._idle_s = most_bytes, idle_s
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._locks = [Lock() for _ in range(_LOCKS)]

    def lock_of(self, key: Key) -> Lock:
        """Held while names are loaded, so that twenty people searching at once load them once."""
        return self._locks[hash(key) % _LOCKS]

    def get(self, key: Key) -> Known | None:
        """What is known, if anything; forgets on the way whatever nobody has used for a while."""
        with self._lock:
            horizon = time.monotonic() - self._idle_s
            while self._known and next(iter(self._known.values())).used_at < horizon:
                self._drop(next(iter(self._known)))
            if (known := self._known.get(key)) is not None:
                self._known.move_to_end(key)
                known.used_at = time.monotonic()
            return known

    def put(self, key: Key, known: Known) -> None:
        """Remember; the least recently used make room. What alone would fill everything is not kept."""
        with self._lock:
            self._drop(key)
            if known.names.size > self._most_bytes:
                return
            self._known[key] = known
            self._bytes += known.names.size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._known)))

    def distrust(self, key: Key) -> None:
        """Have every row compared before these names are used again."""
        with self._lock:
            if (known := self._known.get(key)) is not None:
                known.compared_at = -math.inf

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._bytes = 0

    @property
    def bytes_held(self) -> int:
        """About how much memory is in use."""
        return self._bytes

    def _drop(self, key: Key) -> None:
        if (known := self._known.pop(key, None)) is not None:
            self._bytes -= known.names.size
