"""One browser without screen, in a process of its own: sends prepared requests and measures each.

    python -m dentatool.project.bench.client < order.json
The order: {port, headers, warm: [...], requests: [[method, path, body], ...]}. It says „ready“, waits for a line, sends
everything over one TLS connection that is kept, and prints the milliseconds of each whole request as JSON.
"""

import http.client
import json
import ssl
import sys
import time
from typing import Any

Request = tuple[str, str, str]


def connect(port: int) -> http.client.HTTPSConnection:
    """A TLS connection to our own server, whose certificate nobody has signed."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trusting)


def ask(connection: http.client.HTTPSConnection, request: Request, headers: dict[str, str]) -> tuple[int, bytes]:
    """One request and its whole answer."""
    method, path, body = request
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    connection.request(method, path, body or None, headers | form)
    answer = connection.getresponse()
    return answer.status, answer.read()


def main() -> int:
    """Measure. Any answer but 200 and 302 ends the run: errors are fast and would look good."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    connection = connect(order["port"])
    headers = {"Host": f"localhost:{order['port']}", **order["headers"]}
    for request in order["warm"]:
        ask(connection, request, headers)
    print("ready", flush=True)
    sys.stdin.readline()
    taken = []
    for request in order["requests"]:
        begun = time.perf_counter()
        status, content = ask(connection, request, headers)
        taken.append((time.perf_counter() - begun) * 1000)
        is_whole = b"</html>" in content or content.endswith(b"}")
        if status not in (200, 302) or (status == 200 and not is_whole):
            print(f"{request[0]} {request[1]}: {status} {content[:2000]!r}", file=sys.stderr)
            return 1
    print(json.dumps(taken), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
