"""ATK-06: headers and fields that claim to be somebody, somewhere or something else. They change nothing."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from attack.marked import Marked, fill, marker_of
from harness.live import Answer, Line, LiveServer
from pages.test_matrix import fingerprint

METHODS = ["TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "PROPFIND", "MOVE", "FOO"]
OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]


@pytest.fixture
def both(anna: Any, bert: Any) -> tuple[Marked, Marked]:
    return fill(anna, marker_of("ANNA"), 3), fill(bert, marker_of("BERT"), 3)


@pytest.fixture
def line(live_server: LiveServer) -> Iterator[Line]:
    opened = Line(live_server)
    yield opened
    opened.close()


def seen(answer: Answer) -> tuple[int, str | None, str]:
    """What does not differ from one time to the next."""
    text = re.sub(r'nonce="[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"|Vorgang <code>\w+', "", answer.text)
    return answer.status, answer.headers.get("location"), text


def test_no_header_makes_anna_somebody_else(line: Line, both: tuple[Marked, Marked]) -> None:
    anna, bert = both
    session, foreign = anna.lab.reading_token("owner"), str(bert.lab.lab_id)
    claims = {
        **dict.fromkeys(("X-Tenant", "X-Lab-Id", "X-Laboratory", "X-Organization-Id", "Dentatool-Pass"), foreign),
        **dict.fromkeys(("X-Forwarded-User", "Remote-User", "X-Remote-User", "X-User"), bert.lab.owner.sign_in_name),
        **dict.fromkeys(("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-HTTP-Host-Override"), "boese.example"),
        **dict.fromkeys(("X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Url-Scheme", "Front-End-Https"), "http"),
        **dict.fromkeys(("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Script-Name"), "/protokoll/"),
        **dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "True-Client-IP", "Client-IP"), "127.0.0.1"),
        "Forwarded": "for=127.0.0.1;host=boese.example;proto=http",
        "Authorization": "Bearer " + bert.lab._session_token("owner"),
        **dict.fromkeys(OVERRIDES, "DELETE"),
    }
    for address in (
        "/praxen/",
        f"/praxen/{anna.practice}/",
        f"/praxen/{bert.practice}/",
        "/auftraege",
        "/gibt-es-nicht/",
    ):
        plain = seen(line.ask("GET", address, session))
        assert plain[0] in (200, 301, 404)
        for name, value in claims.items():
            claimed = line.ask("GET", address, session, headers={name: value})
            assert seen(claimed) == plain, f"{address} with {name}"
            assert "boese.example" not in str(claimed.headers)
        by_query = line.ask("GET", f"{address}?lab_id={foreign}&tenant={foreign}", session)
        assert bert.marker not in by_query.text


def test_a_second_session_beside_the_own_is_not_mixed_with_it(line: Line, both: tuple[Marked, Marked]) -> None:
    tokens = [marked.lab._session_token("owner") for marked in both]
    cookies = [
        f"__Host-dentatool={tokens[0]}; __Host-dentatool={tokens[1]}",
        f"dentatool={tokens[1]}; __Host-dentatool={tokens[0]}; __Secure-dentatool={tokens[1]}",
        f'$Version=1; __Host-dentatool={tokens[0]}; $Path="/"; __host-dentatool={tokens[1]}',
    ]
    for cookie in cookies:
        answer = line.ask("GET", "/praxen/", headers={"Cookie": cookie})
        assert answer.status == 200
        assert (both[0].marker in answer.text) != (both[1].marker in answer.text), cookie


def test_no_method_but_those_of_a_page_does_anything(line: Line, both: tuple[Marked, Marked], superuser: Any) -> None:
    anna, _bert = both
    session = anna.lab.reading_token("owner")
    before = fingerprint(superuser, anna.lab.lab_id)
    for method in METHODS:
        for address in (*anna.addresses(), f"/rechnungen/{anna.draft}/ausstellung/", "/static/", "/healthz"):
            answer = line.ask(method, address, session, headers={"X-Probe": "wird-nicht-wiederholt"})
            assert answer.status in (400, 403, 404, 405), f"{method} {address}: {answer.status}"
            assert session not in answer.text + str(answer.headers) and "wird-nicht" not in answer.text
    issue = f"/rechnungen/{anna.draft}/ausstellung/"
    asked = seen(line.ask("GET", issue, session))
    for override, method in product(OVERRIDES, ("DELETE", "POST", "PUT")):
        assert seen(line.ask("GET", issue, session, headers={override: method})) == asked
    assert line.ask("GET", f"{issue}?_method=POST", session).status == 200

    assert fingerprint(superuser, anna.lab.lab_id) == before


def test_head_says_what_get_says_without_the_page(line: Line, both: tuple[Marked, Marked]) -> None:
    anna, _bert = both
    session = anna.lab.reading_token("owner")
    for address in anna.addresses():
        head, get = line.ask("HEAD", address, session), line.ask("GET", address, session)
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["cache-control"] == get.headers["cache-control"]


@pytest.mark.parametrize(
    "host", ["boese.example", "localhost.boese.example", "localhost:80@boese.example", "", "[::1", "a" * 500]
)
def test_a_wrong_host_is_refused_and_not_repeated(line: Line, host: str) -> None:
    answer = line.ask("GET", "/anmelden/", headers={"Host": host})

    assert answer.status == 400
    assert "boese.example" not in answer.text + str(answer.headers)
