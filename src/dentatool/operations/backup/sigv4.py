"""Signatures of requests to S3-compatible storage (AWS Signature Version 4). Pure: the time goes in, headers come out.

Source: AWS, "Authenticating Requests: Using the Authorization Header" of the S3 API reference, whose four examples are
the test (tests/operations/backup/test_sigv4.py).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. The secret is not shown where this is printed."""

    key_id: str
    secret: str
    region: str

    def __repr__(self) -> str:
        return f"Credentials({self.key_id}, {self.region})"


def signed_headers(
    credentials: Credentials, method: str, host: str, path: str, query: Mapping[str, str], headers: Mapping[str, str],
    body: bytes, now: datetime,
) -> dict[str, str]:  # fmt: skip
    """All headers to send; every one is signed, and so is the body. `path` is not encoded yet."""
    moment = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    body_hash = hashlib.sha256(body).hexdigest()
    sent = {**headers, "Host": host, "x-amz-content-sha256": body_hash, "x-amz-date": moment}
    folded = dict(sorted((name.lower(), " ".join(value.split())) for name, value in sent.items()))
    names = ";".join(folded)
    canonical = "\n".join(
        [
            method,
            encoded_path(path),
            encoded_query(query),
            *(f"{name}:{value}" for name, value in folded.items()),
            "",
            names,
            body_hash,
        ]
    )
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    to_sign = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(credentials, moment[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.key_id}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return sent


def encoded_path(path: str) -> str:
    """As it is sent and signed."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Mapping[str, str]) -> str:
    """As it is sent and signed: sorted by the encoded names."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, credentials.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
