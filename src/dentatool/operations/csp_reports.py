"""What browsers report of blocked scripts and styles: somebody tried to put foreign code into a page of ours."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from dentatool.kit.errors import BadQuery
from dentatool.protection.access import PUBLIC, page
from dentatool.protection.audit import Entry, record_event, record_platform_event

LARGEST = 8_192
PER_MINUTE = 20  # of one laboratory; the database bounds those of nobody
_EXTENSIONS = ("chrome-extension", "moz-extension", "safari-web-extension")


@csrf_exempt  # browsers send reports without any token; one adds an entry to the trail and does nothing else
@page(PUBLIC, is_action=False)
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Take one report, in the old form or that of the Reporting API. Hosts and paths only: queries may name people."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST:
        raise BadQuery("Dieser Bericht ist zu lang.")
    facts = _facts_of(request.body)
    if facts["blocked"].startswith(_EXTENSIONS):
        return HttpResponse(status=204)
    if request.person is None:  # type: ignore[attr-defined]
        record_platform_event("malicious_csp_violation", **facts)
    elif _is_within_the_limit():
        record_event("malicious_csp_violation", **facts)
    return HttpResponse(status=204)


def _is_within_the_limit() -> bool:
    lately = timezone.now() - timedelta(minutes=1)
    return Entry.objects.filter(what="malicious_csp_violation", at__gt=lately)[:PER_MINUTE].count() < PER_MINUTE


def _facts_of(body: bytes) -> dict[str, Any]:
    try:
        told: Any = json.loads(body)
        told = told[0] if isinstance(told, list) else told
        report: dict[str, Any] = told.get("csp-report") or told["body"]
        page_address, blocked, directive = (
            str(report.get(old) or report.get(new) or "")
            for old, new in (
                ("document-uri", "documentURL"),
                ("blocked-uri", "blockedURL"),
                ("violated-directive", "effectiveDirective"),
            )
        )
        return {
            "path": urlsplit(page_address).path[:200],
            "blocked": _source(blocked)[:100],
            "directive": directive.split(" ")[0][:40],
        }
    except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise BadQuery("Das ist kein Bericht eines Browsers.") from error


def _source(blocked: str) -> str:
    """`https://host`, or a word such as `inline`."""
    parts = urlsplit(blocked)
    return f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else blocked
