"""The description of the API (OpenAPI 3.1), made from the operations themselves."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from dentatool import __version__
from dentatool.api.kinds import Schema
from dentatool.api.operation import JSON, OPERATIONS, ROOT, Facts, File, ListOf, Operation
from dentatool.api.shape import Shape, list_of, object_of
from dentatool.protection.access.problems import CONTENT_TYPE

TAGS = {
    "practices": "Praxen, Behandler und Standortnummern",
    "patients": "Patienten",
    "prices": "Preislisten, Leistungen und Leistungsketten",
    "orders": "Aufträge",
    "positions": "Positionen eines Auftrags",
    "invoices": "Rechnungen, PDF und XML",
}
_DESCRIPTION = (
    "Beträge sind ganze Cent, Mengen ganze Tausendstel, Sätze ganze Promille, Tage ISO-Daten. Jede Änderung nennt mit "
    "If-Match den Stand, den sie kennt (ETag). Ein POST mit Idempotency-Key wird höchstens einmal ausgeführt. Listen "
    "werden mit cursor weitergeblättert (Link, next). Fehler sind problem+json (RFC 9457)."
)
_PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reference": {"type": "string"},
        "errors": list_of(object_of(pointer={"type": "string"}, message={"type": "string"})),
    },
    "required": ["title", "status", "detail"],
    "additionalProperties": False,
}
_WORDS = {
    400: "Die Anfrage ist nicht lesbar, oder eine Angabe in der Adresse ist unbekannt",
    401: "Kein gültiger Zugangsschlüssel",
    403: "Dem Zugangsschlüssel fehlt das Recht",
    404: "Nicht vorhanden, oder nicht in diesem Labor",
    406: "In diesem Format gibt es das nicht",
    409: "Das geht noch nicht; der Grund steht dabei",
    410: "Nicht mehr vorhanden",
    412: "Inzwischen geändert",
    413: "Zu groß",
    415: "Kein JSON",
    422: "Einzelne Angaben sind nicht richtig",
    428: "If-Match fehlt",
    429: "Zu viele Anfragen",
    503: "Gerade nicht möglich",
}


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    for one in OPERATIONS:
        paths.setdefault(f"/{one.path}", {})[one.method.lower()] = _described(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DentaTool", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": ROOT.rstrip("/")}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **dict(sorted(_schemas()))},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Ein Zugangsschlüssel: dt_…"}
            },
        },
    }


def tag_of(one: Operation) -> str:
    """The part of the API that an operation belongs to: the name of its module."""
    return str(one.run.__module__).rpartition(".")[2]


def statuses_of(one: Operation) -> list[int]:
    """Every status an operation may answer besides its own."""
    found = {400, 401, 403, 406, 409, 413, 429, 503}
    if "{" in one.path:
        found |= {404, 410}
    if one.takes:
        found |= {415, 422}
    if one.method != "GET":
        found |= {412, 422}
    if one.is_conditional:
        found.add(428)
    return sorted(found)


def _described(one: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": one.name,
        "tags": [tag_of(one)],
        "summary": one.summary,
        "description": " ".join([*one.about.split(), f"Nötiges Recht: {one.permission}."]),
        "parameters": list(_parameters(one)),
        "responses": {str(one.status): _success(one), **{str(status): _failure(status) for status in statuses_of(one)}},
    }
    if one.takes:
        schema = {"$ref": f"#/components/schemas/{one.takes.title}"}
        made["requestBody"] = {"required": bool(one.takes.required), "content": {JSON: {"schema": schema}}}
    return made


def _parameters(one: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", one.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    for name, kind in one.parameters.items():
        yield {"name": name, "in": "query", "required": False, "schema": kind.described()}
    if one.method == "POST":
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}
    if one.is_conditional or ("{" in one.path and one.method == "POST"):
        schema = {"type": "string", "pattern": r'^(\*|"[0-9]{1,9}")$'}
        yield {"name": "If-Match", "in": "header", "required": one.is_conditional, "schema": schema}


def _success(one: Operation) -> dict[str, Any]:
    gives = one.gives
    if gives is None:
        return {"description": "Erledigt"}
    if isinstance(gives, File):
        return {"description": "Die Datei", "content": {gives.media_type: {"schema": {"type": "string"}}}}
    schema = {"$ref": f"#/components/schemas/{_title(gives)}"}
    made: dict[str, Any] = {"description": "Die Antwort", "content": {JSON: {"schema": schema}}}
    if isinstance(gives, Shape):
        made["headers"] = {"ETag": _header("Der Stand, für If-Match")}
    if isinstance(gives, ListOf):
        made["headers"] = {"Link": {**_header("Die nächste Seite"), "required": False}}
    return made


def _header(words: str) -> dict[str, Any]:
    return {"description": words, "required": True, "schema": {"type": "string"}}


def _failure(status: int) -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _WORDS[status], "content": content}


def _title(gives: Shape | ListOf | Facts) -> str:
    return f"{gives.shape.title}Page" if isinstance(gives, ListOf) else gives.title


def _schemas() -> Iterator[tuple[str, Schema]]:
    for one in OPERATIONS:
        if one.takes:
            yield one.takes.title, one.takes.described()
        if isinstance(one.gives, ListOf):
            shape = one.gives.shape
            yield shape.title, shape.described()
            yield _title(one.gives), object_of(items=list_of(shape.reference), next={"type": ["string", "null"]})
        elif isinstance(one.gives, Shape):
            yield one.gives.title, one.gives.described()
        elif isinstance(one.gives, Facts):
            yield one.gives.title, one.gives.schema
