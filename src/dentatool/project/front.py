"""Between the web server and Django: nobody who sends or reads slowly holds up the others, and half a form is no form.

granian gives each request a thread at once and reads the body when it is asked to: without end when the sender stalls,
and as if it were whole when the sender breaks off. So this reads the body before Django sees the request, in one of
many cheap threads; only a whole request takes one of the few desks (`DENTATOOL_THREADS`), each with its own connection
to the database. Answers are finished before they leave, so that no desk waits for a slow reader; large ones leave piece
by piece and stop when their person's access ends.
"""

import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from queue import LifoQueue
from typing import Any

from django.db import connections

from dentatool.project.sending import Sender
from dentatool.values.proxies import Network, client_address

# Threads that wait for bodies. One address may occupy some of them, never all.
WAITING_THREADS = 64
PER_ADDRESS = 16
# What no page reads is heard out, so that the browser listens to the refusal, but not kept.
KEPT_BYTES = 6_000_000
MOST_BYTES = 64_000_000
STALLED_S = float(os.environ.get("DENTATOOL_STALL_S", "30"))
PEER = "dentatool.peer"  # in the environ: who is connected to us, which may be a proxy
ARRIVAL = "dentatool.arrival"  # in the environ: "incomplete", "too_large" or "too_many"; absent when all is well

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_BODYLESS = ("GET", "HEAD", "OPTIONS", "TRACE")
_PIECE = 65_536
_TCP_LAST_DATA_RECEIVED_MS = 8 + 11 * 4  # where it stands in Linux' struct tcp_info


class Front:
    """A WSGI application around Django's."""

    def __init__(self, application: Application, desks: int, proxies: Sequence[Network] = ()) -> None:
        self._application = application
        self._proxies = proxies
        self._bodies = _Bodies()
        self._sender = Sender()
        self._desks: LifoQueue[Any] = LifoQueue()  # the last one used has what it needs in the caches
        for _ in range(desks):
            desk = connections.create_connection("default")
            desk.inc_thread_sharing()
            self._desks.put(desk)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Here once, so that nothing behind has to ask: limits, sessions and the trail read REMOTE_ADDR and no header.
        peer = environ[PEER] = environ.get("REMOTE_ADDR", "")
        environ["REMOTE_ADDR"] = client_address(peer, environ.get("HTTP_X_FORWARDED_FOR", ""), self._proxies)
        if environ["REQUEST_METHOD"] not in _BODYLESS:
            self._bodies.fetch(environ)
        with self._desk():
            answer = self._application(environ, start_response)
            try:
                return self._sender.pieces(environ, b"".join(answer))
            finally:
                if hasattr(answer, "close"):
                    answer.close()

    @contextmanager
    def _desk(self) -> Iterator[None]:
        """Django takes the connection of its thread; ours belong to desks, so that there are as many as desks."""
        desk = self._desks.get()
        connections["default"] = desk
        try:
            yield
        finally:
            del connections["default"]
            self._desks.put(desk)


class _Bodies:
    """Reads bodies, and hangs up on those who stopped sending theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._since: dict[int, tuple[float, str]] = {}
        threading.Thread(target=self._hang_up_for_ever, name="front", daemon=True).start()

    def fetch(self, environ: dict[str, Any]) -> None:
        """Put the whole body into the environ, or into ARRIVAL why there is none."""
        length, address = environ.get("CONTENT_LENGTH") or "0", environ.get("REMOTE_ADDR", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._refuse(environ, "too_large")
            return
        with self._lock:
            if self._waiting[address] >= PER_ADDRESS:
                self._refuse(environ, "too_many")
                return
            self._waiting[address] += 1
            self._since[threading.get_ident()] = time.monotonic(), environ.get(PEER, address)
        try:
            body, missing = _read(environ["wsgi.input"], int(length))
        finally:
            with self._lock:
                self._waiting -= Counter({address: 1})
                del self._since[threading.get_ident()]
        if missing:
            self._refuse(environ, "incomplete")
        else:
            environ["wsgi.input"] = BytesIO(body)

    @staticmethod
    def _refuse(environ: dict[str, Any], reason: str) -> None:
        environ["wsgi.input"], environ["CONTENT_LENGTH"], environ[ARRIVAL] = BytesIO(b""), "0", reason

    def _hang_up_for_ever(self) -> None:
        while True:
            time.sleep(STALLED_S / 6)
            with self._lock:
                late = {who for since, who in self._since.values() if time.monotonic() - since > STALLED_S}
            for address in late:
                hang_up_on_silent(address)


def _read(source: Any, length: int) -> tuple[bytes, int]:
    """The body up to KEPT_BYTES, and how many bytes did not come."""
    pieces, kept, missing = [], 0, length
    while missing and (piece := source.read(min(_PIECE, missing))):
        missing -= len(piece)
        if kept < KEPT_BYTES:
            pieces.append(piece)
            kept += len(piece)
    return b"".join(pieces), missing


def hang_up_on_silent(address: str) -> None:
    """Shut every connection of this process from there that has brought nothing for STALLED_S.

    Which of them owes us a body, the web server does not tell. An idle browser simply connects again.
    """
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError, struct.error), socket.socket(fileno=os.dup(int(name))) as link:
            if link.family not in (socket.AF_INET, socket.AF_INET6) or link.getpeername()[0] != address:
                continue
            info = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            (silent_ms,) = struct.unpack_from("I", info, _TCP_LAST_DATA_RECEIVED_MS)
            if silent_ms > STALLED_S * 1000:
                link.shutdown(socket.SHUT_RDWR)
