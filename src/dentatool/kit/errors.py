"""Errors made for people, and the pages for those that nobody expected.

Actions raise `NotYet`, `NotAllowed` or `Gone` with a complete German sentence that says what to do.
The Gate turns them into a page when the view does not show them itself.
"""

from typing import ClassVar
from uuid import uuid4

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from dentatool.protection.access.problems import is_for_program, problem
from dentatool.protection.audit.refusals import note_refusal


class PersonError(Exception):
    """An error whose message may be shown. `str(error)` is the German message."""

    status: ClassVar[int] = 400
    event: ClassVar[str] = ""  # the security event that it is, if it is one
    title: ClassVar[str] = "Das geht so nicht"


class NotYet(PersonError):
    """Something is missing first; nothing was changed."""

    status = 409
    title = "Das geht noch nicht"


class NotAllowed(PersonError):
    """This person may not do this."""

    status = 403
    title = "Dafür fehlt das Recht"


class Gone(PersonError):
    """This was here and is no longer available."""

    status = 410
    title = "Nicht mehr vorhanden"


class BadQuery(PersonError, BadRequest):
    """The address asks for an unknown sorting, page or filter."""

    status = 400
    title = "Diese Adresse ist nicht richtig"
    event = "input_validation_fail"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the browser sent what no page of ours would send."""
    if not isinstance(exception, PersonError):  # those the Gate has noted
        note_refusal("input_validation_fail", path=request.path, reason=type(exception).__name__)
    too_large = type(exception).__name__ in {"RequestDataTooBig", "TooManyFieldsSent", "TooManyFilesSent"}
    if too_large:
        return error_page(
            request, 413, "Das ist zu groß", "Es wurden mehr Daten gesendet, als diese Seite annimmt.",
            "Teilen Sie die Eingabe auf oder wählen Sie eine kleinere Datei.",
        )  # fmt: skip
    if isinstance(exception, PersonError):
        return error_page(request, 400, exception.title, str(exception), "Gehen Sie zurück zur Liste.")
    return error_page(
        request, 400, "Diese Anfrage ist nicht richtig", "Die Anfrage ist unvollständig oder verändert.",
        "Laden Sie die Seite neu und versuchen Sie es noch einmal.",
    )  # fmt: skip


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 raised by Django itself."""
    return error_page(
        request, 403, "Dafür fehlt das Recht", "Ihr Konto darf das nicht.",
        "Bitten Sie die Inhaberin oder den Inhaber des Labors um das Recht.",
    )  # fmt: skip


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: absent, foreign and forbidden ids look the same, to the byte."""
    return error_page(
        request, 404, "Nicht vorhanden", "Unter dieser Adresse gibt es nichts, oder es gehört nicht zu Ihrem Labor.",
        "Prüfen Sie die Adresse oder suchen Sie über die Liste.", reference="",
    )  # fmt: skip


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form does not come from a page that this browser was just served."""
    note_refusal("malicious_csrf", path=request.path)
    return error_page(
        request, 403, "Das Formular ist abgelaufen",
        "Es gehört zu einer früheren Anmeldung oder kommt nicht von dieser Seite. Gespeichert wurde nichts.",
        "Öffnen Sie die Seite neu und senden Sie das Formular noch einmal. Ihr Browser muss Cookies annehmen.",
    )  # fmt: skip


def server_error(request: HttpRequest) -> HttpResponse:
    """500: rendered without request, session and database, since any of them may be the cause."""
    if is_for_program(request):
        detail = "Der Fehler liegt bei uns. Es wurde nichts gespeichert."
        return problem(500, "Da ist etwas schiefgegangen", detail, reference=_reference(request)[:8])
    facts = {
        "title": "Da ist etwas schiefgegangen",
        "message": "Der Fehler liegt bei uns. Es wurde nichts gespeichert.",
        "what_to_do": "Versuchen Sie es gleich noch einmal. Sonst nennen Sie dem Betreiber den Vorgang.",
        "reference": _reference(request),
        "status": 500,
    }
    return HttpResponse(render_to_string("kit/error.html", facts), status=500)


def error_page(
    request: HttpRequest, status: int, title: str, message: str, what_to_do: str = "", reference: str | None = None
) -> HttpResponse:
    """An error as a page of the product, for programs as an object. `reference` None: the id of this request."""
    if is_for_program(request):
        told = _reference(request)[:8] if reference is None else reference
        return problem(status, title, " ".join(filter(None, (message, what_to_do))), reference=told)
    facts = {
        "title": title,
        "message": message,
        "what_to_do": what_to_do,
        "reference": _reference(request) if reference is None else reference,
        "status": status,
    }
    return render(request, "kit/error.html", facts, status=status)


def _reference(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", "") or uuid4().hex)
