"""ATK-26: an address that somebody typed in leads to the internet or nowhere: not into our networks, not on by redirect."""

import http.server
import socket
import time
from contextlib import contextmanager

import pytest
from django.test import override_settings

from dentatool.protection import outgoing
from dentatool.protection.outgoing import Blocked, Unanswered, checked, fetch
from harness.smtp import new_certificate
from harness.tls_site import tls_site

INTERNAL = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
]  # fmt: skip


def resolving_to(*addresses):
    """The name service, as an attacker has it answer."""
    return lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


@pytest.fixture
def connections(monkeypatch):
    """Every connection that is tried; none is made."""
    tried = []

    def refuse(address, timeout):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(outgoing.socket, "create_connection", refuse)
    return tried


@pytest.mark.parametrize("address", INTERNAL)
def test_a_name_that_leads_into_a_network_of_ours_is_not_gone_to(monkeypatch, connections, address):
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolving_to(address))

    with pytest.raises(Blocked, match="internes Netz"):
        fetch("https://anmeldung.example/")

    assert connections == []


@pytest.mark.parametrize("address", INTERNAL)
def test_one_internal_address_among_public_ones_is_enough_to_refuse(monkeypatch, connections, address):
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolving_to("9.9.9.9", address))

    with pytest.raises(Blocked):
        fetch("https://anmeldung.example/")

    assert connections == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"],
)
def test_no_spelling_of_this_machine_is_gone_to(connections, host):
    with pytest.raises((Blocked, Unanswered)):
        fetch(f"https://{host}/")

    assert connections == []


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_a_public_address_is_gone_to(monkeypatch, connections, address):
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolving_to(address))

    with pytest.raises(Unanswered):
        fetch("https://anmeldung.example/")

    assert connections == [(address, 443)]


@pytest.mark.parametrize(
    "address",
    [
        "http://anmeldung.example/",
        "ftp://anmeldung.example/",
        "file:///etc/passwd",
        "gopher://anmeldung.example/",
        "//anmeldung.example/",
        "https:///pfad",
        "https://name@anmeldung.example/",
        "https://name:wort@anmeldung.example/",
        "https://anmeldung.example/#teil",
        "https://anmeldung.example:8443/",
        "https://anmeldung.example:22/",
        "https://anmeldung.example:99999/",
        "https://anmel\tdung.example/",
        "https://anmeldung.example/\r\nHost: boese.example",
        "https://anmeldung.example\\@boese.example/",
        "https://anmeldung.example/ pfad",
        "https://ｌocalhost/",
        "https://[::1/",
        "https://anmeldung.example/" + "x" * 1000,
        "",
    ],
)
def test_only_plain_https_addresses_are_gone_to(connections, address):
    with pytest.raises(Blocked):
        fetch(address)

    assert connections == []


def test_the_name_is_resolved_once_and_that_answer_is_connected_to(monkeypatch, connections):
    asked = []

    def rebinding(host, port, **_):
        asked.append(host)
        return resolving_to("9.9.9.9" if len(asked) == 1 else "127.0.0.1")(host, port)

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", rebinding)
    with pytest.raises(Unanswered):
        fetch("https://anmeldung.example/")

    assert asked == ["anmeldung.example"]
    assert connections == [("9.9.9.9", 443)]


# With a real server on this machine, which the installation's settings name as one of its own.


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the path says."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        getattr(self, self.path.strip("/"))()

    def log_message(self, *_):
        pass

    def good(self):
        self._say(200, b'{"a": 1}')

    def elsewhere(self):
        self._say(302, b"", Location="/good")

    def large(self):
        self._say(200, b" " * (outgoing.LARGEST + 1))

    def list(self):
        self._say(200, b"[1]")

    def deep(self):
        self._say(200, b"[" * 200_000)

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b" ")
            time.sleep(0.05)

    def _say(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(certificate):
    asked = []
    with tls_site(type("Noting", (Handler,), {"asked": asked}), certificate) as port:
        yield port, asked


@pytest.fixture
def own(mail_certificate):
    """A server in our own network that the installation allows, and what it was asked."""
    with serving(mail_certificate) as (port, asked):
        allowed = {"DENTATOOL_PRIVATE_HOSTS": [f"localhost:{port}"], "DENTATOOL_CA_FILE": str(mail_certificate)}
        with override_settings(**allowed):
            yield f"https://localhost:{port}", asked


def test_a_host_that_the_installation_names_is_gone_to_and_only_that_one(own):
    address, asked = own

    assert fetch(f"{address}/good").facts() == {"a": 1}
    for other in (address.replace("localhost", "127.0.0.1"), "https://localhost:1", "https://localhost"):
        with pytest.raises(Blocked):
            fetch(f"{other}/good")
    assert asked == ["/good"]


def test_a_redirect_is_not_followed(own):
    address, asked = own

    assert fetch(f"{address}/elsewhere").status == 302
    assert asked == ["/elsewhere"]


@pytest.mark.parametrize("path", ["large", "list", "deep", "elsewhere"])
def test_what_is_too_large_or_no_json_object_is_no_answer(own, path):
    with pytest.raises(Unanswered):
        fetch(f"{own[0]}/{path}").facts()


def test_who_answers_drop_by_drop_is_cut_off(own, monkeypatch):
    monkeypatch.setattr(outgoing, "DEADLINE_S", 0.5)
    begun = time.monotonic()

    with pytest.raises(Unanswered):
        fetch(f"{own[0]}/drip")

    assert time.monotonic() - begun < 2


def test_a_certificate_that_nobody_vouches_for_is_no_answer(own):
    with override_settings(DENTATOOL_CA_FILE=""), pytest.raises(Unanswered):
        fetch(f"{own[0]}/good")

    assert own[1] == []


def test_a_certificate_of_another_name_is_no_answer(tmp_path):
    other = new_certificate(tmp_path / "other.pem", "anderswo.example")
    with serving(other) as (port, asked):
        allowed = {"DENTATOOL_PRIVATE_HOSTS": [f"localhost:{port}"], "DENTATOOL_CA_FILE": str(other)}
        with override_settings(**allowed), pytest.raises(Unanswered):
            fetch(f"https://localhost:{port}/good")

    assert asked == []


def test_no_proxy_of_the_environment_is_asked(own, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert fetch(f"{own[0]}/good").status == 200


def test_a_good_address_is_taken_as_it_is():
    assert checked("https://login.example/tenant/v2.0").path == "/tenant/v2.0"
