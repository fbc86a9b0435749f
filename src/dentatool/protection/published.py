"""Published passwords: asked of a file that the operator supplies, a few lines of it, never the whole.

The file is Have I Been Pwned's in its text form "ordered by hash": lines of `SHA-1:count`, sorted, some 40 GB of them.
A look-up reads about 36 places of it. Nothing leaves this machine, no part of a hash either.

How it could be broken: by a file that is sorted in most places and wrong in some. At the start 500 places are looked
at, not all. Tests that try: tests/protection/test_published.py.
"""

import hashlib
import os
import re
from functools import cache
from pathlib import Path

_LINE = re.compile(rb"([0-9A-Fa-f]{40}):[0-9]{1,12}\r?\n?\Z")
_TWO_LINES = 160  # bytes: enough to hold the rest of one line and the whole next one
_PLACES = 500


class Unusable(ValueError):
    """The file cannot be what it should be. The message is for the operator."""


class PublishedPasswords:
    """The file, open. Raises Unusable for one that is away, empty, of another kind or not sorted."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            self.bytes = os.fstat(self._descriptor).st_size
            os.pread(self._descriptor, 1, 0)
        except OSError as error:
            raise Unusable(f"Die Datei {file} lässt sich nicht lesen ({error.strerror}).") from error
        try:
            self._require_sorted()
        except Unusable:
            os.close(self._descriptor)
            raise

    def hold(self, password: str) -> bool:
        """Whether this password is among them. Raises Unusable if the file was changed under us, or OSError."""
        wanted = hashlib.sha1(password.encode(errors="replace"), usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self.bytes  # the line begins in between, if there is one
        while low < high:
            middle = (low + high) // 2
            begins, length, found = self._line_from(middle)
            if found == wanted:
                return True
            if found is None or found > wanted:
                high = middle
            else:
                low = begins + length
        return False

    def _line_from(self, place: int) -> tuple[int, int, bytes | None]:
        """The first line that begins there or later: where, how long, and its hash; none at the end."""
        block = os.pread(self._descriptor, _TWO_LINES, max(place - 1, 0))
        begins = block.find(b"\n") + 1 if place else 0
        if (place and not begins) or begins == len(block):
            return self.bytes, 0, None
        line = block[begins : (block.find(b"\n", begins) + 1) or None]
        if not (read := _LINE.match(line)):
            raise Unusable(
                f"Die Datei {self.file} enthält an Stelle {place} keine Zeile der Form SHA-1:Anzahl. Nötig ist die "
                "Textdatei von Have I Been Pwned, nach Hash sortiert."
            )
        return max(place - 1, 0) + begins, len(line), read[1].upper()

    def _require_sorted(self) -> None:
        if not self.bytes:
            raise Unusable(f"Die Datei {self.file} ist leer.")
        places = [self.bytes * part // _PLACES for part in range(_PLACES)]
        hashes = [found for _, _, found in map(self._line_from, places) if found is not None]
        if hashes != sorted(hashes):
            raise Unusable(f"Die Datei {self.file} ist nicht nach Hash sortiert (die Ausgabe „ordered by hash“).")


@cache
def published_passwords(file: str) -> PublishedPasswords | None:
    """The file of this name, opened once in each process; none where none is named."""
    return PublishedPasswords(Path(file)) if file else None
