"""The description, for programs (openapi.json) and for people (a page made from it)."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dentatool.api.openapi import TAGS, description
from dentatool.protection.access import PUBLIC, page

_METHODS = ("get", "post", "patch", "put", "delete")


@page(PUBLIC)
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description. It holds no data."""
    text = json.dumps(description(), ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, content_type="application/json", headers={"Cache-Control": "public, max-age=300"})


@page(PUBLIC)
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The same to read: no script, nothing from elsewhere."""
    return render(request, "api/docs.html", {"info": description()["info"], "parts": list(_parts())})


def _parts() -> list[dict[str, Any]]:
    found = description()
    rows = [
        _operation(f"{found['servers'][0]['url']}{path}", method, by_method[method])
        for path, by_method in found["paths"].items()
        for method in _METHODS
        if method in by_method
    ]
    return [
        {"tag": tag, "title": title, "operations": [row for row in rows if row["tag"] == tag]}
        for tag, title in TAGS.items()
    ]


def _operation(path: str, method: str, told: dict[str, Any]) -> dict[str, Any]:
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    successes = {status: answer for status, answer in told["responses"].items() if status < "300"}
    ((status, answer),) = successes.items()
    ((media, content),) = answer.get("content", {"": {}}).items()
    return {
        "tag": told["tags"][0],
        "id": told["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": told["summary"],
        "about": told["description"],
        "parameters": [
            {
                "name": each["name"],
                "where": _WHERE[each["in"]],
                "kind": _kind(each["schema"]),
                "needed": each["required"],
            }
            for each in told["parameters"]
            if each["in"] != "path"
        ],
        "fields": list(_fields(body)) if body else [],
        "status": status,
        "media": media,
        "gives": list(_fields(content["schema"])) if media == "application/json" else [],
        "refusals": [
            {"status": code, "words": refusal["description"]}
            for code, refusal in told["responses"].items()
            if code >= "400"
        ],
    }


_WHERE = {"query": "Adresse", "header": "Kopfzeile"}
_WORDS = {
    "string": "Text",
    "integer": "ganze Zahl",
    "boolean": "true oder false",
    "object": "Objekt",
    "array": "Liste",
    "null": "null",
}
_FORMATS = {"date": "Tag", "date-time": "Zeitpunkt", "uuid": "Kennung"}


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    whole = _resolved(schema)
    needed = whole.get("required", ())
    return [
        {"name": name, "kind": _kind(each), "title": each.get("title", ""), "needed": name in needed}
        for name, each in whole.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _kind(schema: dict[str, Any]) -> str:
    """A kind in German words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return "eines von: " + ", ".join("null" if key is None else str(key) or "„“" for key in schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = [
        _FORMATS.get(schema.get("format", ""), _WORDS[each]) if each == "string" else _WORDS[each] for each in types
    ]
    if "array" in types:
        words[types.index("array")] = f"Liste: {_kind(schema['items'])}"
    if "maxLength" in schema and "string" in types:
        words[types.index("string")] += f" bis {schema['maxLength']} Zeichen"
    return " oder ".join(words)
