"""Price lists: which is billed by, taking one in, looking at it, putting it in and out of force."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.catalogue import importing
from dentatool.catalogue.bel import services
from dentatool.catalogue.models import PriceList
from dentatool.catalogue.price_file import MOST_BYTES, PriceFile
from dentatool.catalogue.price_forms import TOO_LARGE, DraftForm, ImportForm
from dentatool.catalogue.price_rows import change_row, list_rows, price_rows
from dentatool.kit.forms import posted
from dentatool.kit.lists import clean_search
from dentatool.protection.access import Permission, page
from dentatool.team.models import LaboratoryProfile, LaboratoryType, Region
from dentatool.team.queries import profile
from dentatool.values.days import format_day

MOST_LISTS = 200


@page(Permission.CATALOGUE_VIEW)
@require_safe
def price_lists(request: HttpRequest) -> HttpResponse:
    """All lists, newest first, each with whether it is billed by today."""
    found = PriceList.objects.annotate(count=Count("prices")).order_by("-valid_from", "region", "lab_type", "id")
    rows = list_rows(list(found[:MOST_LISTS]), localdate())
    own = profile()
    missing = "" if importing.list_before(region=own.region, lab_type=own.lab_type, day=localdate()) else _whose(own)
    return render(request, "catalogue/price_lists.html", {"rows": rows, "missing": missing})


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def price_import(request: HttpRequest) -> HttpResponse:
    """Choose a file, look at what it says and changes, save it as a draft."""
    own = profile()
    if request.method != "POST":
        form = ImportForm(initial={"lab_type": own.lab_type})
        return render(request, "catalogue/price_import.html", {"form": form})
    form = ImportForm(request.POST, request.FILES)
    is_valid = form.is_valid()
    if int(request.headers.get("Content-Length") or 0) > 5 * MOST_BYTES and not request.FILES and form.found is None:
        # No upload handler takes so much in, so the file arrives as missing; say why.
        form.errors["file"] = form.error_class([TOO_LARGE])
    if is_valid and "save" in request.POST:
        facts = form.cleaned_data
        made = importing.draft_from_file(
            form.found, region=facts["region"], lab_type=facts["lab_type"], valid_from=facts["valid_from"]
        )
        messages.success(
            request,
            "Die Preisliste ist als Entwurf gespeichert. Abgerechnet wird nach ihr erst, wenn Sie sie in Kraft setzen.",
        )
        return redirect("price_list", made.pk)
    facts = {"form": form, "found": form.found}
    if is_valid:
        facts |= _preview(form.found, form.cleaned_data, own)
    return render(request, "catalogue/price_import.html", facts, status=200 if is_valid else 422)


def _preview(found: PriceFile, chosen: dict[str, Any], own: LaboratoryProfile) -> dict[str, Any]:
    """What the file says and what it would change."""
    lab_type, region = chosen["lab_type"], chosen["region"]
    prices = importing.prices_in(found, lab_type)
    before = importing.list_before(region=region, lab_type=lab_type, day=chosen["valid_from"])
    changes = importing.changes_between(importing.prices_on(before), prices) if before else []
    return {
        "count": len({number for number, _area in prices}),
        "of": len(services()),
        "report": importing.report_on(found, lab_type),
        "before": before,
        "changes": [change_row(change) for change in changes],
        "notable": sum(change.is_notable for change in changes),
        "not_ours": "" if (region, lab_type) == (own.region, own.lab_type) else _whose(own),
        "twin": before if before and before.valid_from == chosen["valid_from"] else None,
    }


@page(Permission.CATALOGUE_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def price_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One list with its prices; a draft also shows every difference to the list before it."""
    rows = PriceList.objects.select_for_update() if request.method == "POST" else PriceList.objects.all()
    held = get_object_or_404(rows, pk=pk)
    title = str(held)
    is_draft = held.state == PriceList.State.DRAFT
    may_change = is_draft and request.may(Permission.CATALOGUE_CHANGE)  # type: ignore[attr-defined]
    form = DraftForm(posted(request), instance=held) if may_change else None
    if request.method == "POST":
        if form is None:
            return redirect("price_list", pk)
        if form.is_valid():
            form.save()
            messages.success(request, "Die Änderung ist gespeichert.")
            return redirect("price_list", pk)
    status = 200 if form is None or not form.is_bound else 409 if form.conflict else 422
    return render(
        request, "catalogue/price_list.html", {"form": form, "title": title, **_facts_of(request, pk)}, status=status
    )


def _facts_of(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    held = PriceList.objects.get(pk=pk)  # anew: a refused form has already written into its own copy
    prices = importing.prices_on(held)
    before, changes = None, []
    if held.state == PriceList.State.DRAFT:
        before = importing.list_before(region=held.region, lab_type=held.lab_type, day=held.valid_from)
        changes = importing.changes_between(importing.prices_on(before), prices) if before else []
    search = clean_search(request.GET.get("suche", ""))
    return {
        "held": held,
        "region": _region(held.region),
        "lab_type": _lab_type(held.lab_type),
        "is_draft": held.state == PriceList.State.DRAFT,
        "is_active": held.state == PriceList.State.ACTIVE,
        "report": held.report.splitlines(),
        "before": before,
        "changes": [change_row(change) for change in changes],
        "notable": sum(change.is_notable for change in changes),
        "rows": price_rows(prices, search),
        "count": len({number for number, _area in prices}),
        "of": len(services()),
        "search_text": search,
    }


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def price_list_activate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once more, then put a draft in force."""
    held = get_object_or_404(PriceList.objects.select_for_update(), pk=pk)
    if request.method == "POST":
        importing.activate(held)
        messages.success(request, f"„{held}“ ist in Kraft und gilt für Lieferungen ab {format_day(held.valid_from)}.")
        return redirect("price_list", pk)
    own = profile()
    facts = {
        "held": held,
        "replaced": importing.same_day(held),
        "not_ours": "" if (held.region, held.lab_type) == (own.region, own.lab_type) else _whose(own),
        "is_future": held.valid_from > localdate(),
        "can": held.state == PriceList.State.DRAFT,
    }
    return render(request, "catalogue/price_list_activate.html", facts)


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def price_list_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once more, then take a list out of force."""
    held = get_object_or_404(PriceList.objects.select_for_update(), pk=pk)
    if request.method == "POST":
        importing.withdraw(held)
        messages.success(request, f"„{held}“ ist zurückgezogen. Bepreiste Positionen behalten ihren Preis.")
        return redirect("price_list", pk)
    return render(
        request, "catalogue/price_list_withdraw.html", {"held": held, "can": held.state == PriceList.State.ACTIVE}
    )


@page(Permission.CATALOGUE_CHANGE)
@require_POST
def price_list_discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Throw a draft away."""
    importing.discard(get_object_or_404(PriceList.objects.select_for_update(), pk=pk))
    messages.success(request, "Der Entwurf ist verworfen.")
    return redirect("price_list_list")


def _whose(own: LaboratoryProfile) -> str:
    return f"{_region(own.region)}, {_lab_type(own.lab_type)}"


def _region(key: str) -> str:
    return Region(key).label if key in Region.values else key


def _lab_type(key: str) -> str:
    return str(LaboratoryType(key).label) if key in LaboratoryType.values else key
