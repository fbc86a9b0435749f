"""Under which operating-system account the database runs.

PostgreSQL refuses to run as root, rightly: whoever broke into it would own the machine. An
ordinary user simply runs it. Root hands it to a number that no account uses, so that no other
service of the machine shares its files; nothing is added to /etc/passwd.
"""

import ctypes
import os
import pwd
import resource
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Between Debian's ordinary accounts (1000-59999, filled from below) and systemd's own ranges.
_FIRST_FREE_UID, _LAST_FREE_UID = 58_400, 58_499
_KNOWN_ACCOUNTS = ("postgres", "nobody", "daemon")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group number that a child process is switched to."""

    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Give a file or folder to this account."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def serving_account(home: Path) -> Account:
    """The account the server runs under: whoever owns the data already, else a free number."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if home.exists() and (owner := home.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    free = next(uid for uid in range(_FIRST_FREE_UID, _LAST_FREE_UID) if uid not in taken)
    return Account(free, free)


def founding_account(serving: Account) -> Account:
    """The account for `initdb`, which insists on an entry in /etc/passwd (the server does not)."""
    try:
        pwd.getpwuid(serving.uid)
    except KeyError:
        entry = next(entry for name in _KNOWN_ACCOUNTS if (entry := _entry(name)) is not None)
        return Account(entry.pw_uid, entry.pw_gid)
    return serving


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def becoming(account: Account, *, folder: Path | None = None, ends_with_us: int | None = None) -> Callable[[], None]:
    """What a child does between fork and exec: give up rights, and die when its parent dies.

    `ends_with_us` is the signal the kernel sends when this process is gone, even by kill -9.
    """
    parent = os.getpid()

    def step_down() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold keys and names
        if not account.is_current:
            os.setgroups([])
            os.setresgid(account.gid, account.gid, account.gid)
            os.setresuid(account.uid, account.uid, account.uid)
        os.umask(0o077)
        if folder is not None:
            os.chdir(folder)
        if ends_with_us is not None:  # after the change of account, which would clear it
            end_with(parent, ends_with_us)

    return step_down


def end_with(parent: int, by: int = signal.SIGTERM) -> None:
    """The kernel sends this process the signal `by` when its parent is gone, however that happens."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it was gone before we could ask
        os.kill(os.getpid(), by)


def can_use(account: Account, binary: Path, folder: Path) -> bool:
    """Whether the account can start this binary from within this folder (tried, not guessed)."""
    try:
        tried = subprocess.run(
            [binary, "--version"], preexec_fn=becoming(account, folder=folder), capture_output=True, check=False
        )
    except (PermissionError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0
