"""Key files: readable for their owner alone, written all or nothing; and the errors of all that has to do with keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_MOST: Final = 65536


class RootKeyError(RuntimeError):
    """A key is missing, open to others, damaged, or not the one that wrapped another. The message is German."""


class RootKeyAway(RootKeyError):
    """The key service does not answer, or not to us. Nothing is wrong with the data; it is a matter of trying again."""


def read_private(file: Path) -> bytes:
    """The content of a key file. Raises RootKeyError when it is missing, a link, or open to others."""
    try:
        # One handle for check and reading, so that nobody can exchange the file in between.
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
            facts = os.fstat(source.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
                raise RootKeyError(f"{file} ist für andere lesbar. Bitte: chmod 600 {file}")
            return source.read(_MOST)
    except OSError as problem:
        raise RootKeyError(f"{file} ist nicht lesbar: {problem.strerror}. Ohne sie bleibt alles versiegelt.") from None


def write_private(file: Path, content: bytes, *, is_new: bool = False) -> None:
    """All or nothing, also when the power goes: the old content or the new. `is_new`: FileExistsError if it is there."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    try:
        if is_new:
            os.link(unfinished, file)  # unlike a renaming, this replaces nothing
            unfinished.unlink()
        else:
            unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    _settle(file.parent)


def wipe(file: Path) -> None:
    """Overwrite and remove. What the disk itself keeps of it (a journal, worn cells of an SSD) no program reaches."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_NOFOLLOW), "wb", buffering=0) as target:
            target.write(os.urandom(max(1, os.fstat(target.fileno()).st_size)))
            os.fsync(target.fileno())
    except FileNotFoundError:
        return
    file.unlink()
    _settle(file.parent)


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
