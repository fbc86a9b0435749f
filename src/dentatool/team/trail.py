"""The trail page: what happened in this laboratory, for those who may know."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.apps import apps
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import make_aware
from django.views.decorators.http import require_safe

from dentatool.kit.forms import DateField, Form
from dentatool.protection.access import Account, Permission, page
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.tenancy import Record

PER_PAGE = 50
EVENTS = {
    "authn_login_success": "Angemeldet",
    "authn_login_fail": "Anmeldung abgewiesen",
    "authn_logout": "Abgemeldet",
    "authz_fail": "Zugriff ohne Recht abgewiesen",
    "ctx_forged": "Gefälschter Laborausweis abgewiesen",
    "ctx_expired": "Abgelaufener Laborausweis abgewiesen",
    "decrypt_fail": "Versiegelter Wert nicht lesbar",
    "trail.viewed": "Protokoll eingesehen",
}
ACTIONS = {"insert": "angelegt", "update": "geändert", "delete": "gelöscht"}


class TrailFilter(Form):
    """What to look for. Everything optional."""

    person = forms.ChoiceField(label="Person", required=False)
    what = forms.ChoiceField(label="Was", required=False)
    since = DateField(label="Von", required=False)
    until = DateField(label="Bis", required=False)
    record = forms.UUIDField(label="Datensatz", required=False)

    def __init__(self, *args: Any, people: dict[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [("", "alle"), *((str(key), name) for key, name in people.items())]
        kinds = sorted((label, table) for table, label in tables().items())
        self.fields["what"].choices = [("", "alles"), ("event", "nur Ereignisse"), *((table, label) for label, table in kinds)]


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
    facts = {"form": form, "page": entries, "rows": list(readable(entries.object_list, people))}
    return render(request, "team/trail.html", facts, status=200 if valid else 422)


def _filtered(wanted: dict[str, Any]) -> Any:
    entries = Entry.objects.order_by("-at")
    if wanted.get("person"):
        entries = entries.filter(actor_id=wanted["person"])
    if wanted.get("record"):
        entries = entries.filter(record_id=wanted["record"])
    if what := wanted.get("what"):
        entries = entries.filter(kind="event") if what == "event" else entries.filter(kind="row", what=what)
    if wanted.get("since"):
        entries = entries.filter(at__gte=make_aware(datetime.combine(wanted["since"], time.min)))
    if wanted.get("until"):
        entries = entries.filter(at__lt=make_aware(datetime.combine(wanted["until"] + timedelta(days=1), time.min)))
    return entries


def tables() -> dict[str, str]:
    """Table → its German name."""
    return {
        model._meta.db_table: str(model._meta.verbose_name)
        for model in apps.get_models()
        if issubclass(model, Record) and model.audited
    }


def readable(entries: Iterable[Entry], people: dict[UUID, str]) -> Iterable[dict[str, Any]]:
    """Entries in words. Sealed values are only named, never shown."""
    names, columns = tables(), _columns()
    for entry in entries:
        is_row = entry.kind == "row"
        yield {
            "at": entry.at,
            "person": people.get(entry.actor_id, "System" if entry.actor_id is None else "gelöschtes Konto"),
            "origin": entry.origin,
            "what": names.get(entry.what, entry.what) if is_row else EVENTS.get(entry.what, entry.what),
            "action": ACTIONS.get(entry.action, entry.action) if is_row else "",
            "record_id": entry.record_id,
            "changes": [
                {"name": columns.get((entry.what, column), (column, False))[0], **_shown(entry, column, pair, columns)}
                for column, pair in entry.changes.items()
            ]
            if is_row
            else [{"name": key, "old": "", "new": value} for key, value in entry.changes.items()],
        }


def _columns() -> dict[tuple[str, str], tuple[str, bool]]:
    """(table, column) → (German name, is it sealed or otherwise bytes?)."""
    return {
        (model._meta.db_table, field.column): (str(field.verbose_name), field.get_internal_type() == "BinaryField")
        for model in apps.get_models()
        if issubclass(model, Record)
        for field in model._meta.local_fields
    }


def _shown(entry: Entry, column: str, pair: list[Any], columns: dict[tuple[str, str], tuple[str, bool]]) -> dict[str, Any]:
    _name, is_bytes = columns.get((entry.what, column), (column, False))
    old, new = ("" if value is None else value for value in pair)
    if is_bytes or str(old).startswith("\\x") or str(new).startswith("\\x"):
        return {"old": "versiegelt" if old else "", "new": "versiegelt" if new else ""}
    return {"old": old, "new": new}
