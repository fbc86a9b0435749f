"""Operations: what the API can do, each declared with its permission, served behind the Gate and described by itself.

    @operation("GET", "practices", Permission.PRACTICES_VIEW, "Praxen auflisten", gives=ListOf(PRACTICE))
    def practices(call: Call) -> QuerySet[Practice]: ...

An operation without a permission cannot be written (it is a position of the decorator); a method that nobody declared is
answered 405. The view of each address tells the Gate the permission of each of its methods.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404

from dentatool.api import idempotency, paging
from dentatool.api.body import WHOLE, Body
from dentatool.api.conditions import known_versions, require_acceptable
from dentatool.api.kinds import Kind, Schema, Unfit
from dentatool.api.refusals import Malformed, NotThisWay, Refusal, Stale, Unfitting
from dentatool.api.shape import Shape
from dentatool.protection.access import Permission
from dentatool.protection.access.problems import API
from dentatool.protection.audit.refusals import note_refusal

ROOT = f"{API}v1/"
JSON = "application/json"
_TWICE = "Diese Angaben gibt es schon, oder ein Eintrag wurde eben entfernt. Bitte prüfen."


@dataclass(frozen=True)
class ListOf:
    """A page of records."""

    shape: Shape


@dataclass(frozen=True)
class Facts:
    """An object that is no record: its name and description."""

    title: str
    schema: Schema


@dataclass(frozen=True)
class File:
    """Bytes of one media type."""

    media_type: str


Gives = Shape | ListOf | Facts | File | None


@dataclass(frozen=True)
class Operation:
    """One method at one address."""

    method: str
    path: str
    permission: Permission
    summary: str
    run: Callable[..., Any]
    gives: Gives
    takes: Body | None
    query: Mapping[str, Kind]
    status: int
    is_conditional: bool
    about: str

    @property
    def name(self) -> str:
        """Its name in the description."""
        return self.run.__name__

    @property
    def media_type(self) -> str:
        return self.gives.media_type if isinstance(self.gives, File) else JSON

    @cached_property
    def parameters(self) -> dict[str, Kind]:
        """What its address may be asked."""
        return {**self.query, **(paging.PARAMETERS if isinstance(self.gives, ListOf) else {})}


@dataclass
class Call:
    """One request for an operation: what was asked and sent, already checked."""

    request: HttpRequest
    operation: Operation
    query: dict[str, Any]
    sent: dict[str, Any]
    versions: frozenset[int] | None = field(default=None)

    @property
    def held(self) -> frozenset[Permission]:
        """The permissions of the token, now."""
        return self.request.permissions  # type: ignore[attr-defined,no-any-return]

    def query_for(self, *names: str) -> dict[str, Any]:
        """Those of the address that are columns, as far as they were asked for."""
        return {name: self.query[name] for name in names if name in self.query}

    def may(self, permission: Permission) -> bool:
        return permission in self.held

    def locked(self, found: QuerySet[Any], pk: UUID) -> Any:
        """The record to change, as the caller knows it; nobody else changes it meanwhile.

        :raises Stale: somebody has changed it. :raises Http404: there is none.
        """
        record = get_object_or_404(found.select_for_update(of=("self",)), pk=pk)
        self.require_version(record)
        return record

    def require_version(self, record: Any) -> None:
        """:raises Stale: the caller knows another state of it."""
        if self.versions is not None and record.version not in self.versions:
            raise Stale(
                f"Der Stand ist jetzt „{record.version}“. Bitte neu abrufen und die Änderung noch einmal vornehmen.",
                headers={"ETag": etag_of(record)},
            )

    def form(self, make: Callable[..., Any], **sent: Any) -> Any:
        """The valid form of what was sent (see Body.filled)."""
        assert self.operation.takes is not None
        return self.operation.takes.filled(sent or self.sent, make)

    def save(self, make: Callable[..., Any]) -> Any:
        """Save the valid form; what only the database could know becomes an error of it."""
        form = self.form(make)
        try:
            with transaction.atomic():
                return form.save()
        except IntegrityError:
            raise Unfitting({WHOLE: [_TWICE]}) from None

    def change(self, found: QuerySet[Any], pk: UUID, form: Callable[..., Any]) -> Any:
        """Save what was sent into a record that is there. Raises what `locked` and `save` raise."""
        record = self.locked(found, pk)
        return self.save(lambda data: form(data, instance=record))


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    path: str,
    permission: Permission,
    summary: str,
    *,
    gives: Gives = None,
    takes: Body | None = None,
    query: Mapping[str, Kind] | None = None,
    status: int = 0,
    is_conditional: bool | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an operation. PATCH, PUT and DELETE ask for If-Match unless told otherwise; a POST may carry it."""
    if not isinstance(permission, Permission):
        raise ImproperlyConfigured(f"operation({method!r}, {path!r}): {permission!r} is no Permission")
    usual = 204 if gives is None else 200
    conditional = method in ("PATCH", "PUT", "DELETE") if is_conditional is None else is_conditional

    def declare(run: Callable[..., Any]) -> Callable[..., Any]:
        made = Operation(
            method, path, permission, summary, run, gives, takes, query or {}, status or usual, conditional,
            (run.__doc__ or "").strip(),
        )  # fmt: skip
        if any((one.method, one.path) == (method, path) or one.name == made.name for one in OPERATIONS):
            raise ImproperlyConfigured(f"operation {method} {path} ({made.name}) is declared twice")
        OPERATIONS.append(made)
        return run

    return declare


class Endpoint:
    """The view of one address: all operations there. Carries no cookie, hence no token against forged forms."""

    csrf_exempt = True
    page_fresh, page_level = False, "full"

    def __init__(self, path: str) -> None:
        self.path = path
        self.operations = {one.method: one for one in OPERATIONS if one.path == path}
        self.page_permission = {method: one.permission for method, one in self.operations.items()}
        if "GET" in self.page_permission:
            self.page_permission["HEAD"] = self.page_permission["GET"]

    @property
    def allowed(self) -> str:
        return ", ".join(sorted({*self.page_permission, "OPTIONS"}))

    def __call__(self, request: HttpRequest, **ids: UUID) -> HttpResponseBase:
        try:
            if request.method == "OPTIONS":
                return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"Allow": self.allowed})
            found = self.operations.get("GET" if request.method == "HEAD" else request.method or "")
            if found is None:
                note_refusal("input_validation_fail", path=request.path)
                raise NotThisWay(f"Möglich sind: {self.allowed}.", headers={"Allow": self.allowed})
            return _answer(found, request, ids)
        except Refusal as refused:
            return refused.answer()


def _answer(wanted: Operation, request: HttpRequest, ids: Mapping[str, UUID]) -> HttpResponse:
    require_acceptable(request, wanted.media_type)
    query = _query(wanted, request)
    versions = known_versions(request, is_needed=wanted.is_conditional)

    def do() -> HttpResponse:
        sent = wanted.takes.read(request) if wanted.takes else {}
        call = Call(request, wanted, query, sent, versions)
        return _told(call, wanted.run(call, **ids))

    return idempotency.once(request, do) if request.method == "POST" else do()


def _query(wanted: Operation, request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in request.GET.lists():
        if name not in wanted.parameters or len(values) > 1:
            note_refusal("input_validation_fail", path=request.path)
            offered = ", ".join(wanted.parameters) or "keine"
            raise Malformed(f"Unbekannte oder doppelte Angabe in der Adresse. Möglich sind: {offered}.")
        try:
            found[name] = wanted.parameters[name].read_text(values[0])
        except Unfit as reason:
            raise Malformed(f"{name}: {reason}") from None
    return found


def _told(call: Call, done: Any) -> HttpResponse:
    """What the operation gave, as its declaration says."""
    gives = call.operation.gives
    if gives is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    if isinstance(gives, File):
        name, content = done
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(content, content_type=gives.media_type, headers=headers)
    if isinstance(gives, Facts):
        return json_answer(done, call.operation.status)
    if isinstance(gives, ListOf):
        return _page(call, gives.shape, done)
    headers = {"ETag": etag_of(done)}
    if call.operation.status == HTTPStatus.CREATED and gives.place:
        headers["Location"] = f"{ROOT}{gives.place}/{done.pk}"
    return json_answer(gives.show(done, call.held), call.operation.status, headers)


def _page(call: Call, shape: Shape, found: QuerySet[Any]) -> HttpResponse:
    rows, cursor = paging.page_of(found, limit=call.query.get("limit"), cursor=call.query.get("cursor"))
    headers = {}
    if cursor:
        again = call.request.GET.copy()
        again["cursor"] = cursor
        headers["Link"] = f'<{call.request.path}?{again.urlencode()}>; rel="next"'
    return json_answer({"items": [shape.show(row, call.held) for row in rows], "next": cursor}, 200, headers)


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An answer in JSON."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, content_type=JSON, status=status, headers=headers)


def etag_of(record: Model) -> str:
    """The state of a record, as If-Match names it."""
    return f'"{record.version}"'  # type: ignore[attr-defined]
