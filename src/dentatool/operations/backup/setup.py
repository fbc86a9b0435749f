"""What this installation says about its backups: where to, since when, with which keys."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import Chain, signing_key
from dentatool.operations.backup.s3_link import Link
from dentatool.operations.backup.s3_target import S3Target
from dentatool.operations.backup.sealing import Keyring
from dentatool.operations.backup.sigv4 import Credentials
from dentatool.operations.backup.target import FolderTarget, Target

TARGET = "DENTATOOL_BACKUP_TARGET"
ENDED_SINCE = "ended-since.json"  # beside a restored database until it is applied (since.py)
CREDENTIALS, REGION = "DENTATOOL_BACKUP_S3_CREDENTIALS", "DENTATOOL_BACKUP_S3_REGION"


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything a backup needs to know of the installation in `var`."""

    var: Path
    target: Target
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
    """Whether a target is named; the target itself is looked at later."""
    return bool(os.environ.get(TARGET))


def is_in_target(file: Path) -> bool:
    """Whether a file would lie in the target."""
    return is_wanted() and not _is_address(os.environ[TARGET]) and Path(os.environ[TARGET]).absolute() in file.parents


def is_pending(postgres: Path) -> bool:
    """Whether this server's folder (var/postgres) was restored and nobody may sign in yet."""
    return (postgres / ENDED_SINCE).exists()


def setup_of(var: Path, target: str | Path | None = None) -> Setup:
    """Of this installation, with the target from the environment or another one."""
    named = str(target or os.environ.get(TARGET, ""))
    if not named:
        raise BackupError(
            f"Kein Sicherungsziel. Setzen Sie {TARGET} auf einen Ordner, am besten auf einem anderen Rechner oder Datenträger,"
            " oder auf einen Bucket: https://s3.anbieter.example/bucket/ordner"
        )
    found, memory = target_named(named), memory_of(var)
    return Setup(var, found, Chain(found, memory, signing_key(var)), Keyring(memory))


def target_named(name: str) -> Target:
    """A folder, or `https://HOST[:PORT]/BUCKET[/FOLDER]` for an S3-compatible storage."""
    if not _is_address(name):
        return FolderTarget(Path(name).absolute())
    try:
        parts = urlsplit(name)
        host, port = parts.hostname, parts.port or 443
    except ValueError as error:
        raise BackupError(f"{TARGET}: {name} ist keine Adresse.") from error
    bucket, _, folder = parts.path.strip("/").partition("/")
    if parts.scheme != "https" or not host or not bucket or parts.username or parts.query or parts.fragment:
        raise BackupError(
            f"{TARGET}: So sieht ein Bucket aus: https://s3.anbieter.example/bucket/ordner, immer https, ohne Zugangsdaten"
            f" (die nennt {CREDENTIALS})."
        )
    return S3Target(Link(host, port, _credentials(), os.environ.get("DENTATOOL_CA_FILE", "")), bucket, folder)


def _is_address(name: str) -> bool:
    return "://" in name


def _credentials() -> Credentials:
    """From a file with two lines: an environment would hand the secret to every process of the program."""
    if not os.environ.get(CREDENTIALS):
        raise BackupError(
            f"Setzen Sie {CREDENTIALS} auf eine Datei mit zwei Zeilen: Zugangsschlüssel (Access Key ID) und Geheimnis (Secret)."
        )
    file = Path(os.environ[CREDENTIALS])
    try:
        lines = file.read_text(encoding="utf-8").split()
        mode = stat.S_IMODE(file.stat().st_mode)
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"Die Zugangsdatei {file} ist nicht zu lesen: {error}") from error
    if mode & 0o077:
        raise BackupError(f"Die Zugangsdatei {file} ist für andere lesbar ({mode:04o}): chmod 600 {file}")
    if len(lines) != 2:
        raise BackupError(f"In der Zugangsdatei {file} stehen nicht zwei Zeilen: Zugangsschlüssel und Geheimnis.")
    return Credentials(lines[0], lines[1], os.environ.get(REGION, "eu-central-1"))


def memory_of(var: Path) -> Path:
    """var/backup, made when it is missing."""
    memory = var / "backup"
    memory.mkdir(mode=0o700, exist_ok=True)
    memory.chmod(0o700)
    return memory
