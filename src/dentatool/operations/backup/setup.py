"""What this installation says about its backups: where to, since when, with which keys."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import Chain, signing_key
from dentatool.operations.backup.sealing import Keyring
from dentatool.operations.backup.target import FolderTarget

TARGET = "DENTATOOL_BACKUP_TARGET"


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything a backup needs to know of the installation in `var`."""

    var: Path
    target: FolderTarget
    chain: Chain
    keyring: Keyring

    @property
    def memory(self) -> Path:
        """What this machine remembers of its backups: head, recipients, protocols. No private key but the drill's."""
        return self.var / "backup"

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Backups and deletion wait for each other: what a backup in the making needs is known only when it is done."""
        with open(os.open(self.memory / "making", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def is_wanted() -> bool:
    """Whether a target is named; the folder itself is looked at later."""
    return bool(os.environ.get(TARGET))


def is_in_target(file: Path) -> bool:
    """Whether a file would lie in the target."""
    return is_wanted() and Path(os.environ[TARGET]).absolute() in file.parents


def setup_of(var: Path, target: Path | None = None) -> Setup:
    """Of this installation, with the target from the environment or another one."""
    named = target or (Path(os.environ[TARGET]) if is_wanted() else None)
    if named is None:
        raise BackupError(
            f"Kein Sicherungsziel. Setzen Sie {TARGET} auf einen Ordner, am besten auf einem anderen Rechner oder Datenträger."
        )
    folder, memory = FolderTarget(named.absolute()), memory_of(var)
    return Setup(var, folder, Chain(folder, memory, signing_key(var)), Keyring(memory))


def memory_of(var: Path) -> Path:
    """var/backup, made when it is missing."""
    memory = var / "backup"
    memory.mkdir(mode=0o700, exist_ok=True)
    memory.chmod(0o700)
    return memory
