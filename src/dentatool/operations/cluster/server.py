"""Founding, starting and stopping the embedded PostgreSQL server."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import psycopg

from dentatool.operations.cluster.account import becoming, founding_account
from dentatool.operations.cluster.places import PORT, Places, settle
from dentatool.operations.cluster.tuning import DURABLE, THROWAWAY

SUPERUSER = "postgres"
_STOP_S = 60.0
_LEFTOVERS_S, _STILL_HELD = 30.0, "shared memory block"


class ClusterError(RuntimeError):
    """The server could not be founded, started or stopped; the message says why, in German."""


class Cluster:
    """One server in one folder. `durable=False` is for tests alone: a power cut may lose data there.

    `further`: settings beyond the common ones, for archiving and for recovery.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        tell: Callable[[str], None] = lambda _: None,
        further: Mapping[str, str] = MappingProxyType({}),
        start_s: float = 600.0,
    ) -> None:
        self.places: Places = settle(folder)
        self._settings = DURABLE if durable else THROWAWAY
        self.further, self._start_s = further, start_s
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The socket folder, which libpq takes as host."""
        return str(self.places.socket)

    @property
    def is_founded(self) -> bool:
        """Whether initdb has finished here (an interrupted one does not count)."""
        return self.places.data.exists()

    def found(self, superuser_password: str) -> None:
        """Run initdb once: SCRAM for everyone, checksums, UTF-8 with code-point order, no trust."""
        places = self.places
        founder = founding_account(places.account)
        unfinished, secret = places.home / "founding", places.home / "first-password"
        shutil.rmtree(unfinished, ignore_errors=True)
        secret.unlink(missing_ok=True)
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(superuser_password)
        try:
            for path in (places.home, secret):
                founder.own(path)
            self._initdb(unfinished, secret, becoming(founder, folder=places.home))
            unfinished.rename(places.data)
        finally:
            secret.unlink()
            for path in (places.home, *places.home.rglob("*")):
                places.account.own(path)

    def _initdb(self, folder: Path, secret: Path, step_down: Callable[[], None]) -> None:
        command = [
            *(self.places.binaries / "initdb", "--pgdata", folder, "--username", SUPERUSER, "--pwfile", secret),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--data-checksums", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *(("--no-sync",) if self._settings is THROWAWAY else ()),
        ]
        done = subprocess.run(
            command, preexec_fn=step_down, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ClusterError(f"initdb ist gescheitert: {done.stderr.strip()}")

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        self._clear_leftovers()
        ending, is_first = time.monotonic() + _LEFTOVERS_S, True
        while not self._attempt():
            if time.monotonic() > ending or not (is_first or _STILL_HELD in self._reason()):
                raise ClusterError(
                    f"PostgreSQL startet nicht. Das Protokoll liegt in {self.places.log}:\n{self._reason()}"
                )
            # After a kill -9 the old backends need a moment to notice, on a busy machine a long one.
            is_first = False
            time.sleep(2)

    def _attempt(self) -> bool:
        places = self.places
        settings = {
            **self._settings,
            **self.further,
            "listen_addresses": "",
            "unix_socket_directories": str(places.socket),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "log_directory": str(places.log),
        }
        with open(os.open(self._start_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as log:
            self._process = subprocess.Popen(
                [
                    *(places.binaries / "postgres", "-D", places.data),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                preexec_fn=becoming(places.account, folder=places.home, ends_with_us=signal.SIGINT),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop web, worker and database in this order
            )
        return self._wait_until_ready()

    def _wait_until_ready(self) -> bool:
        assert self._process is not None
        begun = told = time.monotonic()
        while time.monotonic() - begun < self._start_s:
            if self._process.poll() is not None:
                return False
            if self._status() == ["ready"]:
                return True
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self._tell("Die Datenbank spielt nach einem Abbruch ihre Protokolle ein, bitte warten …")
            time.sleep(0.02)
        return False

    @property
    def _start_log(self) -> Path:
        return self.places.home / "start.log"

    def _reason(self) -> str:
        return self._start_log.read_text(errors="replace")[-2000:].strip()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The server as started by us."""
        return self._process

    def stop(self) -> None:
        """Stop in an orderly way (open transactions roll back, the next start needs no recovery)."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        self._process = None

    def dsn(self, user: str, password: str, name: str = "postgres") -> str:
        """Connection string for psycopg."""
        return psycopg.conninfo.make_conninfo(
            host=self.host, port=PORT, user=user, password=password, dbname=name, connect_timeout=10
        )

    def _status(self) -> list[str]:
        """Line 8 of postmaster.pid: starting, ready, stopping."""
        try:
            return (self.places.data / "postmaster.pid").read_text().splitlines()[7].split()
        except (FileNotFoundError, IndexError):
            return []

    def _clear_leftovers(self) -> None:
        """A server left over from a killed run is stopped; a stale pid file is removed.

        PostgreSQL removes a stale file by itself unless the number has been given to another
        process meanwhile; that case would end in "lock file already exists" for ever.
        """
        file = self.places.data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if not self._is_our_server(pid):
            file.unlink(missing_ok=True)
            return
        self._tell("Eine Datenbank aus einem abgebrochenen Lauf wird beendet …")
        os.kill(pid, signal.SIGINT)
        ending = time.monotonic() + _STOP_S
        while self._is_our_server(pid):
            if time.monotonic() > ending:
                raise ClusterError(f"Die alte Datenbank (Prozess {pid}) lässt sich nicht beenden.")
            time.sleep(0.05)

    def _is_our_server(self, pid: int) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self.places.data) in arguments


def _environment() -> dict[str, str]:
    """Nothing of ours: a PG… variable or a password in the environment must not reach the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
