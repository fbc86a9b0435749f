"""Words for requests whose body the front did not take in (project/front.py)."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from dentatool.kit.errors import error_page
from dentatool.protection.audit import record_platform_event

log = logging.getLogger("dentatool.arrival")

# reason → status, title, message, what to do
_WORDS = {
    "incomplete": (
        400, "Die Eingabe ist nicht vollständig angekommen",
        "Die Verbindung ist abgebrochen, bevor alles gesendet war. Es wurde nichts gespeichert.",
        "Gehen Sie zurück und senden Sie das Formular noch einmal.",
    ),
    "too_large": (
        413, "Das ist zu groß", "Es sollten mehr Daten gesendet werden, als irgendeine Seite annimmt.",
        "Teilen Sie die Eingabe auf oder wählen Sie eine kleinere Datei.",
    ),
    "too_many": (
        503, "Zu viele Eingaben auf einmal",
        "Von Ihrem Anschluss sind noch viele Eingaben unterwegs. Diese wurde nicht gespeichert.",
        "Versuchen Sie es in einigen Sekunden noch einmal.",
    ),
}  # fmt: skip


def refuse_what_did_not_arrive(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware: such a request reaches no view."""

    def middleware(request: HttpRequest) -> HttpResponse:
        reason = request.META.get("dentatool.arrival")
        if not reason:
            return get_response(request)
        if reason == "too_many":
            _tell(request)
        return error_page(request, *_WORDS[reason])

    return middleware


def _tell(request: HttpRequest) -> None:
    """Nobody is known yet. Whether it can be written down does not change the answer."""
    try:
        record_platform_event(
            "excess_rate_limit_exceeded", origin=request.META.get("REMOTE_ADDR", ""), path=request.path[:200]
        )
    except DatabaseError:
        log.exception("an excess of requests could not be recorded")
