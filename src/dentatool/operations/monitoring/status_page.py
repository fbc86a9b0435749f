"""/status: what of the service works, since when, and what went wrong lately. For everybody, of nobody in particular.

Faults are told here by what people notice of them; a key file that is open, or a table, is nobody's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dentatool.kit.jobs import is_worker_alive
from dentatool.operations.health import database_answers
from dentatool.operations.monitoring.alerts import Alert, Alerts
from dentatool.operations.monitoring.heartbeat import is_awake
from dentatool.operations.monitoring.journal import Happening
from dentatool.protection.access import PUBLIC, page

SHOWN = timedelta(days=30)
MOST = 20
WORKING, BACKGROUND, MAIL = "Arbeiten und Speichern", "Hintergrundaufgaben", "E-Mail-Versand"
# What people notice → the faults (of the doctor) that cause it.
PARTS: dict[str, tuple[str, ...]] = {
    WORKING: ("Datenbank", "Datenträger", "Datei keys/root.key"),
    BACKGROUND: ("Hintergrundaufgaben", "Aufgabenliste"),
    MAIL: ("Mailserver", "Postausgang"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the service now. `since`: when it became so; None when longer ago than is remembered."""

    name: str
    works: bool
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One that is over."""

    part: str
    since: datetime
    until: datetime

    @property
    def minutes(self) -> int:
        """At least one."""
        return max(1, round((self.until - self.since).total_seconds() / 60))


@page(PUBLIC, is_action=False, asks_who=False)
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The page. 200 also while something is disturbed: the page itself is well."""
    var, now = Path(settings.DENTATOOL_VAR), datetime.now(UTC)
    alerts = Alerts(var)
    over = list(disturbances(alerts.journal.all(), now))
    works = {WORKING: database_answers(), BACKGROUND: is_worker_alive()}
    parts = list(parts_of([each for each in alerts.all() if each.is_open], over, works))
    facts = {"parts": parts, "over": over[:MOST], "now": now, "is_watched": is_awake(var), "days": SHOWN.days}
    response = render(request, "operations/status.html", {**facts, "all_well": all(part.works for part in parts)})
    response.headers["Cache-Control"] = "public, max-age=15"
    return response


def parts_of(open_alerts: list[Alert], over: list[Disturbance], works: dict[str, bool]) -> Iterator[Part]:
    """Each part: looked at just now where that is quick, else by what the watch saw last."""
    for name, causes in PARTS.items():
        begun = [alert.since for alert in open_alerts if alert.what in causes]
        if begun or not works.get(name, True):
            yield Part(name, works=False, since=min(begun, default=None))
        else:
            yield Part(name, works=True, since=max((each.until for each in over if each.part == name), default=None))


def disturbances(known: list[Happening], now: datetime) -> Iterator[Disturbance]:
    """Those of the last thirty days, newest first. What overlaps in one part was one disturbance."""
    found: list[Disturbance] = []
    for part, causes in PARTS.items():
        ended = [each for each in known if each.event == "resolved" and each.what in causes and now - each.at < SHOWN]
        for each in sorted(ended, key=lambda each: each.since):
            if found and found[-1].part == part and each.since <= found[-1].until:
                found[-1] = Disturbance(part, found[-1].since, max(found[-1].until, each.at))
            else:
                found.append(Disturbance(part, each.since, each.at))
    yield from sorted(found, key=lambda each: each.until, reverse=True)
