"""ATK-11 on one connection, as behind a proxy: Anna sends what two readers read differently, Bert's request follows.

Hidden in Anna's request is another one. If the server takes it for a request, Bert gets its answer, or it gets his.
"""

from typing import Any

import pytest

from attack.marked import Marked, fill, marker_of
from harness.live import COOKIE, LiveServer, Wire, answers_in

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"  # its answer is "ok" and nothing else
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def length(of: bytes | int) -> bytes:
    return b"Content-Length: %d\r\n" % (of if isinstance(of, int) else len(of))


# name: (header lines, body). The method is POST unless the name begins with another.
AMBIGUOUS = {
    "length and chunks": (length(END + HIDDEN) + CHUNKED, END + HIDDEN),
    "chunks and length": (CHUNKED + length(4), b"2c\r\n" + HIDDEN + END),
    "two lengths": (length(0) + length(HIDDEN), HIDDEN),
    "two lengths, the shorter last": (length(HIDDEN) + length(0), HIDDEN),
    "two lengths in one line": (b"Content-Length: 0, %d\r\n" % len(HIDDEN), HIDDEN),
    "length with a sign": (b"Content-Length: +0\r\n", HIDDEN),
    "negative length": (b"Content-Length: -1\r\n", HIDDEN),
    "length in hexadecimal": (b"Content-Length: 0x2c\r\n", HIDDEN),
    "length with a space before the colon": (b"Content-Length : %d\r\n" % len(HIDDEN), HIDDEN),
    "length of an Arabic digit": ("Content-Length: ٤٤\r\n".encode(), HIDDEN),
    "chunks with a space before the colon": (b"Transfer-Encoding : chunked\r\n" + length(5), END + HIDDEN),
    "chunks after a tab": (b"Transfer-Encoding:\tchunked\r\n" + length(END + HIDDEN), END + HIDDEN),
    "chunks misspelt": (b"Transfer-Encoding: xchunked\r\n" + length(END + HIDDEN), END + HIDDEN),
    "chunks not last": (b"Transfer-Encoding: chunked, identity\r\n" + length(END + HIDDEN), END + HIDDEN),
    "chunks twice": (CHUNKED + b"Transfer-Encoding: identity\r\n" + length(END + HIDDEN), END + HIDDEN),
    "chunks in a folded line": (b"X-A: b\r\n Transfer-Encoding: chunked\r\n" + length(5), END + HIDDEN),
    "chunks after a bare line feed": (b"X-A: b\n" + CHUNKED + length(END + HIDDEN), END + HIDDEN),
    "chunks after a bare carriage return": (b"X-A: b\r" + CHUNKED + length(END + HIDDEN), END + HIDDEN),
    "null in a header": (b"X-A: b\0c\r\n" + length(HIDDEN), HIDDEN),
    "chunk extension with a line feed": (CHUNKED, b"2;a=\n" + HIDDEN + b"\r\n" + END),
    "chunk extension without end": (CHUNKED, b"2;" + b"a" * 50_000 + b"\r\nab\r\n" + END),
    "negative chunk": (CHUNKED, b"-1\r\n" + HIDDEN),
    "chunk larger than any number": (CHUNKED, b"ffffffffffffffffff\r\n" + HIDDEN),
    "chunk with a length that lies": (CHUNKED, b"1\r\n" + HIDDEN + END),
    "chunk in a signed number": (CHUNKED, b"+2c\r\n" + HIDDEN + b"\r\n" + END),
    "trailers that name somebody else": (CHUNKED, b"0\r\nCookie: x=y\r\nContent-Length: 5\r\nHost: boese\r\n\r\n"),
    "GET with a body": (length(HIDDEN), HIDDEN),
    "HEAD with a body": (length(HIDDEN), HIDDEN),
    "body larger than anything is taken": (length(64_000_001), HIDDEN),
    "wait for a continue": (b"Expect: 100-continue\r\n" + length(HIDDEN), HIDDEN),
    "upgrade to another protocol": (b"Upgrade: h2c\r\nConnection: Upgrade\r\n" + length(HIDDEN), HIDDEN),
    "one header of half a megabyte": (b"X-A: " + b"a" * 500_000 + b"\r\n", b""),
    "two hundred headers": (b"".join(b"X-%d: a\r\n" % number for number in range(200)), b""),
}


@pytest.fixture
def both(anna: Any, bert: Any) -> tuple[Marked, Marked]:
    return fill(anna, marker_of("ANNA"), 3), fill(bert, marker_of("BERT"), 3)


def request(live_server: LiveServer, line: bytes, session: str, more: bytes = b"") -> bytes:
    host = b"Host: localhost:%d\r\n" % live_server.port
    return line + b" HTTP/1.1\r\n" + host + f"Cookie: {COOKIE}={session}\r\n".encode() + more + b"\r\n"


def test_nobody_gets_an_answer_that_is_not_theirs(live_server: LiveServer, both: tuple[Marked, Marked]) -> None:
    anna, bert = both
    for_anna, for_bert = (marked.lab._session_token("owner") for marked in both)
    follows = request(live_server, b"GET /praxen/", for_bert, b"Connection: close\r\n")
    served_bert = 0
    for name, (head, body) in AMBIGUOUS.items():
        method = name.split(" ")[0] if name.split(" ")[0].isupper() else "POST"
        with Wire(live_server) as wire:
            wire.send(request(live_server, f"{method} /praxen/neu/".encode(), for_anna, head), body, follows)
            heard, _hung_up = wire.hear(1)

        assert b"\r\n\r\nok\n" not in heard, f"{name}: the hidden request was answered"
        assert b"HTTP/1.1 5" not in heard, f"{name}: {heard[:200]!r}"
        first, _, rest = heard.partition(bert.marker.encode())
        assert anna.marker.encode() not in rest, f"{name}: Anna's page after Bert's"
        served_bert += bool(rest)
        if rest:  # he was served on this connection: then by the second answer, and by nothing else
            statuses = [part[9:12] for part in heard.split(b"HTTP/1.1 ")[1:]]
            assert len(statuses) <= 3 and first.count(b"HTTP/1.1 200") <= 2, f"{name}: {statuses}"
    assert 1 <= served_bert < len(AMBIGUOUS)  # some are refused with the connection, some are no attack to us


def test_a_hidden_request_that_was_taken_would_be_noticed(live_server: LiveServer, anna: Any) -> None:
    with Wire(live_server) as wire:
        wire.send(request(live_server, b"POST /praxen/neu/", anna._session_token("owner"), length(0)), HIDDEN)
        heard, _hung_up = wire.hear(1)

    assert b"\r\n\r\nok\n" in heard


def test_two_people_on_one_connection_get_each_their_own(live_server: LiveServer, both: tuple[Marked, Marked]) -> None:
    sessions = [marked.lab._session_token("owner") for marked in both]
    order = [0, 1, 1, 0, 1, 0, 0, 1]
    asked = [request(live_server, b"GET /praxen/", sessions[side]) for side in order]
    last = request(live_server, b"GET /praxen/", "", b"Connection: close\r\n")

    with Wire(live_server) as wire:  # all at once, before the first answer
        wire.send(*asked, last)
        answers = answers_in(wire.hear()[0])

    assert [answer.status for answer in answers] == [200] * len(order) + [302]
    for side, answer in zip(order, answers, strict=False):
        assert both[side].marker in answer.text and both[1 - side].marker not in answer.text
