"""A key service for tests: the part of Transit that DentaTool asks, in a process of its own under real TLS.

It is no Vault and no OpenBao: it keeps its keys in memory (or in a file, to survive a restart), knows one token, and answers
encrypt, decrypt, rotate, config and the reading of a key as their documentation says, with their status codes and with the
additional data of AEAD keys. What it cannot prove is that a real Vault behaves as it is documented.

    python -m harness.transit CERTIFICATE.pem PORT TOKEN STATE.json
"""

import base64
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.nur-zur-probe"


class Refused(Exception):
    """An answer that is not 200: status and Vault's list of errors."""

    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, list(errors)


class Keys:
    """Named keys with versions, each 32 random bytes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}

    def has(self, name: str) -> bool:
        return name in self._keys

    def read(self, name: str) -> dict[str, Any]:
        key = self._of(name)
        return {
            "name": name,
            "type": key["type"],
            "keys": {version: made for version, (_secret, made) in key["versions"].items()},
            "latest_version": max(map(int, key["versions"])),
            "min_decryption_version": key["least"],
            "exportable": False,
            "deletion_allowed": False,
        }

    def create(self, name: str, facts: dict[str, Any]) -> None:
        if name not in self._keys:
            self._keys[name] = {"type": facts.get("type", "aes256-gcm96"), "least": 1, "versions": {}}
            self.rotate(name, {})

    def rotate(self, name: str, _facts: dict[str, Any]) -> None:
        versions = self._of(name)["versions"]
        versions[str(len(versions) + 1)] = [base64.b64encode(os.urandom(32)).decode(), int(time.time())]
        self._file.write_text(json.dumps(self._keys))

    def config(self, name: str, facts: dict[str, Any]) -> None:
        self._of(name)["least"] = int(facts["min_decryption_version"])
        self._file.write_text(json.dumps(self._keys))

    def encrypt(self, name: str, facts: dict[str, Any]) -> dict[str, Any]:
        version = str(self.read(name)["latest_version"])
        nonce = os.urandom(12)
        sealed = nonce + self._cipher(name, version).encrypt(nonce, _bytes(facts["plaintext"]), _additional(facts))
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": int(version)}

    def decrypt(self, name: str, facts: dict[str, Any]) -> dict[str, Any]:
        found = re.fullmatch(r"vault:v(\d+):([A-Za-z0-9+/=]+)", facts["ciphertext"])
        if found is None:
            raise Refused(400, "invalid ciphertext: no prefix")
        if int(found[1]) < self._of(name)["least"]:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        sealed = _bytes(found[2])
        try:
            plain = self._cipher(name, found[1]).decrypt(sealed[:12], sealed[12:], _additional(facts))
        except (InvalidTag, KeyError, ValueError):
            raise Refused(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plain).decode()}

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._keys:
            raise Refused(404)
        return self._keys[name]

    def _cipher(self, name: str, version: str) -> AESGCM:
        return AESGCM(_bytes(self._of(name)["versions"][version][0]))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(400, "failed to base64-decode") from None


def _additional(facts: dict[str, Any]) -> bytes:
    return _bytes(facts.get("associated_data", ""))


def serve(certificate: Path, port: int, token: str, state: Path) -> None:
    """Until the process is ended."""
    keys = Keys(state)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(content or b"{}"))

        def _answer(self, facts: dict[str, Any]) -> None:
            try:
                if self.headers.get("X-Vault-Token") != token:
                    raise Refused(403, "permission denied")
                data = self._done(facts)
            except Refused as refused:
                self._send(refused.status, {"errors": refused.errors})
            else:
                self._send(204 if data is None else 200, None if data is None else {"data": data})

        def _done(self, facts: dict[str, Any]) -> dict[str, Any] | None:
            found = re.fullmatch(r"/v1/transit/(keys|encrypt|decrypt)/([\w-]+)(?:/(rotate|config))?", self.path)
            if found is None:
                raise Refused(404)
            what, name, then = found.groups()
            if what != "keys":
                if not keys.has(name):  # unlike the reading of a key, which is a 404
                    raise Refused(400, "encryption key not found")
                return getattr(keys, what)(name, facts)
            if self.command == "GET":
                return keys.read(name)
            getattr(keys, then or "create")(name, facts)
            return None

        def _send(self, status: int, answer: dict[str, Any] | None) -> None:
            body = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who distrusts us hangs up
    server.serve_forever()


@dataclass
class KeyService:
    """The running process; `stop` and `start` are what happens in the night."""

    folder: Path
    certificate: Path
    port: int
    process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}/transit/dentatool"

    @property
    def token_file(self) -> Path:
        return self.folder / "kms.token"

    def start(self) -> None:
        arguments = [str(self.certificate), str(self.port), TOKEN, str(self.folder / "state.json")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.transit", *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        )
        ending = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < ending and self.process.poll() is None, "the key service does not start"
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, method: str, path: str, facts: dict[str, Any] | None = None) -> Any:
        """What its administrator does."""
        import urllib.request

        request = urllib.request.Request(
            f"https://localhost:{self.port}/v1/transit/{path}",
            method=method,
            data=None if facts is None else json.dumps(facts).encode(),
            headers={"X-Vault-Token": TOKEN},
        )
        trust = ssl.create_default_context(cafile=str(self.certificate))
        with urllib.request.urlopen(request, context=trust, timeout=5) as answer:  # noqa: S310 - always https
            return json.loads(answer.read() or b"{}")


@contextmanager
def key_service(folder: Path) -> Iterator[KeyService]:
    """A running service with the key `dentatool`, its certificate and a token file."""
    from harness.smtp import new_certificate

    folder.mkdir(parents=True, exist_ok=True)
    certificate = new_certificate(folder / "kms.pem", "localhost")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = KeyService(folder, certificate, port)
    service.token_file.write_text(TOKEN)
    service.token_file.chmod(0o600)
    service.start()
    try:
        service.ask("POST", "keys/dentatool", {"type": "aes256-gcm96"})
        yield service
    finally:
        service.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
