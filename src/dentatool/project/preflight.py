"""What is checked before anything is touched, each with a sentence that says what to do."""

import errno
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dentatool.project.console import Failure

NEEDED_MB = 500
_PATIENCE_S = 9.0  # a web server that was still starting when its run was killed ends after six seconds


def check_folder(var: Path) -> None:
    """The folder exists afterwards and we may write to it."""
    try:
        # As root the database's own account must pass through; the folders inside are closed.
        var.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        probe = var / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Failure(_disk_full(var, 0)) from error
        raise Failure(
            f"In den Ordner {var} lässt sich nicht schreiben ({error.strerror}).\n"
            "  Geben Sie mit DENTATOOL_VAR einen anderen Ordner an, oder berichtigen Sie die Rechte.\n"
            "  (The data folder is not writable; set DENTATOOL_VAR or mend its permissions.)"
        ) from error


def check_disk(var: Path) -> None:
    """PostgreSQL must never run into a full disk."""
    free_mb = shutil.disk_usage(var).free // 1_000_000
    if free_mb < NEEDED_MB:
        raise Failure(_disk_full(var, free_mb))


def _disk_full(var: Path, free_mb: int) -> str:
    return (
        f"Auf dem Datenträger von {var} sind nur {free_mb} MB frei; nötig sind {NEEDED_MB} MB.\n"
        "  Schaffen Sie Platz. Für eine neue Installation können Sie mit DENTATOOL_VAR einen anderen Ordner angeben.\n"
        f"  (Only {free_mb} MB left on the disk; {NEEDED_MB} MB are needed.)"
    )


def check_port(host: str, port: int, *, after_kill: bool = False) -> None:
    """Taken, forbidden or unknown addresses are told apart. What a killed run left behind gets some seconds to end."""
    ending = time.monotonic() + (_PATIENCE_S if after_kill else 0)
    while (error := _refusal(host, port)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() > ending:
            raise Failure(_why_no_port(host, port, error)) from error
        time.sleep(0.1)


def _refusal(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _why_no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Der Port {port} auf {host} ist schon belegt.\n"
            f"  Beenden Sie das andere Programm, oder wählen Sie einen anderen: DENTATOOL_PORT={port + 1} make run\n"
            f"  (Port {port} is taken; choose another with DENTATOOL_PORT.)"
        )
    if error.errno == errno.EACCES:
        return (
            f"Für den Port {port} fehlen die Rechte; Ports unter 1024 gehören root. Nehmen Sie DENTATOOL_PORT=8443.\n"
            "  (Ports below 1024 need root.)"
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return (
            f"Die Adresse {host} gehört nicht zu diesem Rechner. Prüfen Sie DENTATOOL_HOST (Vorgabe: 127.0.0.1).\n"
            f"  (The address {host} is not one of this machine.)"
        )
    return f"An {host}:{port} lässt sich kein Server starten: {error}. Prüfen Sie DENTATOOL_HOST."


@contextmanager
def hold_lock(var: Path) -> Iterator[bool]:
    """One run per folder. The kernel frees the lock even after kill -9, so it is never stale.

    Yields whether the run before was killed: it left its number in the file.
    """
    file = os.open(var / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(file, 20).decode(errors="replace").strip()
        os.close(file)
        raise Failure(
            f"DentaTool läuft hier schon (Prozess {pid or 'unbekannt'}, Ordner {var}).\n"
            "  Beenden Sie es dort mit Strg-C, oder nehmen Sie mit DENTATOOL_VAR und DENTATOOL_PORT eine zweite Instanz.\n"
            "  (DentaTool is already running in this folder.)"
        ) from None
    try:
        was_killed = os.fstat(file).st_size > 0
        os.truncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        yield was_killed
    finally:
        os.truncate(file, 0)
        os.close(file)
