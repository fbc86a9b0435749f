"""`record_pages`: list, page, form and history of plain master data, without code in the slice.

    urlpatterns = record_pages(
        Practice, form=PracticeForm, base="/praxen/",
        columns=[Column("name", "Name", sort=True), Column("city", "Ort", sort=True)],
        search=("name", "city", "customer_number"),
        permission_view=Permission.PRACTICES_VIEW, permission_change=Permission.PRACTICES_CHANGE,
    )

Addresses and names: `practice_list` /praxen/, `practice_new` /praxen/neu/, `practice` /praxen/<id>/,
`practice_edit` …/bearbeiten/, `practice_history` …/verlauf/. Two people at once: the second gets a 409 page with both
values and saves with one click.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_safe

from dentatool.kit.addresses import url
from dentatool.kit.changes import changes_of
from dentatool.kit.conflicts import both_values
from dentatool.kit.forms import ModelForm, posted
from dentatool.kit.lists import Column, Listing, cells_of
from dentatool.protection.access import Permission, page
from dentatool.protection.tenancy import Record

__all__ = ["Column", "record_pages"]

Extra = Callable[[HttpRequest, Any], Mapping[str, Any]]
Search = Sequence[str] | Callable[[QuerySet[Any], str], Any]


@dataclass(frozen=True)
class RecordPages:
    """The pages of one kind of record. Its methods are the views."""

    model: type[Record]
    form: type[ModelForm]
    columns: Sequence[Column]
    search: Search
    permission_view: Permission
    permission_change: Permission
    base: str
    name: str
    order: Sequence[str]
    queryset: Callable[[], QuerySet[Any]]
    initial: Callable[[HttpRequest], dict[str, Any]]
    more: Extra
    templates: Mapping[str, str]
    filters: Mapping[str, Callable[[QuerySet[Any], str], QuerySet[Any]]] = field(default_factory=dict)

    def urlpatterns(self) -> list[URLPattern]:
        """All addresses, each with its permission."""
        root = self.base.strip("/")
        look, change = page(self.permission_view), page(self.permission_change)
        safe, both = require_safe, require_http_methods(["GET", "HEAD", "POST"])
        return [
            path(f"{root}/", look(safe(self.index)), name=f"{self.name}_list"),
            path(f"{root}/neu/", change(both(self.new)), name=f"{self.name}_new"),
            path(f"{root}/<uuid:pk>/", look(safe(self.show)), name=self.name),
            path(f"{root}/<uuid:pk>/bearbeiten/", change(both(self.edit)), name=f"{self.name}_edit"),
            path(f"{root}/<uuid:pk>/verlauf/", look(safe(self.history)), name=f"{self.name}_history"),
        ]

    def index(self, request: HttpRequest) -> HttpResponse:
        """All records, found, sorted and paged."""
        listing = Listing(request, self.queryset(), self.columns, self.search, self.order)
        rows = [
            {"address": self._address("", record.pk), "cells": cells_of(record, self.columns)}
            for record in listing.page
        ]
        facts = {"listing": listing, "rows": rows, "new": self._if_may(request, "_new")}
        return self._render(request, "list", facts)

    def show(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """One record to look at."""
        record = get_object_or_404(self.queryset(), pk=pk)
        facts = {
            "record": record,
            "facts": self._facts_of(record),
            "edit": self._if_may(request, "_edit", pk),
            "history": self._address("_history", pk),
            **self.more(request, record),
        }
        return self._render(request, "record", facts)

    def new(self, request: HttpRequest) -> HttpResponse:
        """An empty form, or the first save of it."""
        form = self.form(posted(request), request.FILES or None, initial=self.initial(request))
        if request.method == "POST" and self._saved(form):
            messages.success(request, f"{self._singular} „{form.instance}“ ist angelegt.")
            return redirect(self._address("", form.instance.pk))
        facts = {"form": form, "back": self._address("_list"), "is_new": True}
        return self._render(request, "form", facts, status=422 if form.is_bound else 200)

    def edit(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The filled form, or a save of it. The row is locked, so that its version is still true when it is saved."""
        found = self.model._default_manager.all()
        if request.method == "POST":
            found = found.select_for_update()
        record = get_object_or_404(found, pk=pk)
        form = self.form(posted(request), request.FILES or None, instance=record)
        facts = {"form": form, "record": record, "back": self._address("", pk)}
        if request.method == "POST":
            if self._saved(form):
                messages.success(request, "Die Änderung ist gespeichert.")
                return redirect(self._address("", pk))
            if form.conflict:
                stored = get_object_or_404(self.model._default_manager, pk=pk)
                facts |= {"stored": stored, "differences": both_values(form, stored)}
                return self._render(request, "conflict", facts, status=409)
        return self._render(request, "form", facts, status=422 if form.is_bound else 200)

    def history(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What happened to this record, newest first."""
        record = get_object_or_404(self.queryset(), pk=pk)
        facts = {"record": record, "entries": changes_of(record), "back": self._address("", pk)}
        return self._render(request, "history", facts)

    def _saved(self, form: ModelForm) -> bool:
        """Save a valid form. What only the database could know (two at once) becomes an error of the form."""
        if not form.is_valid():
            return False
        try:
            with transaction.atomic():
                form.save()
        except IntegrityError:
            form.add_error(None, "Diese Angaben gibt es schon, oder ein Eintrag wurde eben entfernt. Bitte prüfen.")
            return False
        return True

    def _facts_of(self, record: Record) -> list[tuple[str, Any]]:
        """The form's fields as label and shown value: what can be entered can be seen."""
        form = self.form(instance=record)
        shown = form.visible_fields()
        cells = cells_of(record, [Column(bound.name) for bound in shown])
        return [(str(bound.label), cell) for bound, cell in zip(shown, cells, strict=True)]

    def _render(self, request: HttpRequest, kind: str, facts: dict[str, Any], status: int = 200) -> HttpResponse:
        shared = {
            "singular": self._singular,
            "plural": str(self.model._meta.verbose_name_plural),
            "base": self._address("_list"),
        }
        return render(request, self.templates[kind], shared | facts, status=status)

    def _address(self, suffix: str, *args: Any) -> str:
        return url(f"{self.name}{suffix}", *args)

    def _if_may(self, request: HttpRequest, suffix: str, *args: Any) -> str:
        return self._address(suffix, *args) if request.may(self.permission_change) else ""  # type: ignore[attr-defined]

    @property
    def _singular(self) -> str:
        return str(self.model._meta.verbose_name)


def record_pages(
    model: type[Record],
    *,
    form: type[ModelForm],
    columns: Sequence[Column | str],
    permission_view: Permission,
    permission_change: Permission,
    base: str,
    search: Search = (),
    order: Sequence[str] = (),
    name: str = "",
    queryset: Callable[[], QuerySet[Any]] | None = None,
    initial: Callable[[HttpRequest], dict[str, Any]] | None = None,
    extra: Extra | None = None,
    templates: Mapping[str, str] | None = None,
) -> list[URLPattern]:
    """The urlpatterns of list, new, page, edit and history of a record.

    `columns`: names of fields or properties, or `Column`s; the first cell is the link.
    `search`: names of plain columns, or a function (queryset, text) → queryset or list of records.
    `order`: the order when nobody sorts. `queryset`: e.g. with select_related.
    `initial`: values of a new form. `extra`: more facts for the record's page.
    `templates`: own templates for list, record, form, conflict or history (extend those of the kit).
    """
    own = {kind: f"kit/record_{kind}.html" for kind in ("list", "record", "form", "conflict", "history")}
    own["record"] = "kit/record.html"
    return RecordPages(
        model=model,
        form=form,
        columns=[column if isinstance(column, Column) else Column(column) for column in columns],
        search=search,
        permission_view=permission_view,
        permission_change=permission_change,
        base=base,
        name=name or str(model._meta.model_name),
        order=tuple(order) or tuple(model._meta.ordering) or ("-created_at",),
        queryset=queryset or model._default_manager.all,
        initial=initial or (lambda request: {}),
        more=extra or (lambda request, record: {}),
        templates={**own, **(templates or {})},
    ).urlpatterns()
