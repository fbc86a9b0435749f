"""What stands around every answer of the served program: headers, cookies, TLS. Asked for over the network, in production."""

import re
import socket
import ssl
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from attack.marked import Marked, fill, marker_of
from harness.live import Answer, LiveServer, Wire, answers_in, running_server, trusting

pytestmark = pytest.mark.slow

EVERYWHERE = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-permitted-cross-domain-policies": "none",
}
POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "report-uri": "/csp-bericht/",
    "report-to": "csp",
}
# Two ciphers of TLS 1.2 have both forward secrecy and authenticated encryption for our kind of key, in three sizes.
STRONG = {"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}


@pytest.fixture(scope="module")
def served(database: dict) -> Iterator[LiveServer]:
    contact = "mailto:sicherheit@labor.example"
    with running_server("headers", threads=2, DENTATOOL_SECURITY_CONTACT=contact) as server:
        yield server


@pytest.fixture
def marked(anna: Any) -> Marked:
    return fill(anna, marker_of("ANNA"), 3)


def ask(server: LiveServer, method: str, path: str, session: str = "", form: str | None = None, **more: str) -> Answer:
    """One request on a connection of its own, said byte by byte."""
    token = "c" * 32
    cookies = f"__Host-csrf={token}" + (f"; __Host-dentatool={session}" if session else "")
    head = {"Host": f"localhost:{server.port}", "Cookie": cookies, "Referer": f"{server.url}/", **more}
    body = "" if form is None else f"csrfmiddlewaretoken={token}&{form}"
    if form is not None:
        head |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with Wire(server) as wire:
        wire.send(f"{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n{body}".encode())
        heard, _hung_up = wire.hear()
    (answer,) = answers_in(heard, to=method)
    return answer


def kinds_of_answers(server: LiveServer, marked: Marked) -> dict[str, tuple[int, Answer]]:
    """Each kind of answer: (the status it must have, the answer). Files of the program have a kind of their own."""
    owner, courier = (marked.lab._session_token(role) for role in ("owner", "courier"))
    sign_in = ask(server, "GET", "/anmelden/")
    files = sorted(set(re.findall(r'"(/static/[^"]+)"', sign_in.text)))
    assert {path.rsplit(".", 1)[-1] for path in files} >= {"css", "svg"}
    order, invoice = f"/auftraege/{marked.orders[0]}/", f"/rechnungen/{marked.invoice}/"
    answers = {
        "sign-in page": (200, sign_in),
        "start page": (200, ask(server, "GET", "/", owner)),
        "list with names": (200, ask(server, "GET", "/auftraege/?namen=1", owner)),
        "record": (200, ask(server, "GET", order, owner)),
        "head": (200, ask(server, "HEAD", order, owner)),
        "pdf": (200, ask(server, "GET", f"{invoice}pdf/", owner)),
        "xml": (200, ask(server, "GET", f"{invoice}xml/", owner)),
        "to the sign-in": (302, ask(server, "GET", order)),
        "htmx to the sign-in": (401, ask(server, "GET", order, **{"HX-Request": "true"})),
        "to the slash": (301, ask(server, "GET", "/auftraege", owner)),
        "bad query": (400, ask(server, "GET", "/auftraege/?seite=x", owner)),
        "wrong host": (400, ask(server, "GET", "/", owner, Host="boese.example")),
        "not permitted": (403, ask(server, "GET", "/protokoll/", courier)),
        "without a token": (403, ask(server, "POST", "/anmelden/", **{"Content-Length": "0"})),
        "not there": (404, ask(server, "GET", "/gibt-es-nicht/", owner)),
        "no such file": (404, ask(server, "GET", "/static/kit/gibt-es-nicht.css")),
        "not this way": (405, ask(server, "GET", "/abmelden/", owner)),
        "issued already": (409, ask(server, "POST", f"{invoice}ausstellung/", owner, form="")),
        "refused form": (422, ask(server, "POST", "/praxen/neu/", owner, form="name=")),
        "wrong password": (422, ask(server, "POST", "/anmelden/", form="name=a@labor.example&password=b")),
        "alive": (200, ask(server, "GET", "/healthz")),
        "ready": (200, ask(server, "GET", "/readyz")),
        "security.txt": (200, ask(server, "GET", "/.well-known/security.txt")),
    }
    for path in files:
        answers[f"file {path}"] = (200, ask(server, "GET", path))
    return answers


def test_every_kind_of_answer_carries_its_headers(served: LiveServer, marked: Marked) -> None:
    answers = kinds_of_answers(served, marked)

    assert {kind: answer.status for kind, (_wanted, answer) in answers.items()} == {
        kind: wanted for kind, (wanted, _answer) in answers.items()
    }
    for kind, (_wanted, answer) in answers.items():
        found = {name: answer.headers.get(name) for name in EVERYWHERE}
        assert found == EVERYWHERE, kind
        assert not re.search(r"\d", answer.headers.get("server", "")), f"{kind} tells a version"
        assert {"x-powered-by", "via", "access-control-allow-origin"} & answer.headers.keys() == set(), kind
        (_right_for_a_file if kind.startswith("file") else _right_for_a_page)(kind, answer)
    assert "filename=" in answers["pdf"][1].headers["content-disposition"]
    assert answers["head"][1].body == b""


def _right_for_a_page(kind: str, answer: Answer) -> None:
    """Kept by no cache, embedded by no one, nothing inline, and script only with this answer's own number."""
    assert "no-store" in answer.headers["cache-control"], kind
    assert "Cookie" in answer.headers["vary"], kind
    assert answer.headers.get("x-frame-options") == "DENY", kind
    assert "geolocation=()" in answer.headers["permissions-policy"], kind
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    script = policy.pop("script-src")
    assert policy == POLICY, kind
    nonces = re.findall(r'nonce="([^"]+)"', answer.text)
    assert script == f"'nonce-{nonces[0]}' 'strict-dynamic'" if nonces else "'strict-dynamic'" in script, kind
    assert "unsafe" not in script, kind


def _right_for_a_file(kind: str, answer: Answer) -> None:
    """For everybody and for long, but nothing that could act on its own, and no cookie of anybody's."""
    assert "max-age=" in answer.headers["cache-control"] and "no-store" not in answer.headers["cache-control"], kind
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'", kind
    assert "set-cookie" not in answer.headers, kind


def test_a_file_that_has_not_changed_is_not_sent_again(served: LiveServer) -> None:
    path = re.findall(r'"(/static/[^"]+\.css)"', ask(served, "GET", "/anmelden/").text)[0]
    first = ask(served, "GET", path)

    again = ask(served, "GET", path, **{"If-Modified-Since": first.headers["last-modified"]})

    assert (again.status, again.body) == (304, b"") and "set-cookie" not in again.headers


def test_each_answer_has_a_nonce_of_its_own(served: LiveServer) -> None:
    policies = [ask(served, "GET", "/anmelden/").headers["content-security-policy"] for _ in range(3)]

    assert len(set(re.findall(r"'nonce-([^']+)'", " ".join(policies)))) == 3


def test_cookies_are_of_this_host_hidden_from_scripts_and_gone_after_signing_out(served: LiveServer, anna: Any) -> None:
    who = f"name={anna.owner.sign_in_name}&password={anna.owner.password}"
    signed_in = ask(served, "POST", "/anmelden/", form=who)
    assert signed_in.status == 302
    session = _cookies(signed_in)["__Host-dentatool"].split(";")[0]

    signed_out = ask(served, "POST", "/abmelden/", session, form="")

    for answer in (signed_in, signed_out, ask(served, "GET", "/anmelden/")):
        for name, rest in _cookies(answer).items():
            assert name.startswith("__Host-"), name
            attributes = {part.strip().split("=")[0].lower() for part in rest.split(";")[1:]}
            assert {"secure", "httponly", "samesite", "path"} <= attributes and "domain" not in attributes, rest
            assert re.search(r"samesite=(lax|strict)", rest, re.I) and re.search(r"path=/(;|$)", rest, re.I), rest
    assert "max-age" not in _cookies(signed_in)["__Host-dentatool"].lower()  # it ends with the browser, too
    assert signed_out.status == 302 and signed_out.headers["clear-site-data"] == '"cache"'
    assert "Max-Age=0" in _cookies(signed_out)["__Host-dentatool"]
    assert ask(served, "GET", "/", session).status == 302  # the cookie that a thief kept


def _cookies(answer: Answer) -> dict[str, str]:
    return dict(value.split("=", 1) for name, value in answer.headers.all if name == "set-cookie")  # type: ignore[attr-defined]


def test_a_fault_of_ours_is_a_german_page_with_the_same_headers(anna: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for inside of the process: over the network nothing may be found that breaks."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Erika Mustermann")

    monkeypatch.setattr("dentatool.overview.views.render", broken)
    client = anna.client("owner")
    client.raise_request_exception = False

    answer = client.get("/")

    assert answer.status_code == 500
    told = answer.content.decode()
    assert "Da ist etwas schiefgegangen" in told and "Mustermann" not in told and "Traceback" not in told
    secure = {name: value for name, value in EVERYWHERE.items() if name != "strict-transport-security"}
    assert {name: answer.headers[name] for name in secure} == secure  # the test's own process is not in production
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def _handshake(server: LiveServer, version: ssl.TLSVersion, ciphers: str = "ALL:COMPLEMENTOFALL") -> str:
    """What was agreed on by a client that would take anything: the cipher; raises when refused."""
    client = trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version
    client.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    plain = socket.create_connection(("localhost", server.port), 5)
    with plain, client.wrap_socket(plain, server_hostname="localhost") as secure:
        agreed = secure.cipher()
        assert agreed is not None and secure.compression() is None
        return agreed[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(served: LiveServer, version: ssl.TLSVersion) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _handshake(served, version)


def test_tls_1_2_takes_only_ciphers_with_forward_secrecy_and_1_3_is_spoken(served: LiveServer) -> None:
    everything = trusting()
    everything.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = {each["name"] for each in everything.get_ciphers() if not each["name"].startswith("TLS_")}
    taken = set()
    for name in known:
        try:
            taken.add(_handshake(served, ssl.TLSVersion.TLSv1_2, name))
        except (ssl.SSLError, ConnectionError):
            continue

    assert len(known) > 100 and taken == STRONG
    assert _handshake(served, ssl.TLSVersion.TLSv1_3).startswith("TLS_")


def test_without_tls_there_is_no_answer_of_the_program(served: LiveServer) -> None:
    for path in ("/", "/anmelden/", "/healthz"):
        with socket.create_connection(("localhost", served.port), 5) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            heard = plain.recv(65536)
        assert b"HTTP/" not in heard and b"ok" not in heard and len(heard) < 16  # a TLS alert at most
