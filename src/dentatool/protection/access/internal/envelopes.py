"""Sealed notes that travel through the browser: it can neither read nor change them, nor use one for another purpose."""

import base64
import json
import os
import time
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12


def seal(purpose: str, /, **facts: Any) -> str:
    """The facts and the time, readable for `unseal` with the same purpose alone."""
    nonce = os.urandom(_NONCE)
    plain = json.dumps({"at": int(time.time()), **facts}).encode()
    return base64.urlsafe_b64encode(nonce + _cipher(purpose).encrypt(nonce, plain, None)).decode().rstrip("=")


def unseal(purpose: str, note: str, *, max_age_s: int) -> dict[str, Any] | None:
    """The facts, or None for what is not ours, was changed, is meant for something else or is too old."""
    try:
        raw = base64.b64decode(note.encode("ascii") + b"=" * (-len(note) % 4), altchars=b"-_", validate=True)
        facts: dict[str, Any] = json.loads(_cipher(purpose).decrypt(raw[:_NONCE], raw[_NONCE:], None))
    except (InvalidTag, ValueError):
        return None
    return facts if 0 <= time.time() - facts["at"] + 1 <= max_age_s else None


@cache
def _cipher(purpose: str) -> AESGCM:
    key = HKDF(SHA256(), 32, salt=None, info=f"dentatool.envelope.{purpose}".encode()).derive(
        settings.SECRET_KEY.encode()
    )
    return AESGCM(key)
