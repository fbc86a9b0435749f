"""Codes that people type: of an authenticator app (RFC 6238), and the ones to print and keep. Knows no database."""

import base64
import re
import secrets
from dataclasses import dataclass
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from django.utils.crypto import salted_hmac

STEP_S, DIGITS = 30, 6
ALLOWANCE_S = 5  # for the way and the clock: a code is good this long before and after the 30 s in which it is shown
_KNOWN_PAST = 10  # steps whose codes are recognised, to say that they are over: five minutes
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A code that an app with this key shows, and when: in which time step, and whether it is good now.

    `ahead_s`: by about how much that app's clock is ahead of ours, if it shows this code just now; negative: behind.
    """

    step: int
    is_good: bool
    ahead_s: int


def recognised(key: str, typed: str, now_s: float, *, future: int) -> Shown | None:
    """What the typed code is: this step's, one of the last minutes', or of so many `future` steps. None: no code.

    Every step is compared, none first; the one nearest to now counts.
    """
    code = re.sub(r"\s", "", typed)
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    hotp = HOTP(base64.b32decode(key), DIGITS, SHA1())  # noqa: S303  (what apps compute; as HMAC it is sound)
    this_step = int(now_s // STEP_S)
    near = range(max(this_step - _KNOWN_PAST, 0), this_step + future + 1)
    found = [step for step in near if secrets.compare_digest(hotp.generate(step), code.encode())]
    if not found:
        return None
    step = min(found, key=lambda each: abs(each - this_step))
    begins_s = step * STEP_S
    is_good = begins_s - ALLOWANCE_S <= now_s < begins_s + STEP_S + ALLOWANCE_S
    return Shown(step, is_good, round(begins_s + STEP_S / 2 - now_s))


def new_recovery_codes() -> list[str]:
    """Ten codes to show once."""
    return [_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))) for _ in range(RECOVERY_CODES)]


def hashed_code(typed: str) -> str:
    """What is kept of a recovery code; hyphens, gaps and capitals do not count."""
    plain = re.sub(r"[\s\-–]", "", typed).casefold()
    return salted_hmac("dentatool.recovery-code", plain, algorithm="sha256").hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))
