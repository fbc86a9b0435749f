"""Errors for programs: problem+json (RFC 9457) in German, wherever people get a page.

Promise: under /api/ every answer that is an error is such an object, whoever noticed it: the Gate, the middleware, an
operation. What is absent, foreign or forbidden by its id looks alike to the byte.
How it could be broken: by an error page made past `kit.errors.error_page` and the Gate's own. Test that tries:
tests/api/test_problems.py.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

API = "/api/"
CONTENT_TYPE = "application/problem+json"


def is_for_program(request: HttpRequest) -> bool:
    """Whether a program is asking, not a browser."""
    return request.path.startswith(API)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    reference: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """One error. `errors` are those of single fields: pointer into what was sent, and message."""
    body: dict[str, Any] = {"title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    if reference:
        body["reference"] = reference
    content = json.dumps(body, ensure_ascii=False)
    return HttpResponse(content, content_type=CONTENT_TYPE, status=status, headers=headers)
