"""Codes that people type: of an authenticator app (RFC 6238), and the ones to print and keep. Knows no database."""

import base64
import re
import secrets
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from django.utils.crypto import salted_hmac

STEP_S, DIGITS, TOLERANCE = 30, 6, 1
_KEY_BYTES = 20  # RFC 4226: at least 128 bits, 160 recommended
RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_LETTERS, _GROUP = 24, 4  # 118 bits: a plain keyed hash is enough (ASVS 6.5.2)


def new_app_key() -> str:
    """A fresh key of an authenticator app, as people type it (base32)."""
    return base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode()


def app_address(key: str, account: str, issuer: str) -> str:
    """What the QR code says."""
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?secret={key}&issuer={quote(issuer)}"


def matching_step(key: str, typed: str, now_s: float) -> int | None:
    """The time step whose code was typed, among this one and its neighbours; every step is compared, none first."""
    code = re.sub(r"\s", "", typed)
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    hotp = HOTP(base64.b32decode(key), DIGITS, SHA1())  # noqa: S303  (what apps compute; as HMAC it is sound)
    this_step = int(now_s // STEP_S)
    found = None
    for step in range(this_step - TOLERANCE, this_step + TOLERANCE + 1):
        if secrets.compare_digest(hotp.generate(step), code.encode()):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes to show once."""
    return [_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))) for _ in range(RECOVERY_CODES)]


def hashed_code(typed: str) -> str:
    """What is kept of a recovery code; hyphens, gaps and capitals do not count."""
    plain = re.sub(r"[\s\-–]", "", typed).casefold()
    return salted_hmac("dentatool.recovery-code", plain, algorithm="sha256").hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))
