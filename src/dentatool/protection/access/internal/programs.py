"""Programs that work in a person's name: the token they carry, and what it lets them do right now."""

import hashlib
import json
import re
import secrets
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse

from dentatool.protection.access.internal.endings import has_ended_since, origin_of, watch_answer
from dentatool.protection.access.internal.limits import count, counted_network, of_programs
from dentatool.protection.access.internal.noting import note_missing_record
from dentatool.protection.access.internal.roles import Permission, permissions_of
from dentatool.protection.access.internal.sessions import COOKIE
from dentatool.protection.access.problems import problem
from dentatool.protection.audit import record_platform_event
from dentatool.protection.key_status import RootKeyError
from dentatool.protection.tenancy import laboratory

if TYPE_CHECKING:
    from dentatool.protection.access.internal.gate import Gate

# What a program may be allowed to do: what there are operations for. Never people, rules or the trail.
OFFERED = (
    Permission.PRACTICES_VIEW,
    Permission.PRACTICES_CHANGE,
    Permission.CATALOGUE_VIEW,
    Permission.CATALOGUE_CHANGE,
    Permission.PATIENTS_VIEW,
    Permission.PATIENTS_CHANGE,
    Permission.ORDERS_VIEW,
    Permission.ORDERS_CHANGE,
    Permission.ORDERS_MOVE,
    Permission.ORDERS_OVERRIDE,
    Permission.BILLING_VIEW,
    Permission.BILLING_CHANGE,
    Permission.BILLING_ISSUE,
    Permission.BILLING_CANCEL,
)
# Headers with which other platforms let a client choose the tenant. Here only the token does.
_CLAIMS = ("X-Tenant", "X-Tenant-Id", "X-Lab-Id", "X-Laboratory", "X-Organization-Id")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(r"(dt_([0-9A-Za-z]{8})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")
_TITLE = "Anmeldung nötig"
_DETAIL = "Bitte einen gültigen Zugangsschlüssel mitsenden: Authorization: Bearer dt_…"


@dataclass(frozen=True, slots=True)
class Program:
    """Who asks: a program with a person's token. Its permissions are those that both hold now."""

    id: UUID
    lab_id: UUID
    token_id: UUID
    role: str
    laboratory_name: str
    permissions: frozenset[Permission]
    practice_id: UUID | None


@dataclass(frozen=True, slots=True)
class Found:
    """A token's row as its door tells it."""

    token_id: UUID
    lab_id: UUID
    account_id: UUID
    role: str
    laboratory_name: str
    own_permissions: list[str]
    practice_id: UUID | None
    scopes: list[str]
    is_live: bool

    @property
    def program(self) -> Program:
        owners = permissions_of(self.role, self.own_permissions)
        held = frozenset(permission for permission in OFFERED if permission in self.scopes) & owners
        # Whatever else is needed besides: that the owner may still use the API at all.
        held |= owners & {Permission.API_USE}
        return Program(
            self.account_id, self.lab_id, self.token_id, self.role, self.laboratory_name, held, self.practice_id
        )


def new_token() -> tuple[str, str]:
    """A token to show once, and its beginning to know it by. 256 random bits and a checksum against typing errors."""
    prefix, secret = _random(8), _random(43)
    body = f"dt_{prefix}_{secret}"
    return body + _checksum(body), prefix


def hash_of(token: str) -> bytes:
    """What is stored of it. Random enough that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()


def serve_program(gate: "Gate", request: HttpRequest) -> HttpResponse:
    """A request under /api/: only its token counts. Cookies are worth nothing here, so no form can be forged."""
    try:
        if (refused := _contradiction(request)) is not None:
            record_platform_event("authn_login_fail", origin=origin_of(request), path=request.path[:200])
            return refused
        found = _found(request)
        if (refused := _too_often(request, found)) is not None:
            return refused
    except DatabaseError as outage:
        return gate._refuse(request, outage)
    if found is None:
        return gate._serve_nobody(request)
    row = (found.token_id, found.lab_id, found.account_id)
    if not found.is_live or Permission.API_USE not in found.program.permissions:
        request.after_rollback.append(("authn_token_reuse", {"token": found.token_id}))  # type: ignore[attr-defined]
        gate._record_refusals(request, row)
        return gate.get_response(request)
    try:
        response = _serve_inside(gate, request, found)
    except DatabaseError as error:
        response = gate._refuse(request, error)
    except RootKeyError as away:
        response = gate.keys_away(request, away)
    note_missing_record(request, response)
    gate._record_refusals(request, row)
    return response


def refuse_program(request: HttpRequest, permission: Any) -> HttpResponse | None:
    """Before each view: who, then whether they may. The view of an operation names a permission for each method."""
    if request.person is None:  # type: ignore[attr-defined]
        if "Authorization" in request.headers or COOKIE in request.COOKIES:
            request.after_rollback.append(("authn_login_fail", {"path": request.path}))  # type: ignore[attr-defined]
        return _unknown(request)
    if isinstance(permission, dict):  # what no operation is declared for, the view answers with 405
        permission = permission.get(request.method, Permission.API_USE)
    if permission in request.permissions:  # type: ignore[attr-defined]
        request.served_by = str(permission)  # type: ignore[attr-defined]
        return None
    request.after_rollback.append(("authz_fail", {"path": request.path, "permission": str(permission)}))  # type: ignore[attr-defined]
    return problem(
        403, "Dafür fehlt das Recht", f"Diesem Zugangsschlüssel oder seinem Konto fehlt das Recht {permission}."
    )


def _serve_inside(gate: "Gate", request: HttpRequest, found: Found) -> HttpResponse:
    begun = time.monotonic()
    with laboratory(
        found.lab_id,
        actor=found.account_id,
        practice=found.practice_id,
        origin=origin_of(request),
        request_id=request.request_id,  # type: ignore[attr-defined]
    ):
        request.person = program = found.program  # type: ignore[attr-defined]
        request.lab_id, request.permissions = program.lab_id, program.permissions  # type: ignore[attr-defined]
        if (claimed := _claimed(request, found.lab_id)) is not None:
            request.after_rollback.append(("authz_fail", {"path": request.path, "header": claimed}))  # type: ignore[attr-defined]
            response = problem(403, "Anderes Labor", "Das Labor folgt allein aus dem Zugangsschlüssel.")
        else:
            response = gate.get_response(request)
        holder = found.lab_id, found.token_id, request.served_by or Permission.API_USE  # type: ignore[attr-defined]
        if has_ended_since(begun, holder):
            request.after_rollback.append(("authn_token_reuse", {"token": found.token_id}))  # type: ignore[attr-defined]
            response = _unknown(request)
        watch_answer(request, holder)
        if response.status_code >= 400:
            transaction.set_rollback(True)
        request.is_done = response.status_code < 400  # type: ignore[attr-defined]
        return response


def brings_token(request: HttpRequest) -> bool:
    """Whether a page is asked with what opens the API alone."""
    return bool(_bearer(request))


def _contradiction(request: HttpRequest) -> HttpResponse | None:
    """Two credentials: which of them counts must never be a question."""
    if "Authorization" in request.headers and COOKIE in request.COOKIES:
        return problem(400, "Zwei Anmeldungen", "Bitte nur den Zugangsschlüssel senden, kein Cookie einer Sitzung.")
    return None


def _too_often(request: HttpRequest, found: Found | None) -> HttpResponse | None:
    """Count this request for its token and its network; what carries a wrong token, for its network alone."""
    if "Authorization" not in request.headers:
        return None
    of_token, of_network, of_wrong = of_programs()
    network = counted_network(request)
    is_wrong = found is None or not found.is_live
    tries = (of_wrong.of(network),) if is_wrong else (of_network.of(network), of_token.of(str(found.token_id)))  # type: ignore[union-attr]
    if count(*tries, is_routine=True) is None:
        return None
    return problem(
        429, "Zu viele Anfragen", "Bitte eine Minute warten und dann langsamer fragen.", headers={"Retry-After": "60"}
    )


def _found(request: HttpRequest) -> Found | None:
    """The token's row, living or dead; None for none, and for what never was one."""
    if (token := _bearer(request)) is None:
        return None
    return _ask_door(token)


def _bearer(request: HttpRequest) -> str | None:
    """The token that the request carries, whatever it is worth; "" for something else than a token."""
    said = request.headers.get("Authorization")
    if said is None:
        return None
    scheme, _, token = said.partition(" ")
    known = _TOKEN.fullmatch(token.strip()) if scheme.lower() == "bearer" else None
    return token.strip() if known and known[3] == _checksum(known[1]) else ""


def _ask_door(token: str) -> Found | None:
    if not token:
        return None
    with connection.cursor() as cursor:
        cursor.execute("select * from protection.door_find_token(%s)", [hash_of(token)])
        row = cursor.fetchone()
    if row is None:
        return None
    token_id, lab_id, account_id, role, _name, laboratory_name, own, practice_id, scopes, is_live = row
    own_permissions = json.loads(own or "[]")  # Django has jsonb come as text
    return Found(
        token_id, lab_id, account_id, role, laboratory_name, own_permissions, practice_id, json.loads(scopes), is_live
    )


def _unknown(request: HttpRequest) -> HttpResponse:
    """The one answer for no token, an unknown, a wrong, an expired and an ended one."""
    return problem(401, _TITLE, _DETAIL, headers={"WWW-Authenticate": 'Bearer realm="DentaTool"'})


def _claimed(request: HttpRequest, lab_id: UUID) -> str | None:
    """The header that claims another laboratory than the token's, if any."""
    return next((name for name in _CLAIMS if request.headers.get(name, str(lab_id)) != str(lab_id)), None)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    value, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _ALPHABET[digit] + digits
    return digits
