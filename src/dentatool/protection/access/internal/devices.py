"""Devices that have signed in before: they keep their own number of tries, whoever else guesses at the name.

The cookie holds, sealed, a random number and the keyed names that signed in here. Stolen, it is worth five guesses in
five minutes and no more; it never replaces password or second factor.
"""

import secrets

from django.http import HttpRequest

from dentatool.protection.access.internal.envelopes import seal, unseal

COOKIE = "__Host-dentatool-device"
LIFETIME_S = 180 * 24 * 3600
_MOST_NAMES = 8


def known_device(request: HttpRequest, sign_in_key: bytes) -> str | None:
    """This device's random number, if this name has signed in on it before."""
    number, names = _read(request)
    return number if sign_in_key.hex() in names else None


def remember_device(request: HttpRequest, sign_in_key: bytes) -> None:
    """Let the Gate hand out a cookie that knows this name as well."""
    number, names = _read(request)
    kept = [sign_in_key.hex(), *(name for name in names if name != sign_in_key.hex())][:_MOST_NAMES]
    request.device_token = seal("device", number=number, names=kept)  # type: ignore[attr-defined]


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    facts = unseal("device", request.COOKIES.get(COOKIE, ""), max_age_s=LIFETIME_S)
    return (facts["number"], facts["names"]) if facts else (secrets.token_hex(16), [])
