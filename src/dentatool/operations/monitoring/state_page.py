"""/betrieb/zustand/: how the installation does, in words and charts. For the provider's people, near and with a fresh link.

Everything shown was written down by the watch: this process asks the database nothing and its role gains no right. What is
not there any more (the watch stands still) is said, never shown as if it were now.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dentatool.operations.finding import GOOD, WARNING, WRONG, Finding
from dentatool.operations.monitoring import series
from dentatool.operations.monitoring.alerts import Alerts
from dentatool.operations.monitoring.charts import SPANS, drawn
from dentatool.operations.monitoring.exposition import require_near
from dentatool.operations.monitoring.heartbeat import is_awake, last_look
from dentatool.operations.monitoring.pass_link import LASTS_S, holder
from dentatool.operations.secrets import write_secret
from dentatool.protection.access import PUBLIC, page

MOST_ERRORS, MOST_HAPPENINGS = 10, 12
_WORDS = {"raised": "gemeldet", "acknowledged": "übernommen", "resolved": "behoben"}


@page(PUBLIC, is_action=False, asks_who=False)
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """The page. 404 for who is not near, 403 for a link that is over."""
    require_near(request)
    given = request.GET.get("schein", "")
    if (by := holder(given)) is None:
        facts = {
            "title": "Dieser Link gilt nicht oder nicht mehr",
            "message": f"Ein Link zu dieser Seite gilt {LASTS_S // 60} Minuten.",
            "what_to_do": "Auf dem Server einen neuen ausgeben: dentatool monitor open --by NAME",
        }
        return render(request, "kit/error.html", facts, status=403)
    var, now = Path(settings.DENTATOOL_VAR), datetime.now(UTC)
    span = next((each for each in SPANS if each.key == request.GET.get("zeitraum")), SPANS[0])
    samples = list(series.since(var, now - span.length - timedelta(minutes=20)))
    response = render(request, "operations/state.html", {
        "by": by, "pass": given, "now": now, "span": span, "spans": SPANS, **_told(var),
        "charts": list(drawn(samples, span, now)), "begun": now - span.length, "middle": now - span.length / 2,
        "measured": samples[-1].at if samples else None, "is_measured": bool(samples) and now - samples[-1].at < timedelta(minutes=5),
    })  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def _told(var: Path) -> dict[str, Any]:
    alerts = Alerts(var)
    findings = remembered(var, "findings.json")
    open_alerts = [alert for alert in alerts.all() if alert.is_open]
    happened = [
        {"word": _WORDS[each.event], "what": each.what, "at": each.at, "reason": each.reason}
        for each in reversed(alerts.journal.all()[-MOST_HAPPENINGS:])
    ]
    errors = [each for each in remembered(var, "errors.json") if not each["settled_at"]]
    for each in errors:
        each["first_at"], each["last_at"] = (datetime.fromisoformat(each[name]) for name in ("first_at", "last_at"))
    return {
        "alerts": open_alerts,
        "good": [each for each in findings if each["status"] == GOOD],
        "warnings": [each for each in findings if each["status"] == WARNING],
        "wrong": [each for each in findings if each["status"] == WRONG],
        "errors": errors[:MOST_ERRORS],
        "happened": happened,
        "looked": last_look(var),
        "is_awake": is_awake(var),
    }


def remember_findings(var: Path, findings: list[Finding]) -> None:
    """What the watch saw last."""
    _remember(var, "findings.json", [finding.as_json() for finding in findings])


def remember_errors(var: Path, errors: list[dict[str, Any]]) -> None:
    """The groups of errors, as they are now."""
    _remember(var, "errors.json", errors)


def _remember(var: Path, name: str, rows: list[Any]) -> None:
    with suppress(OSError):  # a full disk is told elsewhere
        write_secret(var / "monitoring" / name, json.dumps(rows, default=datetime.isoformat))


def remembered(var: Path, name: str) -> list[dict[str, Any]]:
    """Nothing when there is nothing."""
    try:
        rows: list[dict[str, Any]] = json.loads((var / "monitoring" / name).read_text())
    except (OSError, ValueError):
        return []
    return rows
