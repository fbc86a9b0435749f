"""Files that the installation signs: what it has once handed out cannot be changed unseen, even by itself later.

Promise: a signed file is the content as it was, followed by one line with SHA-256, facts and an Ed25519 signature over
all of them. Programs that show the content pass the line by (a PDF ends before it). The key lies in a file beside the
other secrets, outside of the database.
How it could be broken: by whoever reads that file. So the public key belongs into other hands: `dentatool reviews key`.
Tests that try: tests/values/test_signed_file.py.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MARK = b"\n%DentaTool-Signatur "


class SignatureError(ValueError):
    """The file is not as it was signed; the text says what is wrong, in German."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A file whose signature holds."""

    content: bytes
    sha256: str
    facts: dict[str, Any]


def sign_file(content: bytes, facts: dict[str, Any], key_file: Path) -> bytes:
    """The content with its signature behind it. Facts are plain JSON."""
    key = private_key_in(key_file)
    told = {"sha256": hashlib.sha256(content).hexdigest(), "facts": facts, "key": _hex(key.public_key())}
    line = {**told, "signature": key.sign(_to_sign(told)).hex()}
    return content + _MARK + base64.b64encode(json.dumps(line).encode()) + b"\n"


def check_file(file: bytes, public_key: str) -> Signed:
    """What was signed, if nothing of it was changed and this key signed it. Raises SignatureError."""
    content, mark, line = file.rpartition(_MARK)
    if not mark:
        raise SignatureError("Die Datei trägt keine Signatur von DentaTool.")
    try:
        told = json.loads(base64.b64decode(line.strip(), validate=True))
        signature, key = bytes.fromhex(told.pop("signature")), str(told["key"])
        facts, sha256 = dict(told["facts"]), str(told["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SignatureError("Die Signatur ist beschädigt.") from error
    if key != public_key:
        raise SignatureError("Die Datei wurde mit einem anderen Schlüssel unterschrieben als dem dieser Installation.")
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(signature, _to_sign(told))
    except (InvalidSignature, ValueError) as error:
        raise SignatureError("Die Signatur passt nicht: Angaben wurden verändert.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SignatureError("Der Inhalt wurde nach dem Unterschreiben verändert.")
    return Signed(content, sha256, facts)


def public_key_of(key_file: Path) -> str:
    """The part of the key that anybody may have."""
    return _hex(private_key_in(key_file).public_key())


def private_key_in(key_file: Path) -> Ed25519PrivateKey:
    """The key that a file holds, 32 bytes in hexadecimal. Raises FileNotFoundError, ValueError."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key_file.read_text().strip()))


def _hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()


def _to_sign(told: dict[str, Any]) -> bytes:
    return b"DentaTool 1\n" + json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
