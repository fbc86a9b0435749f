"""Passkeys (WebAuthn). The checking is fido2's: signature, origin, name of the site, presence and verification.

Ours: a challenge is good for one browser (or one session), one purpose, ten minutes, and once; the count of
signatures must rise; a credential is found before a laboratory is known, by a keyed hash.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.crypto import salted_hmac
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from dentatool.protection.access.internal.envelopes import seal, unseal
from dentatool.protection.access.internal.limits import ONCE, count
from dentatool.protection.access.internal.models import Factor

Answer = TypeVar("Answer")

CHALLENGE_S = 10 * 60
ENROL, ENTER, PROVE = "enrol", "enter", "prove"


class PasskeyRefused(Exception):
    """This answer of a browser proves nothing. `reason` is for the trail, never for the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def has_name(request: HttpRequest) -> bool:
    """Passkeys belong to a name: under a bare network address browsers offer none."""
    try:
        ip_address(_site(request).strip("[]"))
    except ValueError:
        return True
    return False


def offer_enrolment(request: HttpRequest, account_id: UUID, name: str, held: Iterable[Factor]) -> dict[str, Any]:
    """What the browser needs to make a passkey for this account, and the sealed challenge that has to come back."""
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(id=account_id.bytes, name=name, display_name=name),
        [_credential(factor) for factor in held],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,  # older keys serve as second step only
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return _offer(request, ENROL, dict(options.public_key), state)


def offer_proof(request: HttpRequest, purpose: str, held: Iterable[Factor] = ()) -> dict[str, Any]:
    """What the browser needs to prove a passkey: one of these, or (ENTER) whichever the person has for this site."""
    alone = purpose == ENTER
    options, state = _server(request).authenticate_begin(
        [_credential(factor) for factor in held] or None,
        UserVerificationRequirement.REQUIRED if alone else UserVerificationRequirement.PREFERRED,
    )
    return _offer(request, purpose, dict(options.public_key), state)


def enrolled(request: HttpRequest, note: str, answer: str) -> tuple[str, bytes, int]:
    """A new passkey's public half, the key to find it by, and its count. Raises PasskeyRefused."""
    state, server = _used(request, ENROL, note), _server(request)

    def check() -> tuple[str, bytes, int]:
        made = server.register_complete(state, RegistrationResponse.from_dict(json.loads(answer)))
        credential = made.credential_data
        if credential is None or credential.public_key[3] not in {each.alg for each in server.allowed_algorithms}:
            raise PasskeyRefused("kind of key that nobody asked for")
        return websafe_encode(credential), key_of(credential.credential_id), made.counter

    return _judged(check)


def credential_id_in(answer: str) -> bytes:
    """Which credential the browser claims to have used. Raises PasskeyRefused."""
    return _judged(lambda: websafe_decode(json.loads(answer)["rawId"]))


def proven(request: HttpRequest, purpose: str, note: str, answer: str, factor: Factor) -> int:
    """The new count of this passkey, which really signed this challenge. Raises PasskeyRefused."""
    state, server, credential = _used(request, purpose, note), _server(request), _credential(factor)

    def check() -> int:
        response = AuthenticationResponse.from_dict(json.loads(answer))
        server.authenticate_complete(state, [credential], response)
        if purpose == ENTER and response.response.user_handle != factor.account_id.bytes:
            raise PasskeyRefused("another account's passkey")
        counted: int = response.response.authenticator_data.counter
        if (counted or factor.counter) and counted <= factor.counter:
            raise PasskeyRefused("count of signatures does not rise")
        return counted

    return _judged(check)


def key_of(credential_id: bytes) -> bytes:
    """What finds a passkey before a laboratory is known."""
    return salted_hmac("dentatool.credential", credential_id.hex(), algorithm="sha256").digest()


def whose(credential_id: bytes) -> tuple[UUID, UUID, UUID] | None:
    """Factor, laboratory and account of a credential, through its door."""
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_passkey(%s)", [key_of(credential_id)])
        found: tuple[UUID, UUID, UUID] | None = cursor.fetchone()
    return found


def _server(request: HttpRequest) -> Fido2Server:
    origin = f"https://{request.get_host()}"
    site = PublicKeyCredentialRpEntity(id=_site(request), name="DentaTool")
    return Fido2Server(site, attestation=None, verify_origin=lambda claimed: claimed == origin)


def _site(request: HttpRequest) -> str:
    host = request.get_host()  # checked against DENTATOOL_HOSTS
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _credential(factor: Factor) -> AttestedCredentialData:
    return AttestedCredentialData(websafe_decode(str(factor.secret)))


def _offer(request: HttpRequest, purpose: str, options: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    note = seal("challenge", purpose=purpose, bound=_bound_to(request), **state)
    return {"options": options, "note": note}


def _used(request: HttpRequest, purpose: str, note: str) -> dict[str, Any]:
    """The challenge of a note, once. Raises PasskeyRefused."""
    state = unseal("challenge", note, max_age_s=CHALLENGE_S)
    if state is None:
        raise PasskeyRefused("challenge too old or not ours")
    if state["purpose"] != purpose or state["bound"] != _bound_to(request):
        raise PasskeyRefused("challenge of another purpose or browser")
    if count(ONCE.of(state["challenge"])) is not None:
        raise PasskeyRefused("challenge used before")
    return state


def _bound_to(request: HttpRequest) -> str:
    """This session, or before there is one this browser: its form token, which changes at sign-in."""
    if request.person is not None:  # type: ignore[attr-defined]
        return f"session {request.person.session_id}"  # type: ignore[attr-defined]
    get_token(request)
    return hashlib.sha256(request.META["CSRF_COOKIE"].encode()).hexdigest()


def _judged(check: Callable[[], Answer]) -> Answer:
    try:
        return check()
    except PasskeyRefused:
        raise
    except Exception as reason:  # whatever the library makes of a stranger's bytes: they prove nothing
        raise PasskeyRefused(f"{type(reason).__name__}: {reason}"[:120]) from None
