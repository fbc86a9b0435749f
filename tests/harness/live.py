"""The real web server in a process of its own, and a browser's connection to it without the browser."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from harness.database import stop_group

COOKIE, CSRF = "__Host-dentatool", "__Host-csrf"


@dataclass(frozen=True)
class LiveServer:
    """A running server. `log` is what it writes to stderr."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def lines(self) -> list[str]:
        """What stands in the log by now."""
        return self.log.read_text(errors="replace").splitlines()


@dataclass(frozen=True)
class Answer:
    """What came back, as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One persistent TLS connection. Who is asking is said anew with each request, as behind a proxy."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._http: http.client.HTTPSConnection | None = None

    def ask(
        self,
        method: str,
        address: str,
        session: str = "",
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request. Forms carry a valid token of their own."""
        csrf = "c" * 32
        cookies = [f"{CSRF}={csrf}", *([f"{COOKIE}={session}"] if session else [])]
        sent = {"Cookie": "; ".join(cookies), "Referer": f"{self._server.url}/", **(headers or {})}
        body = None
        if form is not None:
            body = urlencode({**form, "csrfmiddlewaretoken": csrf}, doseq=True)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            return self._send(method, address, body, sent)
        except (http.client.HTTPException, OSError):  # an idle connection may have been closed by the server
            self.close()
            return self._send(method, address, body, sent)

    def _send(self, method: str, address: str, body: str | None, headers: dict[str, str]) -> Answer:
        if self._http is None:
            self._http = http.client.HTTPSConnection("localhost", self._server.port, timeout=30, context=trusting())
        self._http.request(method, address, body, headers)
        got = self._http.getresponse()
        return Answer(got.status, dict(got.headers.items()), got.read())

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None


def trusting() -> ssl.SSLContext:
    """Our own server's certificate is self-signed."""
    return ssl._create_unverified_context()  # noqa: S323


@contextmanager
def running_server(name: str, *, threads: int) -> Iterator[LiveServer]:
    """A server on this run's database, in one process with so many threads (and as many database connections)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DENTATOOL_PORT": str(port),
        "DENTATOOL_WORKERS": "1",
        "DENTATOOL_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    _collect_static()
    server = LiveServer(port, Path(os.environ["DENTATOOL_VAR"]) / f"{name}.log")
    with server.log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dentatool.project.cli", "serve"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _await_page(f"{server.url}/readyz", process, server.log)
        yield server
    finally:
        stop_group(process)


def _collect_static() -> None:
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)


def _await_page(url: str, server: subprocess.Popen, log: Path) -> None:
    ending = time.monotonic() + 30
    answer = "no answer"
    while time.monotonic() < ending and server.poll() is None:
        try:
            urllib.request.urlopen(url, context=trusting(), timeout=5).close()  # noqa: S310 - always https
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read()[:500]!r}"
        except OSError as error:
            answer = str(error)
        else:
            return
        time.sleep(0.1)
    pytest.fail(f"the web server is not ready: {answer}\n{log.read_text(errors='replace')[-3000:]}")
