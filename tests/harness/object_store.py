"""An S3-compatible storage in a process of its own, under TLS, that believes nothing it has not checked itself.

Written from the protocol's description and not with the program's own code: it takes a request apart as it came over
the wire and makes the signature anew. It refuses a wrong signature, region, body hash or MD5, a clock that is a quarter
of an hour off, an unsigned header and an object above its largest size. Faults are set while it runs:

    storage.faults(fail=2)          the next two requests are answered with 503
    storage.faults(cut=1)           … or broken off in the middle of the answer
    storage.faults(full=True)       nothing more is taken
"""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from harness.smtp import new_certificate

KEY_ID, SECRET, REGION, BUCKET = "AKIATEST", "geheim/+=secret", "eu-central-1", "sicherung"
LARGEST, PAGE = 64 << 20, 7  # a page of seven names, so that lists have several


class Refused(Exception):
    """With the code that S3 uses."""

    def __init__(self, status: int, code: str, more: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


def check_signature(method: str, raw: str, headers: dict[str, str], body: bytes) -> None:
    """As the description of Signature Version 4 has it, from the bytes that came."""
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind != "AWS4-HMAC-SHA256":
        raise Refused(403, "AccessDenied")
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    key_id, day, region, service, end = told["Credential"].split("/")
    moment = headers["x-amz-date"]
    if key_id != KEY_ID:
        raise Refused(403, "InvalidAccessKeyId")
    if (service, end) != ("s3", "aws4_request") or day != moment[:8]:
        raise Refused(400, "AuthorizationHeaderMalformed")
    if region != REGION:
        raise Refused(400, "AuthorizationHeaderMalformed", f"<Region>{REGION}</Region>")
    away = datetime.now(UTC) - datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(away.total_seconds()) > 900:
        raise Refused(403, "RequestTimeTooSkewed")
    names = told["SignedHeaders"].split(";")
    must = {"host", *(name for name in headers if name.startswith("x-amz-")), *({"content-md5"} & set(headers))}
    if names != sorted(names) or not must <= set(names):
        raise Refused(403, "AccessDenied")
    path, _, query = raw.partition("?")
    pairs = sorted(part if "=" in part else f"{part}=" for part in query.split("&") if part)
    canonical = "\n".join(
        [method, path, "&".join(pairs), *(f"{name}:{' '.join(headers[name].split())}" for name in names), "", ";".join(names),
         headers["x-amz-content-sha256"]]
    )  # fmt: skip
    scope = "/".join([day, region, service, end])
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), told["Signature"]):
        raise Refused(403, "SignatureDoesNotMatch")
    if hashlib.sha256(body).hexdigest() != headers["x-amz-content-sha256"]:
        raise Refused(400, "XAmzContentSHA256Mismatch")


class Handler(http.server.BaseHTTPRequestHandler):
    """Objects are files whose name is the quoted key."""

    protocol_version = "HTTP/1.1"
    root: Path
    lock = threading.Lock()

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            fault = self.take_fault()
            if fault == "fail":
                raise Refused(503, "SlowDown")
            headers = {name.lower(): value for name, value in self.headers.items()}
            check_signature(self.command, self.path, headers, body)
            status, content, more = self.do(headers, body)
            if fault == "cut":
                self.answer(status, content + bytes(100), more, send=len(content) // 2)
                self.close_connection = True
                return
        except Refused as refused:
            status, more = refused.status, {}
            content = f"<?xml version='1.0'?><Error><Code>{refused.code}</Code>{refused.more}</Error>".encode()
        self.answer(status, content, more)

    do_GET = do_PUT = do_DELETE = do_HEAD = handle_one  # noqa: N815

    def answer(self, status: int, content: bytes, more: dict[str, str], send: int | None = None) -> None:
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if send is None else content[:send])

    def take_fault(self) -> str:
        with self.lock:
            known = self.faults()
            for kind in ("fail", "cut"):
                if known.get(kind):
                    known[kind] -= 1
                    (self.root / ".faults").write_text(json.dumps(known))
                    return kind
        return ""

    def faults(self) -> dict:
        try:
            return json.loads((self.root / ".faults").read_text())
        except FileNotFoundError:
            return {}

    def do(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if bucket != BUCKET:
            raise Refused(404, "NoSuchBucket")
        if not key:
            return 200, self.versioning() if "versioning" in query else self.list_of(query), {}
        file = self.root / quote(key, safe="")
        if self.command == "PUT":
            self.store(file, headers, body)
            return 200, b"", {"ETag": '"whole"'}
        if self.command == "DELETE":
            file.unlink(missing_ok=True)
            return 204, b"", {}
        if not file.exists():
            raise Refused(404, "NoSuchKey")
        content = file.read_bytes()
        if "range" in headers:
            first, last = headers["range"].removeprefix("bytes=").split("-")
            if int(first) >= len(content):
                raise Refused(416, "InvalidRange")
            return 206, content[int(first) : int(last) + 1], {}
        return 200, content, {}

    def store(self, file: Path, headers: dict[str, str], body: bytes) -> None:
        if self.faults().get("full"):
            raise Refused(507, "QuotaExceeded")
        if len(body) > LARGEST:
            raise Refused(400, "EntityTooLarge")
        if base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() != headers.get("content-md5"):
            raise Refused(400, "InvalidRequest")  # as a bucket with object lock
        unfinished = file.with_name(f".{os.getpid()}-{threading.get_ident()}")
        unfinished.write_bytes(body)
        unfinished.rename(file)

    def versioning(self) -> bytes:
        state = self.faults().get("versioning", "")
        return f"<VersioningConfiguration>{f'<Status>{state}</Status>' if state else ''}</VersioningConfiguration>".encode()

    def list_of(self, query: dict[str, str]) -> bytes:
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = sorted(unquote(path.name) for path in self.root.iterdir() if not path.name.startswith("."))
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        if query.get("delimiter"):
            keys = [key for key in keys if query["delimiter"] not in key[len(prefix) :]]
        shown = keys[: min(PAGE, int(query.get("max-keys", 1000)))]
        out = ["<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"]
        for key in shown:
            with contextlib.suppress(FileNotFoundError):
                found = (self.root / quote(key, safe="")).stat()
                changed = f"{datetime.fromtimestamp(found.st_mtime, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
                out.append(
                    f"<Contents><Key>{escape(key)}</Key><LastModified>{changed}</LastModified>"
                    f"<Size>{found.st_size}</Size></Contents>"
                )
        truncated = len(shown) < len(keys)
        out.append(f"<IsTruncated>{str(truncated).lower()}</IsTruncated>")
        out.append(f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if truncated else "")
        return "".join([*out, "</ListBucketResult>"]).encode()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def serve(root: Path, certificate: Path) -> None:
    """Until it is killed; says its port first."""
    Handler.root = root
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


@dataclass
class Storage:
    """The running storage: where its objects lie, how it is reached."""

    root: Path
    certificate: Path
    port: int
    process: subprocess.Popen

    def url(self, folder: str = "anna") -> str:
        return f"https://localhost:{self.port}/{BUCKET}/{folder}"

    def faults(self, **wanted: object) -> None:
        """Instead of those before."""
        (self.root / ".faults").write_text(json.dumps(wanted))

    def names(self, prefix: str = "") -> list[str]:
        names = sorted(unquote(path.name) for path in self.root.iterdir() if not path.name.startswith("."))
        return [name for name in names if name.startswith(prefix)]

    def file(self, key: str) -> Path:
        return self.root / quote(key, safe="")

    def environment(self, base: Path) -> dict[str, str]:
        """What the program has to be told."""
        credentials = base / "s3.credentials"
        credentials.write_text(f"{KEY_ID}\n{SECRET}\n")
        credentials.chmod(0o600)
        return {
            "DENTATOOL_BACKUP_TARGET": self.url(), "DENTATOOL_BACKUP_S3_CREDENTIALS": str(credentials),
            "DENTATOOL_BACKUP_S3_REGION": REGION, "DENTATOOL_CA_FILE": str(self.certificate),
        }  # fmt: skip


@pytest.fixture(scope="session")
def _storage_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    base = tmp_path_factory.mktemp("storage")
    root = base / "objects"
    root.mkdir()
    certificate = new_certificate(base / "storage.pem", "localhost")
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from harness.object_store import serve;"
         " serve(*map(Path, sys.argv[1:]))", str(root), str(certificate)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield Storage(root, certificate, int(process.stdout.readline()), process)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def storage(_storage_process: Storage) -> Storage:
    """Empty, without faults."""
    for path in _storage_process.root.iterdir():
        path.unlink()
    return _storage_process
