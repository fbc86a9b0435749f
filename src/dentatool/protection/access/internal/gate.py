"""The Gate: session → person → laboratory pass → transaction → page. Nothing is served past it."""

import logging
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.http import urlencode

from dentatool.protection.access.internal.devices import COOKIE as DEVICE_COOKIE
from dentatool.protection.access.internal.devices import LIFETIME_S as DEVICE_LIFETIME_S
from dentatool.protection.access.internal.drafts import Draft, drop_draft, keep_draft
from dentatool.protection.access.internal.endings import (
    ENDED_IN_WORDS,
    dead_session,
    end_moved,
    has_ended_since,
    is_in_other_hands,
    is_news_that_used_elsewhere,
    note_use_after_end,
    origin_of,
    watch_answer,
)
from dentatool.protection.access.internal.models import Level
from dentatool.protection.access.internal.noting import note_missing_record, worth_writing
from dentatool.protection.access.internal.outages import (
    AWAY,
    CLOCKS_APART,
    ISSUED,
    REFUSED,
    UNCERTAIN,
    Words,
    sqlstate,
    words_for,
)
from dentatool.protection.access.internal.programs import brings_token, refuse_program, serve_program
from dentatool.protection.access.internal.roles import PUBLIC, Permission
from dentatool.protection.access.internal.sessions import (
    COOKIE,
    DEVICE,
    ORIGIN,
    Person,
    find_session,
    person_of,
)
from dentatool.protection.access.problems import is_for_program, problem
from dentatool.protection.audit import record_event, record_platform_event
from dentatool.protection.audit.refusals import collected_in
from dentatool.protection.key_status import RootKeyError
from dentatool.protection.tenancy import laboratory
from dentatool.protection.vault import DecryptError

log = logging.getLogger("dentatool.gate")
View = Callable[..., HttpResponse]

_SAFE = ("GET", "HEAD", "OPTIONS")
_SAID_NO = {"DT003": CLOCKS_APART, "DT006": ISSUED}
# SQLSTATEs of protection/tenancy and protection/audit → name of the security event (OWASP vocabulary).
_REFUSALS = {
    "DT001": "ctx_forged",
    "DT002": "ctx_forged",
    "DT003": "ctx_expired",
    "DT004": "authz_fail",
    "DT006": "sequence_fail",
    "DT007": "authz_fail",
    "DT008": "authz_fail",
    "42501": "authz_fail",
}


def page(
    permission: Permission | str,
    *,
    fresh: bool = False,
    level: str = Level.FULL,
    is_action: bool = True,
    asks_who: bool = True,
) -> Callable[[View], View]:
    """Declare what a person must be allowed to do to be served this view; PUBLIC needs nobody.

    `fresh`: only within ten minutes of proving who they are. `level="half"`: also before the second factor.
    `is_action=False`: the page asks this by itself, so it does not count as the person working (no idle time is
    renewed); such an address holds no ids. `asks_who=False`, with PUBLIC: no session is looked up, so that the page is
    served while the database is away; nor does such an address hold ids.
    """
    assert asks_who or permission == PUBLIC, "who is not asked for may nothing"
    if permission != PUBLIC and not isinstance(permission, Permission):
        raise ImproperlyConfigured(f"page({permission!r}): not a Permission")

    def declare(view: View) -> View:
        @wraps(view)
        def served(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return view(request, *args, **kwargs)

        served.page_permission = permission  # type: ignore[attr-defined]
        served.page_fresh, served.page_level = fresh, level  # type: ignore[attr-defined]
        served.page_is_action = is_action  # type: ignore[attr-defined]
        served.page_asks_who = asks_who  # type: ignore[attr-defined]
        return served

    return declare


def check_pages() -> None:
    """Refuse to start when any address is served by a view that declares nothing."""
    if bare := [address for address, view in all_pages() if not hasattr(view, "page_permission")]:
        raise ImproperlyConfigured(f"DentaTool startet nicht: ohne @page(...): {', '.join(bare)}")
    if unclear := [address for address in _quiet_addresses() | _open_addresses() if "<" in address]:
        # Whether a request counts as work, and whether it asks who, is decided before its address is taken apart.
        raise ImproperlyConfigured(
            f"DentaTool startet nicht: is_action=False oder asks_who=False mit Kennung: {', '.join(unclear)}"
        )


def _quiet_addresses() -> frozenset[str]:
    """Addresses that pages ask by themselves."""
    return frozenset(address for address, view in all_pages() if not getattr(view, "page_is_action", True))


def _open_addresses() -> frozenset[str]:
    """Addresses that are the same for everybody."""
    return frozenset(address for address, view in all_pages() if not getattr(view, "page_asks_who", True))


def all_pages() -> Iterator[tuple[str, View]]:
    """Every address of the program and its view."""

    def walk(prefix: str, patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, View]]:
        for entry in patterns:
            address = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(address, entry.url_patterns)
            else:
                yield address, entry.callback

    return walk("/", get_resolver().url_patterns)


class Gate:
    """Middleware around every page. Last in the list, so that it encloses view and rendering only."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response
        check_pages()
        self._quiet, self._open = _quiet_addresses(), _open_addresses()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.person = request.lab_id = None  # type: ignore[attr-defined]
        request.permissions = frozenset()  # type: ignore[attr-defined]
        request.may = lambda permission: permission in request.permissions  # type: ignore[attr-defined]
        request.request_id = uuid4().hex  # type: ignore[attr-defined]
        request.after_rollback = []  # type: ignore[attr-defined]
        request.is_done = False  # type: ignore[attr-defined]
        request.served_by = ""  # type: ignore[attr-defined]  # the permission that the page needed
        request.keeps_refusal = False  # type: ignore[attr-defined]  # a wrong code is refused, and counted
        request.dead, request.draft_sent = None, ""  # type: ignore[attr-defined]
        with collected_in(request.after_rollback):  # type: ignore[attr-defined]
            return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if is_for_program(request):
            return serve_program(self, request)
        if request.path in self._open:
            return self._serve_nobody(request)
        try:
            row = self._who_asks(request)
        except DatabaseError as outage:
            return self._refuse(request, outage)
        if row is None:
            if brings_token(request):
                request.after_rollback.append(("authn_login_fail", {"path": request.path}))  # type: ignore[attr-defined]
            return _with_cookie(request, self._serve_nobody(request))
        with DecryptError.collected() as unreadable:
            try:
                response = self._serve_inside(request, row)
            except DatabaseError as refused:
                response = self._refuse(request, refused)
            except RootKeyError as away:  # already at the name of the person who asks
                response = self.keys_away(request, away)
        for failure in unreadable:  # the page said „nicht lesbar“ in its place
            request.after_rollback.append(("decrypt_fail", {"path": request.path, "where": str(failure)}))  # type: ignore[attr-defined]
        note_missing_record(request, response)
        self._record_refusals(request, row)
        return _with_cookie(request, response)

    def _serve_nobody(self, request: HttpRequest) -> HttpResponse:
        """Without a person there is no laboratory: what is refused here belongs to the platform."""
        response = self.get_response(request)
        noted = request.after_rollback  # type: ignore[attr-defined]
        try:
            for event, facts in noted:
                record_platform_event(event, origin=origin_of(request), path=str(facts.get("path", ""))[:200])
        except DatabaseError:
            log.exception("events could not be recorded", extra={"events": [event for event, _facts in noted]})
        return response

    def _who_asks(self, request: HttpRequest) -> tuple[Any, ...] | None:
        """The session's row; None for nobody, or somebody whose session is over (`request.dead`)."""
        if not (token := request.COOKIES.get(COOKIE)):
            return None
        row = find_session(token, is_action=request.path not in self._quiet)
        if row is not None and is_in_other_hands(row[DEVICE], request):
            end_moved(row[0], row[1], row[2], row[ORIGIN], request)
            row = None
        if row is None:
            request.dead = dead_session(token)  # type: ignore[attr-defined]
        return row

    def _serve_inside(self, request: HttpRequest, row: tuple[Any, ...]) -> HttpResponse:
        begun = time.monotonic()
        with laboratory(
            row[1],
            actor=row[2],
            origin=origin_of(request),
            request_id=request.request_id,  # type: ignore[attr-defined]
            practice=row[8],
        ):
            person = person_of(row)
            request.person = request.account = person  # type: ignore[attr-defined]
            request.lab_id, request.permissions = person.lab_id, person.permissions  # type: ignore[attr-defined]
            if person.elsewhere and is_news_that_used_elsewhere(person.session_id, person.origin, person.elsewhere):
                request.after_rollback.append(("session_parallel", {"account": person.id}))  # type: ignore[attr-defined]
            response = self.get_response(request)
            holder = person.lab_id, person.session_id, request.served_by  # type: ignore[attr-defined]
            if getattr(request, "session_token", None) is None and has_ended_since(begun, holder):  # not by itself
                transaction.set_rollback(True)
                return _to_sign_in(request)
            watch_answer(request, holder)
            if response.status_code < 400 and request.draft_sent:  # type: ignore[attr-defined]
                drop_draft(person.id, request.draft_sent)  # type: ignore[attr-defined]
            if response.status_code >= 400 and not request.keeps_refusal:  # type: ignore[attr-defined]
                transaction.set_rollback(True)
            request.is_done = response.status_code < 400  # type: ignore[attr-defined]
            return response

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """Before each view: what declares nothing is not served; then who, then whether they may."""
        if any("\0" in value for values in request.GET.lists() for value in (values[0], *values[1])):
            raise SuspiciousOperation("null character in the address")
        if not is_for_program(request):
            _take_out_draft(request)
        permission = getattr(view, "page_permission", None)
        if permission is None:
            log.error("view without declared permission is not served", extra={"path": request.path})
            raise Http404
        if permission == PUBLIC:
            return None
        if is_for_program(request):
            return refuse_program(request, permission)
        if request.person is None and request.dead is not None:  # type: ignore[attr-defined]
            return _back_after_sign_in(request)
        if request.person is None or not _has_come_far_enough(request.person, view):  # type: ignore[attr-defined]
            return _to_sign_in(request)
        if permission not in request.permissions:  # type: ignore[attr-defined]
            request.after_rollback.append(("authz_fail", {"path": request.path, "permission": str(permission)}))  # type: ignore[attr-defined]
            return error_page(
                request,
                403,
                "Dafür fehlt das Recht",
                "Ihr Konto darf diese Seite nicht öffnen.",
                "Bitten Sie die Inhaberin oder den Inhaber des Labors um das Recht.",
            )
        request.served_by = str(permission)  # type: ignore[attr-defined]
        if view.page_fresh and not request.person.is_fresh:  # type: ignore[attr-defined]
            return _to_confirmation(request)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Errors made for people become pages; everything else stays loud."""
        if isinstance(status := getattr(error, "status", None), int) and 400 <= status < 500:
            if event := getattr(error, "event", ""):
                request.after_rollback.append((event, {"path": request.path, "reason": str(error)}))  # type: ignore[attr-defined]
            return error_page(request, status, getattr(error, "title", "Das geht so nicht"), str(error))
        if isinstance(error, DecryptError):
            request.after_rollback.append(("decrypt_fail", {"path": request.path, "where": str(error)}))  # type: ignore[attr-defined]
            log.critical("sealed value cannot be opened", extra={"where": str(error)})
            return error_page(
                request,
                409,
                "Ein versiegelter Wert ist nicht lesbar",
                "Ein geschützter Eintrag auf dieser Seite wurde verändert oder gehört nicht hierher.",
                "Es wurde nichts geändert. Die Störung ist gemeldet; bitte nennen Sie dem Betreiber den Vorgang.",
            )
        if isinstance(error, RootKeyError):
            return self.keys_away(request, error)
        if isinstance(error, DatabaseError) and _is_ours(sqlstate(error)):
            return self._refuse(request, error)
        if (words := words_for(error)) is not None:
            return _outage_page(request, words, error)
        return None

    def keys_away(self, request: HttpRequest, error: RootKeyError) -> HttpResponse:
        """Nothing sealed can be read or stored at the moment; nothing was, and no trace is shown."""
        log.critical("the root key cannot be used: %s", error)
        response = error_page(
            request,
            503,
            "Die Schlüssel sind gerade nicht erreichbar",
            "Geschützte Angaben können im Moment weder gelesen noch gespeichert werden. Es wurde nichts gespeichert.",
            "Versuchen Sie es in einigen Minuten noch einmal. Hält es an, rufen Sie den Betreiber an.",
        )
        response.headers["Retry-After"] = "5"
        return response

    def _refuse(self, request: HttpRequest, refused: DatabaseError) -> HttpResponse:
        """What the database said no to outside of the view: at the beginning or when all was to be stored."""
        code = sqlstate(refused) or ""
        if (words := words_for(refused)) is not None:
            is_uncertain = words is AWAY and request.is_done and request.method not in _SAFE  # type: ignore[attr-defined]
            return _outage_page(request, UNCERTAIN if is_uncertain else words, refused)
        if not _is_ours(code):
            raise refused
        if code in _REFUSALS:
            request.after_rollback.append((_REFUSALS[code], {"path": request.path}))  # type: ignore[attr-defined]
        words = _SAID_NO.get(code, REFUSED)
        return error_page(request, words.status, words.title, words.message, words.what_to_do)

    def _record_refusals(self, request: HttpRequest, row: tuple[Any, ...]) -> None:
        """Events of refused requests, in their own transaction, since the request's was rolled back."""
        if not request.after_rollback:  # type: ignore[attr-defined]
            return
        try:
            self._write_down(request, row)
        except DatabaseError:
            # The answer is made and says the truth; only the note of it cannot be written where it belongs.
            events = [event for event, _facts in request.after_rollback]  # type: ignore[attr-defined]
            log.exception("events could not be recorded", extra={"events": events})

    def _write_down(self, request: HttpRequest, row: tuple[Any, ...]) -> None:
        # The platform first: where passes are refused, the laboratory's own trail takes no entry either.
        for event, _facts in request.after_rollback:  # type: ignore[attr-defined]
            if event.startswith("ctx_") or event == "decrypt_fail":
                record_platform_event(event, request=request.request_id)  # type: ignore[attr-defined]
        with laboratory(row[1], actor=row[2], origin=origin_of(request), request_id=request.request_id):  # type: ignore[attr-defined]
            for event, facts in worth_writing(row[2], request.after_rollback):  # type: ignore[attr-defined]
                record_event(event, **facts)


def _is_ours(code: str | None) -> bool:
    """Whether our own policies, triggers and grants said no."""
    return code is not None and (code.startswith("DT") or code in _REFUSALS)


def error_page(request: HttpRequest, status: int, title: str, message: str, what_to_do: str = "") -> HttpResponse:
    """An error as a page of the product, with the reference that support can look up; for programs as an object."""
    reference = getattr(request, "request_id", "")[:8]
    if is_for_program(request):
        return problem(status, title, " ".join(filter(None, (message, what_to_do))), reference=reference)
    facts = {"title": title, "message": message, "what_to_do": what_to_do, "reference": reference}
    return render(request, "kit/error.html", facts, status=status)


def _outage_page(request: HttpRequest, words: Words, error: Exception) -> HttpResponse:
    """Words instead of a trace; the log names the code, never the statement or its values."""
    response = error_page(request, words.status, words.title, words.message, words.what_to_do)
    if words.status == 503:
        response.headers["Retry-After"] = "5"
        log.error("the database did not do it (%s), request %s", sqlstate(error) or "no answer", request.request_id)  # type: ignore[attr-defined]
    return response


def _with_cookie(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Hand out the cookie of a session begun in this request, or take back that of one ended."""
    token = getattr(request, "session_token", None)
    if token is None and request.dead is not None and _is_page_change(request):  # type: ignore[attr-defined]
        token = ""
    if token:
        response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="Lax")
    elif token == "":
        response.set_cookie(COOKIE, "", max_age=0, secure=True, httponly=True, samesite="Lax")
        response.headers["Clear-Site-Data"] = '"cache"'
    if device := getattr(request, "device_token", ""):
        response.set_cookie(
            DEVICE_COOKIE, device, max_age=DEVICE_LIFETIME_S, secure=True, httponly=True, samesite="Strict"
        )
    return response


def _has_come_far_enough(person: Person, view: View) -> bool:
    """Whoever still owes the second factor is served only what belongs to giving it."""
    return person.level == Level.FULL or view.page_level == Level.HALF  # type: ignore[attr-defined]


def _take_out_draft(request: HttpRequest) -> None:
    """Which draft this form was restored from: no field of the form, so no view has to know it."""
    if request.method == "POST" and "entwurf" in request.POST:
        posted = request.POST.copy()
        request.draft_sent = str(posted.pop("entwurf")[-1])  # type: ignore[attr-defined]
        posted._mutable = False
        request.POST = posted  # type: ignore[assignment]


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    target = f"{reverse('sign_in')}?{urlencode({'weiter': _page_of(request)})}"
    return (
        HttpResponseRedirect(target)
        if _is_page_change(request)
        else HttpResponse(status=401, headers={"HX-Redirect": target})
    )


def _back_after_sign_in(request: HttpRequest) -> HttpResponse:
    """The session is over: say why, keep what was just being sent if it ended by itself, and go to the sign-in."""
    dead = request.dead  # type: ignore[attr-defined]
    note_use_after_end(dead, request)
    if not _is_page_change(request):
        if words := ENDED_IN_WORDS.get(dead.ending):
            _say_once(request, words)  # on the page that the script goes to
        return _to_sign_in(request)
    is_kept = False
    if request.method == "POST" and dead.may_leave_a_draft:
        with laboratory(dead.lab_id, actor=dead.account_id, origin=origin_of(request)):
            is_kept = _keep_posted(request, dead.account_id) is not None
    if words := ENDED_IN_WORDS.get(dead.ending):
        messages.info(request, f"{words} Ihre Eingaben sind aufgehoben." if is_kept else words)
    return _to_sign_in(request)


def _say_once(request: HttpRequest, words: str) -> None:
    """Several scripts of a page learn of the end; its person reads of it once."""
    waiting = messages.get_messages(request)
    if all(str(message) != words for message in waiting):
        messages.info(request, words)
    waiting.used = False  # type: ignore[union-attr]  # looked at, not shown


def _to_confirmation(request: HttpRequest) -> HttpResponse:
    """What is dangerous asks once more who is sitting there. What was sent comes back afterwards."""
    query = {"weiter": _page_of(request)}
    if request.method == "POST" and (draft := _keep_posted(request, request.person.id)):  # type: ignore[attr-defined]
        query["vorgang"] = str(draft.pk)
    target = f"{reverse('confirm')}?{urlencode(query)}"
    return (
        HttpResponseRedirect(target)
        if _is_page_change(request)
        else HttpResponse(status=401, headers={"HX-Redirect": target})
    )


def _keep_posted(request: HttpRequest, account_id: UUID) -> Draft | None:
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    return keep_draft(
        account_id,
        page=_page_of(request),
        action=request.get_full_path(),
        label="",
        fields=fields,
        left_out=bool(request.FILES),
    )


def _page_of(request: HttpRequest) -> str:
    """The page in the browser's window: of a form that was sent, or of a part that was fetched, the one they stand on."""
    if request.method in ("GET", "HEAD") and _is_page_change(request):
        return request.get_full_path()
    told = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "")
    if told.netloc != request.get_host():
        return request.get_full_path()
    return f"{told.path}?{told.query}" if told.query else told.path


def _is_page_change(request: HttpRequest) -> bool:
    """Whether the answer will be the page in the browser's window, or only goes to a script of the page there."""
    return not request.headers.get("HX-Request") and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
