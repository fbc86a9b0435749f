"""The throwaway installation that is measured: durable settings, real migrations, the real server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from dentatool.operations.cluster.places import PORT
from dentatool.operations.cluster.server import SUPERUSER
from dentatool.operations.secrets import superuser_password
from dentatool.project.bench.client import connect
from dentatool.project.console import Failure, say
from dentatool.project.database import NAME, Database
from dentatool.project.instance import Instance, start_django
from dentatool.project.serve import server_command

_ANSWER_S = 60.0


class Scene:
    """`with Scene() as scene:` founds a cluster in a temporary folder; leaving it removes everything."""

    def __init__(self) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="dentatool-bench-"))
        self.var.chmod(0o711)  # as root, the database's own account must get through
        self.instance = Instance(self.var, "development", "127.0.0.1", _free_port(), None)
        self.database = Database(self.instance, say)
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.database.prepare()
            self.database.start()
            self.database.ensure_roles()
            self._migrate()
            self._enter_django()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what was started and remove every file."""
        self.stop_server()
        self.database.stop()
        home = (self.var / "postgres").resolve()  # as root it may lie elsewhere, behind a link
        shutil.rmtree(self.var, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)

    def _migrate(self) -> None:
        command = [sys.executable, "-m", "dentatool.project.cli", "migrate"]
        done = subprocess.run(
            command, env=self.instance.environment("owner"), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Failure(f"dentatool migrate ist gescheitert:\n{(done.stderr or done.stdout)[-3000:]}")

    def _enter_django(self) -> None:
        """This process works with the scene, in the app's role, as the server does."""
        os.environ.pop("DATABASE_URL", None)
        os.environ |= {"DENTATOOL_VAR": str(self.var), "DENTATOOL_MODE": "development"}
        start_django("app")

    def superuser(self) -> psycopg.Connection:
        """For loading and for the plain tables: no policy binds this connection. Autocommit."""
        password = superuser_password(self.var)
        return psycopg.connect(
            host=self.instance_host, port=PORT, user=SUPERUSER, password=password, dbname=NAME, autocommit=True
        )

    @property
    def instance_host(self) -> str:
        from django.conf import settings  # noqa: PLC0415  (only known once Django is set up)

        return str(settings.DATABASES["default"]["HOST"])

    def start_server(self) -> None:
        """The web server exactly as `make run` starts it; returns when it answers."""
        self._server = subprocess.Popen(
            server_command(self.instance),
            env=self.instance.environment("app") | {"DENTATOOL_API_PER_MINUTE": "6000"},  # its highest
            stdout=sys.stderr,  # our own output is the result, with --json nothing else
            start_new_session=True,
        )
        ending = time.monotonic() + _ANSWER_S
        while time.monotonic() < ending:
            if self._server.poll() is not None:
                raise Failure(f"Der Webserver ist beim Start beendet worden (Code {self._server.returncode}).")
            try:
                connection = connect(self.instance.port)
                connection.request("GET", "/healthz", headers={"Host": "localhost"})
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise Failure(f"Der Webserver antwortet nach {_ANSWER_S:.0f} s nicht.")

    def stop_server(self) -> None:
        """End the web server and its workers: the process group that we started."""
        if self._server is None:
            return
        try:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(20)
        except ProcessLookupError:
            self._server.wait()
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._server = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
