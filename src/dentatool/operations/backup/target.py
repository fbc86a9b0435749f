"""Where backups lie: whatever can do these six things. A folder here; an S3-compatible storage in s3_target.py."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from dentatool.operations.backup import BackupError, in_words

UNFINISHED = ".unfinished"


class Staged(Protocol):
    """A file that is written and durable but has no name yet."""

    def commit(self, name: str) -> None:
        """Give it its name, at once and for good; a file of that name is replaced."""

    def discard(self) -> None:
        """It is not wanted after all."""


class Target(Protocol):
    """Files by name. None is ever seen half written."""

    def require(self) -> None:
        """BackupError when it cannot be used now; the message says what to do."""

    def stage(self, fill: Callable[[BinaryIO], None]) -> Staged:
        """Write a file without a name yet; if `fill` fails, nothing is left."""

    def read(self, name: str) -> BinaryIO:
        """Open a file; FileNotFoundError where there is none."""

    def names(self) -> Iterator[str]:
        """All finished files, in no order."""

    def hint(self) -> str:
        """What about this place could be made safer; empty when nothing."""

    def remove(self, name: str) -> None:
        """Delete a file; not an error if it is gone."""

    def tidy(self, older_than_s: float) -> None:
        """Delete what a killed run left unfinished so long ago."""


class FolderTarget:
    """A folder: another disk, or one mounted from another machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def hint(self) -> str:
        return ""

    def require(self) -> None:
        """The folder is not made by us: a disk that is not mounted must not be taken for an empty target."""
        if not self.root.is_dir():
            raise BackupError(
                f"Das Sicherungsziel {self.root} gibt es nicht. Ist der Datenträger eingehängt? Legen Sie den Ordner"
                " sonst einmal selbst an."
            )
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise BackupError(
                f"In das Sicherungsziel {self.root} lässt sich nicht schreiben. Berichtigen Sie die Rechte."
            )

    def stage(self, fill: Callable[[BinaryIO], None]) -> "_StagedFile":
        """Written and on the disk, not only in its cache."""
        path = self.root / f"{uuid.uuid4().hex}{UNFINISHED}"
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            path.unlink(missing_ok=True)
            raise BackupError(f"Nicht gesichert: {in_words(error, self.root)}") from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return _StagedFile(path)

    def read(self, name: str) -> BinaryIO:
        return (self.root / name).open("rb")

    def names(self) -> Iterator[str]:
        return (name for name in os.listdir(self.root) if not name.endswith(UNFINISHED))

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def tidy(self, older_than_s: float) -> None:
        for path in self.root.glob(f"*{UNFINISHED}"):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink(missing_ok=True)


class _StagedFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def commit(self, name: str) -> None:
        self._path.rename(self._path.with_name(name))
        sync_folder(self._path.parent)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """A new name is durable only when its folder is."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
