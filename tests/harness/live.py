"""The real web server in a process of its own, and a browser's connection to it without the browser."""

import http.client
import io
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
from contextlib import contextmanager, suppress
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
    headers: "Headers"
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One persistent TLS connection. Who is asking is said anew with each request, as behind a proxy."""

    def __init__(self, server: LiveServer, source: str = "") -> None:
        self._server = server
        self._source = (source, 0) if source else None  # of 127.0.0.0/8 every address is ours
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

    def send(self, method: str, address: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        """Send one request as a program does: nothing but what is said."""
        return self._send(method, address, body, dict(headers))

    def _send(self, method: str, address: str, body: str | None, headers: dict[str, str]) -> Answer:
        if self._http is None:
            self._http = http.client.HTTPSConnection(
                "localhost", self._server.port, timeout=30, context=trusting(), source_address=self._source
            )
        self._http.request(method, address, body, headers)
        got = self._http.getresponse()
        return Answer(got.status, Headers(got.headers.items()), got.read())

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None


class Wire:
    """A TLS connection on which a test says every byte itself."""

    def __init__(self, server: LiveServer, timeout: float = 5) -> None:
        self._socket = trusting().wrap_socket(
            socket.create_connection(("localhost", server.port), timeout), server_hostname="localhost"
        )

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """What the server hangs up on in the middle counts as sent."""
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self._socket.sendall(b"".join(parts))

    def say_goodbye(self) -> None:
        """We send no more, but would still listen."""
        self._socket.unwrap() if self._socket.version() is None else self._socket.shutdown(socket.SHUT_WR)

    def hear(self, timeout: float = 5) -> tuple[bytes, bool]:
        """All that comes until the server hangs up, or is silent for so long; and whether it hung up."""
        self._socket.settimeout(timeout)
        heard = b""
        try:
            while part := self._socket.recv(65536):
                heard += part
        except TimeoutError:
            return heard, False
        except OSError:
            pass
        return heard, True


def answers_in(heard: bytes, *, to: str = "GET") -> list[Answer]:
    """The stream cut into answers as a browser does it, by their own lengths. What is no answer fails."""
    stream, found = io.BytesIO(heard), []
    while stream.tell() < len(heard):
        answer = http.client.HTTPResponse(_Heard(stream), method=to)  # type: ignore[arg-type]
        answer.begin()
        found.append(Answer(answer.status, Headers(answer.getheaders()), answer.read()))
    return found


class Headers(dict[str, str]):
    """Names in lower case; what came more than once, in `all`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.all = [(name.lower(), value.strip()) for name, value in pairs]
        super().__init__(self.all)


class _Heard:
    """What http.client expects of a socket."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> "_Unclosed":
        return _Unclosed(self._stream)


class _Unclosed(io.RawIOBase):
    """The stream goes on after one answer."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        return self._stream.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        return self._stream.readline(size)

    def readinto(self, buffer: Any) -> int:
        return self._stream.readinto(buffer)


def trusting() -> ssl.SSLContext:
    """Our own server's certificate is self-signed."""
    return ssl._create_unverified_context()  # noqa: S323


@contextmanager
def running_server(name: str, *, threads: int, workers: int = 1, **environment: str) -> Iterator[LiveServer]:
    """A server on this run's database, with so many threads (and as many database connections) in each process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        **environment,
        "DENTATOOL_PORT": str(port),
        "DENTATOOL_WORKERS": str(workers),
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
    ending = time.monotonic() + 90  # the machine may be busy
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
