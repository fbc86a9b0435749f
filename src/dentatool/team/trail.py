"""The trail page: what happened in this laboratory, for those who may know."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django import forms
from django.apps import apps
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import make_aware
from django.views.decorators.http import require_safe

from dentatool.kit.changes import Change, changes_in
from dentatool.kit.forms import DateField, Form
from dentatool.protection.access import Account, Permission, page
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.tenancy import Record

PER_PAGE = 200  # entries; what one request did alike is one row
MOST_SHOWN = 20
EVENTS = {
    "authn_login_success": "Angemeldet",
    "authn_login_fail": "Anmeldung abgewiesen",
    "authn_logout": "Abgemeldet",
    "authz_fail": "Zugriff ohne Recht abgewiesen",
    "ctx_forged": "Gefälschter Laborausweis abgewiesen",
    "ctx_expired": "Abgelaufener Laborausweis abgewiesen",
    "decrypt_fail": "Versiegelter Wert nicht lesbar",
    "trail.viewed": "Protokoll eingesehen",
    "invoice.xml_downloaded": "XML-Datei heruntergeladen",
    "invoice.pdf_opened": "Rechnung als PDF geöffnet",
}
FACTS = {
    "path": "Adresse",
    "entries": "Einträge",
    "where": "Stelle",
    "format": "Format",
    "version": "Fassung",
    "bytes": "Bytes",
}
ACTIONS = {"insert": "angelegt", "update": "geändert", "delete": "gelöscht"}


class TrailFilter(Form):
    """What to look for. Everything optional."""

    person = forms.ChoiceField(label="Person", required=False)
    what = forms.ChoiceField(label="Was", required=False)
    since = DateField(label="Von", required=False)
    until = DateField(label="Bis", required=False)
    record = forms.UUIDField(label="Datensatz", required=False)
    vorgang = forms.UUIDField(label="Vorgang", required=False)

    def __init__(self, *args: Any, people: dict[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [("", "alle"), *((str(key), name) for key, name in people.items())]
        kinds = sorted((label, table) for table, label in tables().items())
        self.fields["what"].choices = [
            ("", "alles"),
            ("event", "nur Ereignisse"),
            *((table, label) for label, table in kinds),
        ]


@page(Permission.TRAIL_VIEW)
@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """Newest first, filtered; reading the trail is itself an entry."""
    people = {account.pk: account.display_name for account in Account.objects.all()}
    form = TrailFilter(request.GET, people=people)
    valid = form.is_valid()
    found = Paginator(_filtered(form.cleaned_data if valid else {}), PER_PAGE)
    number = request.GET.get("seite", "1")
    entries = found.get_page(number if number.isascii() and number.isdigit() else 1)
    record_event("trail.viewed", entries=len(entries.object_list))
    rows = readable(entries.object_list, people)
    one_by_one = valid and form.cleaned_data["vorgang"]
    facts = {"form": form, "page": entries, "rows": list(rows if one_by_one else grouped(rows))}
    return render(request, "team/trail.html", facts, status=200 if valid else 422)


def _filtered(wanted: dict[str, Any]) -> Any:
    entries = Entry.objects.order_by("-at")
    if wanted.get("person"):
        entries = entries.filter(actor_id=wanted["person"])
    if wanted.get("record"):
        entries = entries.filter(record_id=wanted["record"])
    if wanted.get("vorgang"):
        entries = entries.filter(request_id=wanted["vorgang"].hex)
    if what := wanted.get("what"):
        entries = entries.filter(kind="event") if what == "event" else entries.filter(kind="row", what=what)
    if wanted.get("since"):
        entries = entries.filter(at__gte=make_aware(datetime.combine(wanted["since"], time.min)))
    if wanted.get("until"):
        entries = entries.filter(at__lt=make_aware(datetime.combine(wanted["until"] + timedelta(days=1), time.min)))
    return entries


def tables() -> dict[str, str]:
    """Table → its German name."""
    return {table: str(model._meta.verbose_name) for table, model in _models().items()}


def readable(entries: Iterable[Entry], people: dict[UUID, str]) -> Iterable[dict[str, Any]]:
    """Entries in words. Sealed values are only named, never shown."""
    models = _models()
    for entry in entries:
        model = models.get(entry.what) if entry.kind == "row" else None
        yield {
            "at": entry.at,
            "request_id": entry.request_id,
            "person": people.get(entry.actor_id, "System" if entry.actor_id is None else "gelöschtes Konto"),
            "origin": entry.origin,
            "what": model._meta.verbose_name if model else EVENTS.get(entry.what, entry.what),
            "action": ACTIONS.get(entry.action, entry.action) if model else "",
            "record_id": entry.record_id,
            "count": 1,
            "changes": list(changes_in(model, entry)) if model else list(_facts(entry, people)),
        }


def grouped(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What one request did alike to several records as one row with the first of them: an import is not 175 rows."""
    for request_id, run in groupby(rows, key=itemgetter("request_id")):
        alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in run:
            alike.setdefault((row["what"], row["action"], row["record_id"] is None), []).append(row)
        for found in alike.values():
            more = {"shown": found[:MOST_SHOWN], "hidden": len(found) > MOST_SHOWN} if len(found) > 1 else {}
            # With its days: entries are found by time, not by request.
            began = found[-1]["at"] - timedelta(hours=1)
            yield found[0] | {"count": len(found), "request_id": request_id, "began": began} | more


def _models() -> dict[str, type[Record]]:
    return {model._meta.db_table: model for model in apps.get_models() if issubclass(model, Record) and model.audited}


def _facts(entry: Entry, people: dict[UUID, str]) -> Iterable[Change]:
    for key, value in entry.changes.items():
        if key == "account":
            yield Change("Konto", "", people.get(UUID(value), "gelöschtes Konto"))
        elif key not in ("permission", "request"):
            yield Change(FACTS.get(key, key), "", value)
