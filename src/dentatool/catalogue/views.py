"""Price lists (import, look, put in force) and the lines of service chains."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.catalogue import formula
from dentatool.catalogue.bel import printed_number, short_text
from dentatool.catalogue.forms import ChainLineForm, DraftForm, ImportForm, shown_text
from dentatool.catalogue.importing import activate, changes_against_previous, discard, draft_from_file
from dentatool.catalogue.models import ChainLine, Price, PriceList, ServiceChain
from dentatool.catalogue.price_file import MOST_BYTES
from dentatool.kit.lists import clean_search
from dentatool.protection.access import Permission, page
from dentatool.protection.audit import record_event
from dentatool.team.models import LaboratoryType, Region
from dentatool.team.queries import profile
from dentatool.values.days import format_day
from dentatool.values.money import format_money

EXAMPLE = {"kronen": 2, "anker": 2, "glieder": 1, "verblendungen": 3, "pfeiler": 2, "stifte": 1, "zaehne": 3, "klammern": 2, "versandgaenge": 2}


@page(Permission.CATALOGUE_VIEW)
@require_safe
def price_lists(request: HttpRequest) -> HttpResponse:
    """All lists, newest first; which one is billed by today stands on top."""
    found = PriceList.objects.annotate(count=Count("prices")).order_by("-valid_from", "region", "lab_type")
    rows = [
        {
            "pk": one.pk,
            "name": one.name,
            "region": Region(one.region).label if one.region in Region.values else one.region,
            "lab_type": LaboratoryType(one.lab_type).label,
            "valid_from": format_day(one.valid_from),
            "count": one.count,
            "is_draft": one.state == PriceList.State.DRAFT,
            "state": one.get_state_display(),
        }
        for one in found[:200]
    ]
    return render(request, "catalogue/price_lists.html", {"rows": rows})


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def price_import(request: HttpRequest) -> HttpResponse:
    """Upload a file; it becomes a draft whose page shows what it would change."""
    form = ImportForm(request.POST or None, request.FILES or None, initial={"lab_type": profile().lab_type})
    if int(request.headers.get("Content-Length") or 0) > 2 * MOST_BYTES:
        # No upload handler takes so much in, so the file arrives as missing; say why.
        form.fields["file"].error_messages["required"] = "Die Datei ist viel zu groß. Eine Preisliste hat etwa 20 kB."
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        found = facts["file"]
        made = draft_from_file(found, region=facts["region"], lab_type=facts["lab_type"], valid_from=facts["valid_from"])
        record_event(
            "prices.imported",
            made,
            encoding=found.encoding,
            columns=found.columns,
            missing=[gap.number for gap in found.missing[facts["lab_type"]]],
        )
        messages.success(request, f"{found.name} ist gelesen ({found.encoding}, {found.columns} Spalten). Bitte prüfen und in Kraft setzen.")
        for gap in found.missing[facts["lab_type"]]:
            messages.warning(request, f"Fehlt: {gap}")
        if found.unknown_numbers:
            messages.info(request, f"{len(found.unknown_numbers)} Nummern gehören nicht zur BEL II und wurden ausgelassen.")
        return redirect("price_list", made.pk)
    return render(request, "catalogue/price_import.html", {"form": form}, status=422 if form.is_bound else 200)


@page(Permission.CATALOGUE_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def price_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One list with its prices; a draft also shows every difference to the list before it."""
    held = get_object_or_404(PriceList, pk=pk)
    is_draft = held.state == PriceList.State.DRAFT
    may_change = is_draft and request.may(Permission.CATALOGUE_CHANGE)  # type: ignore[attr-defined]
    form = DraftForm(request.POST or None, instance=held) if may_change else None
    if request.method == "POST":
        if form is None:
            return redirect("price_list", pk)
        if form.is_valid():
            form.save()
            return redirect("price_list", pk)
    before, changes = changes_against_previous(held) if is_draft else (None, [])
    facts = {
        "held": held,
        "title": str(PriceList.objects.get(pk=pk)),
        "form": form,
        "is_draft": is_draft,
        "before": before,
        "changes": [_change_row(change) for change in changes],
        "notable": sum(change.is_notable for change in changes),
        "rows": _price_rows(held, clean_search(request.GET.get("suche", ""))),
        "count": held.prices.values("number").distinct().count(),
        "search_text": clean_search(request.GET.get("suche", "")),
    }
    return render(request, "catalogue/price_list.html", facts, status=422 if form is not None and form.is_bound else 200)


@page(Permission.CATALOGUE_CHANGE)
@require_POST
def price_list_activate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put a draft in force."""
    held = activate(get_object_or_404(PriceList.objects.select_for_update(), pk=pk))
    messages.success(request, f"„{held}“ ist in Kraft und gilt für Lieferungen ab {format_day(held.valid_from)}.")
    return redirect("price_list", pk)


@page(Permission.CATALOGUE_CHANGE)
@require_POST
def price_list_discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Throw a draft away."""
    held = get_object_or_404(PriceList.objects.select_for_update(), pk=pk)
    discard(held)
    messages.success(request, "Der Entwurf ist verworfen.")
    return redirect("price_list_list")


def chain_facts(request: HttpRequest, chain: ServiceChain) -> dict[str, Any]:
    """The lines of a chain for its page, with an example of what they come to."""
    lines = [
        {
            "pk": line.pk,
            "number": printed_number(line.number) if line.art == "BEL" else line.number,
            "art": line.art,
            "text": shown_text(line),
            "formula": line.formula,
            "example": formula.evaluate(line.formula, EXAMPLE),
        }
        for line in chain.lines.all()
    ]
    return {"lines": lines, "line_form": ChainLineForm(), "variables": formula.VARIABLES, "example": EXAMPLE}


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def chain_line_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a line at the end of a chain."""
    chain = get_object_or_404(ServiceChain, pk=pk)
    last = chain.lines.aggregate(last=Max("rank"))["last"] or 0
    form = ChainLineForm(request.POST or None, instance=ChainLine(chain=chain, rank=min(last + 1, 32_000)))
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("servicechain", pk)
    facts = {"form": form, "chain": chain, "variables": formula.VARIABLES}
    return render(request, "catalogue/chain_line.html", facts, status=422 if form.is_bound else 200)


@page(Permission.CATALOGUE_CHANGE)
@require_POST
def chain_line_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a line out of its chain."""
    line = get_object_or_404(ChainLine, pk=pk)
    line.delete()
    return redirect("servicechain", line.chain_id)


def _change_row(change: Any) -> dict[str, Any]:
    share = change.permille
    return {
        "number": printed_number(change.number),
        "text": change.text,
        "area": change.area,
        "old": format_money(change.old_cents) if change.old_cents is not None else "neu",
        "new": format_money(change.new_cents) if change.new_cents is not None else "entfällt",
        "share": f"{share / 10:+.1f} %".replace(".", ",") if share is not None else "",
        "is_notable": change.is_notable,
    }


def _price_rows(held: PriceList, search: str) -> list[dict[str, str]]:
    wanted = search.casefold().replace(" ", "")
    return [
        {"number": printed_number(number), "text": short_text(number) or "", "area": area or "alle", "price": format_money(cents)}
        for number, area, cents in Price.objects.filter(price_list=held).order_by("number", "area").values_list("number", "area", "cents")
        if wanted in number or wanted in (short_text(number) or "").casefold().replace(" ", "")
    ]
