"""Identity providers for the tests: an independent one in a process of its own, and one that lies."""

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import override_settings

from harness.database import stop_group
from harness.smtp import new_certificate, trusting
from harness.tls_site import tls_site

SECRET = "Geheimnis: ä/+="


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Provider:
    """A running provider. People and clients come from the test."""

    def __init__(self, issuer: str, folder: Path, certificate: Path) -> None:
        self.issuer, self._folder, self.certificate = issuer, folder, certificate
        self._tls = ssl.create_default_context(cafile=str(certificate))
        self._people: dict[str, Any] = {}

    def person(self, **claims: Any) -> str:
        """Somebody the provider knows; their name there."""
        name = f"person-{uuid4().hex[:8]}"
        self._people[name] = {"password": name, "claims": claims}
        (self._folder / "people.json").write_text(json.dumps(self._people))
        return name

    def client(self, redirect_uri: str) -> str:
        """A new client with this return address and SECRET; its id."""
        client_id = f"dentatool-{uuid4().hex[:8]}"
        body = json.dumps({"client_id": client_id, "client_secret": SECRET, "redirect_uris": redirect_uri}).encode()
        urllib.request.urlopen(f"{self.issuer}/clients", body, context=self._tls, timeout=20).close()  # noqa: S310
        return client_id

    def sign_in(self, address: str, name: str) -> str:
        """What a browser does at the provider: sign in there; the address that it is sent back to."""
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        browser = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self._tls), cookies, _NoRedirect)
        body = None
        for _ in range(6):
            address, status = _step(browser, address, body)
            if not address.startswith(self.issuer):
                return address
            body = (
                urlencode({"username": name, "password": name}).encode()
                if "/login?" in address and status == 200
                else None
            )
        pytest.fail(f"the provider does not send the browser back: {address}")


def _step(browser: urllib.request.OpenerDirector, address: str, body: bytes | None) -> tuple[str, int]:
    try:
        with browser.open(address, body, timeout=20) as answer:
            return address, answer.status
    except urllib.error.HTTPError as answer:
        if answer.code not in (301, 302, 303):
            pytest.fail(f"{address}: {answer.code} {answer.read()[:500]!r}")
        return urljoin(address, answer.headers["Location"]), answer.code


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The independent provider, started once."""
    folder = tmp_path_factory.mktemp("provider")
    certificate = new_certificate(folder / "server.pem", "localhost")
    (folder / "people.json").write_text("{}")
    (folder / "signing.pem").write_bytes(_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    port = _free_port()
    issuer = f"https://localhost:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DENTATOOL_", "DJANGO_"))},
        "PROVIDER_FOLDER": str(folder),
        "PROVIDER_ISSUER": issuer,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    command = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws"]
    command += [
        "--ssl-certificate",
        str(certificate),
        "--ssl-keyfile",
        str(certificate),
        "harness.provider_site:application",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await(f"{issuer}/.well-known/openid-configuration", certificate, process, folder / "log")
        yield Provider(issuer, folder, certificate)
    finally:
        stop_group(process)


@pytest.fixture
def provider(provider_process: Provider) -> Iterator[Provider]:
    """The independent provider, as one that this installation may go to."""
    with reachable(provider_process):
        yield provider_process


@contextmanager
def reachable(*providers: Any) -> Iterator[None]:
    """These providers on this machine are allowed, and their certificates trusted."""
    hosts = [urlsplit(each.issuer).netloc for each in providers]
    bundle = trusting(*(each.certificate for each in providers))
    with override_settings(DENTATOOL_PRIVATE_HOSTS=hosts, DENTATOOL_CA_FILE=bundle):
        yield


class LyingProvider:
    """Says whatever the test wants: `token` is the next ID token, `described` what it says about itself."""

    def __init__(self, issuer: str, certificate: Path) -> None:
        self.issuer, self.certificate = issuer, certificate
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.token: str | None = None
        self.asked: list[dict[str, str]] = []  # the forms of its token endpoint
        self.described: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
        }

    def claims(self, client_id: str, nonce: str, **changes: Any) -> dict[str, Any]:
        """Those of a good token, changed; None takes one away."""
        now = int(time.time())
        good = {"iss": self.issuer, "aud": client_id, "sub": "4711", "nonce": nonce, "iat": now, "exp": now + 300}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def sign(self, claims: dict[str, Any], algorithm: str = "RS256") -> str:
        return jwt.encode(claims, self.key, algorithm, headers={"kid": "1"})

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return self.described
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return {"keys": [{**public, "kid": "1", "use": "sig"}]}
        if path == "/token" and self.token is not None:
            return {"id_token": self.token, "access_token": "x", "token_type": "Bearer"}
        return None


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[LyingProvider]:
    """A provider that lies, reachable like a good one."""
    with lying(tmp_path / "liar.pem") as provider, reachable(provider):
        yield provider


@contextmanager
def lying(file: Path) -> Iterator[LyingProvider]:
    certificate = new_certificate(file, "localhost")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.asked.append({name: values[0] for name, values in parse_qs(sent).items()})
            self._answer()

        def _answer(self) -> None:
            found = told.answer(self.path)
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with tls_site(Handler, certificate) as port:
        told = LyingProvider(f"https://localhost:{port}", certificate)
        yield told


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(address: str, certificate: Path, process: subprocess.Popen, log: Path) -> None:
    ending = time.monotonic() + 60
    while time.monotonic() < ending and process.poll() is None:
        try:
            tls = ssl.create_default_context(cafile=str(certificate))
            urllib.request.urlopen(address, context=tls, timeout=5).close()  # noqa: S310 - always https
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the provider is not ready:\n{log.read_text(errors='replace')[-3000:]}")
