"""Judging an ID token (OpenID Connect Core 3.1.3.7). Knows neither database nor network."""

import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# Signatures of a key pair only: with HS256 whoever knows the public key could sign, "none" anybody.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)  # fmt: skip
LEEWAY_S = 30  # between two clocks
OLDEST_S = 10 * 60
SMALLEST_RSA = 2048
LONGEST_SUBJECT = 255


class TokenRefused(Exception):
    """Not a token for us, now. `reason` is a word for the trail, without anything of the token in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says about the person."""

    subject: str
    email: str  # empty unless the provider has verified it
    methods: frozenset[str]
    context: str
    proven_at: datetime | None


def judge(token: str, keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str) -> Claims:
    """The claims of a token that this provider made for us in answer to this very request. Raises TokenRefused."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenRefused("malformed") from error
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or "crit" in header:
        raise TokenRefused("algorithm")
    key = _key_for(header.get("kid"), algorithm, keys)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused("expired") from error
    except jwt.InvalidAudienceError as error:
        raise TokenRefused("audience") from error
    except jwt.InvalidIssuerError as error:
        raise TokenRefused("issuer") from error
    except jwt.InvalidSignatureError as error:
        raise TokenRefused("signature") from error
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenRefused("claims") from error
    _require(claims, client_id, nonce)
    return _claims(claims)


def usable_keys(keys: dict[str, Any]) -> list[dict[str, Any]]:
    """Those public keys of a set that may sign for us."""
    listed = keys.get("keys")
    return [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]


def _key_for(kid: Any, algorithm: str, keys: dict[str, Any]) -> Any:
    fitting = [
        key
        for key in usable_keys(keys)
        if (kid is None or key.get("kid") == kid) and key.get("alg", algorithm) == algorithm
    ]
    if len(fitting) != 1:
        raise TokenRefused("key")
    try:
        key = jwt.PyJWK(fitting[0], algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused("key") from error
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA:
        raise TokenRefused("weak key")
    return key


def _require(claims: dict[str, Any], client_id: str, nonce: str) -> None:
    """What the library leaves to us."""
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise TokenRefused("nonce")
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and len(audience) > 1
    if claims.get("azp", None if is_shared else client_id) != client_id:
        raise TokenRefused("authorized party")
    if not isinstance(claims["iat"], int | float) or time.time() - claims["iat"] > OLDEST_S:
        raise TokenRefused("too old")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise TokenRefused("subject")


def _claims(claims: dict[str, Any]) -> Claims:
    email, methods, context = claims.get("email"), claims.get("amr"), claims.get("acr")
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    listed = [each for each in methods if isinstance(each, str)] if isinstance(methods, list) else []
    return Claims(
        subject=claims["sub"],
        email=str(email) if is_verified else "",
        methods=frozenset(listed),
        context=context if isinstance(context, str) else "",
        proven_at=_moment(claims.get("auth_time")),
    )


def _moment(seconds: Any) -> datetime | None:
    """When the person last proved to the provider who they are; a time to come says nothing."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= time.time() + LEEWAY_S:
        return None
    return datetime.fromtimestamp(min(seconds, time.time()), UTC)
