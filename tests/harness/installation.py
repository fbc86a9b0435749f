"""A whole installation of its own, started by `dentatool run` as a person starts it."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


class Run:
    """One `dentatool run --no-demo` on a free port."""

    def __init__(self, var: Path, port: int = 0, **further: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = port or probe.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DENTATOOL_", "PYTEST"))}
        self.environment = {
            **clean,
            "DENTATOOL_VAR": str(var),
            "DENTATOOL_PORT": str(self.port),
            "DENTATOOL_WORKERS": "1",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
            **further,
        }
        self.log = var.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dentatool.project.cli", "run", "--no-demo"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def await_line(self, part: str, seconds: float = 60) -> None:
        ending = time.monotonic() + seconds
        while part not in self.log.read_text():
            assert time.monotonic() < ending and self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def await_ready(self, seconds: float = 20) -> None:
        """Until /readyz says that database, migrations and keys are there."""
        trust = ssl._create_unverified_context()  # noqa: S323 - our own server, self-signed
        ending = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"https://localhost:{self.port}/readyz", context=trust, timeout=5) as page:
                    found = json.load(page)
                assert {found[name] for name in ("datenbank", "migrationen", "schluessel")} == {"bereit"}
                if found["aufgaben"] == "bereit":  # served before the worker has begun
                    return
                raise OSError
            except OSError:
                assert time.monotonic() < ending, self.log.read_text()
                time.sleep(0.1)

    def children(self) -> list[int]:
        """Process numbers of database, web server and worker."""
        return children_of(self.process.pid)

    def child(self, word: str) -> int:
        """The child whose command line holds this word."""
        (found,) = [pid for pid in self.children() if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def kill_everything(self) -> None:
        """As when the power goes: launcher, database, web server and worker. Nothing is left."""
        for pid in [self.process.pid, *self.children()]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def children_of(pid: int) -> list[int]:
    """The numbers of a process's own children, whichever of its threads started them."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
