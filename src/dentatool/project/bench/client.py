"""One browser without screen, in a process of its own: sends prepared requests and measures each.

    python -m dentatool.project.bench.client < order.json
The order: {port, headers, warm: [...], requests: [[method, path, body], ...]}. It says „ready“, waits for a line, sends
everything over one TLS connection that is kept, and prints the milliseconds of each whole request as JSON.
"""

import http.client
import json
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from typing import Any

Request = tuple[str, str, str]


def _trusting() -> ssl.SSLContext:
    """For our own server, whose certificate nobody has signed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port: int) -> http.client.HTTPSConnection:
    """A TLS connection to our own server, for what is not measured."""
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=_trusting())


class Line:
    """One kept TLS connection that does as little as a load generator must: sends bytes, reads status, length and body.

    http.client takes up to 0.25 ms more of each answer, and the processor it uses is the server's.
    """

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = _trusting().wrap_socket(plain)
        self._head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    def written(self, request: Request) -> bytes:
        """The request as it goes over the line."""
        method, path, body = request
        form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n" if body else ""
        return f"{method} {path} HTTP/1.1\r\n{self._head}{form}\r\n{body}".encode()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """One request and its whole answer. Raises ValueError for an answer that does not tell its length."""
        self._socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head, parts = answer[:end].lower(), [answer[end + 4 :]]
        length = int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        length -= len(parts[0])
        while length > 0:
            parts.append(self._more())
            length -= len(parts[-1])
        return int(head[9:12]), b"".join(parts)

    def _more(self) -> bytes:
        piece = self._socket.recv(131_072)
        if not piece:
            raise ConnectionError("The server has closed the connection in the middle of an answer.")
        return piece


def main() -> int:
    """Measure. Any answer but 200 and 302 ends the run: errors are fast and would look good."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    line = Line(order["port"], {"Host": f"localhost:{order['port']}", **order["headers"]})
    for request in order["warm"]:
        line.ask(line.written(request))
    print("ready", flush=True)
    sys.stdin.readline()
    taken = []
    for request in order["requests"]:
        written = line.written(request)
        begun = time.perf_counter()
        status, content = line.ask(written)
        taken.append((time.perf_counter() - begun) * 1000)
        is_whole = b"</html>" in content or content.endswith(b"}")
        if status not in (200, 302) or (status == 200 and not is_whole):
            print(f"{request[0]} {request[1]}: {status} {content[:2000]!r}", file=sys.stderr)
            return 1
    print(json.dumps(taken), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
