"""ATK-05: addresses spelt in other ways. No spelling leads to a page without permission, a file, or another site."""

import re
from pathlib import Path
from typing import Any

import pytest

from attack.marked import fill, marker_of
from harness.live import COOKIE, LiveServer, Wire, answers_in

# `{page}` is an address without its slashes.
SPELLINGS = [
    *("//{page}/", "/{page}//", "/./{page}/", "/x/../{page}/", "/%2e/{page}/", "/%2e%2e/{page}/", "/..%2f{page}/"),
    *("/{page}%2f", "/%2f{page}/", "/{page}/%00", "/%00/{page}/", "/{page}%00/", "/{page};x=1/", "/{page}/;/"),
    *("/{page}/%20", "/{page}%20/", "/{page}.html", "/{page}/.json", "/{page}/?%00", "/{page}/?a[]=%ff", "\\{page}\\"),
    *("/anmelden/../{page}/", "/static/../{page}/", "/static/..%2f{page}/", "/healthz/../{page}/", "/{page}/%c0%af"),
    *("http://localhost/{page}/", "https://boese.example/{page}/", "//boese.example/{page}/", "{page}/", "*"),
]
FILES = [
    f"/static/{up}{name}"
    for up in ("../", "..%2f", "%2e%2e/", "..\\", "..%5c", "....//", "%252e%252e/", "kit/../../", "/")
    for name in ("secrets/django.key", "secrets/database.json", "keys/root.key", "%2fetc/passwd")
]
ELSEWHERE = [
    "//boese.example/",
    "/\\boese.example/",
    "https://boese.example/",
    "/%2f%2fboese.example/",
    "///boese.example",
]


def ask(server: LiveServer, target: str, session: str = "") -> tuple[int, str, str]:
    """Status, Location and page. The target stands in the request as it is."""
    cookie = f"Cookie: {COOKIE}={session}\r\n" if session else ""
    with Wire(server) as wire:
        host = f"Host: localhost:{server.port}\r\n"
        wire.send(f"GET {target} HTTP/1.1\r\n{host}{cookie}Connection: close\r\n\r\n".encode())
        (answer,) = answers_in(wire.hear()[0])
    return answer.status, answer.headers.get("location", ""), answer.text


def own(server: LiveServer, location: str) -> bool:
    """An address of this site, as a browser understands it."""
    return re.match(r"/(?![/\\])", location) is not None or location.startswith(f"{server.url}/")


def test_no_spelling_of_a_page_serves_it_to_somebody_without_permission(live_server: LiveServer, anna: Any) -> None:
    marker = marker_of("ANNA")
    fill(anna, marker, 3)
    owner, courier = anna.reading_token("owner"), anna._session_token("courier")
    assert ask(live_server, "/protokoll/", owner)[0] == 200
    assert ask(live_server, "/protokoll/", courier)[0] == 403
    assert marker in ask(live_server, "/praxen/", owner)[2]
    for spelling in SPELLINGS:
        for page, session in (("protokoll", courier), ("praxen", "")):
            status, location, text = ask(live_server, spelling.format(page=page), session)
            assert status in (301, 302, 400, 403, 404), f"{spelling} {page}: {status}"
            assert not location or own(live_server, location), f"{spelling}: leads to {location}"
            assert marker not in text and "Traceback" not in text, spelling


def test_no_spelling_of_a_file_leads_out_of_the_folder_of_files(live_server: LiveServer, anna: Any) -> None:
    var = Path(live_server.log).parent
    secrets = [(var / name).read_text().strip() for name in ("secrets/django.key", "keys/root.key")]
    session = anna._session_token("owner")
    for file in FILES:
        status, _location, text = ask(live_server, file, session)
        assert status in (400, 404), f"{file}: {status}"
        assert not [secret for secret in secrets if secret[:20] in text] and "root:x:" not in text, file


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(live_server: LiveServer, anna: Any, target: str) -> None:
    session = anna._session_token("owner")

    status, location, _text = ask(live_server, f"/anmelden/?weiter={target}", session)

    assert (status, location) == (302, "/") or (status == 302 and own(live_server, location))
