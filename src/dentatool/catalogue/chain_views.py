"""Lines of service chains: add, change, remove, and count an example while the formula is typed."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dentatool.catalogue import formula
from dentatool.catalogue.bel import printed_number
from dentatool.catalogue.forms import ChainLineForm, shown_text
from dentatool.catalogue.models import ChainLine, ServiceChain
from dentatool.kit.forms import posted
from dentatool.protection.access import Permission, page

EXAMPLE = {
    "kronen": 2,
    "anker": 2,
    "glieder": 1,
    "verblendungen": 3,
    "pfeiler": 2,
    "stifte": 1,
    "zaehne": 3,
    "klammern": 2,
    "versandgaenge": 2,
}
LAST_RANK = 999


def chain_facts(request: HttpRequest, chain: ServiceChain) -> dict[str, Any]:
    """The lines of a chain for its page, with an example of what they come to."""
    lines = [
        {
            "pk": line.pk,
            "number": printed_number(line.number) if line.art == "BEL" else line.number,
            "text": shown_text(line),
            "formula": line.formula,
            "example": counted(line.formula)["quantity"],
        }
        for line in chain.lines.select_related("article")
    ]
    return {"lines": lines, "example": EXAMPLE}


def counted(typed: str) -> dict[str, Any]:
    """What a formula comes to in the example: `quantity`, or the `reason` why it cannot be counted."""
    try:
        return {"quantity": formula.evaluate(typed, EXAMPLE), "reason": ""}
    except formula.FormulaError as reason:
        return {"quantity": "–", "reason": str(reason)}


@page(Permission.CATALOGUE_VIEW)
@require_safe
def formula_check(request: HttpRequest) -> HttpResponse:
    """The fragment below the formula while it is typed."""
    return render(request, "catalogue/_formula.html", {**counted(request.GET.get("formula", "")), "example": EXAMPLE})


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def chain_line_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a line at the end of a chain."""
    chain = get_object_or_404(ServiceChain, pk=pk)
    last = chain.lines.aggregate(last=Max("rank"))["last"] or 0
    line = ChainLine(chain=chain, rank=min(last + 1, LAST_RANK))
    return _line_page(request, line, ChainLineForm(posted(request), instance=line))


@page(Permission.CATALOGUE_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def chain_line_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change a line's number, formula or place."""
    rows = ChainLine.objects.select_for_update(of=["self"]) if request.method == "POST" else ChainLine.objects
    line = get_object_or_404(rows.select_related("chain"), pk=pk)
    return _line_page(request, line, ChainLineForm(posted(request), instance=line))


def _line_page(request: HttpRequest, line: ChainLine, form: ChainLineForm) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Die Zeile ist gespeichert.")
        return redirect("servicechain", line.chain_id)
    facts = {
        "form": form,
        "line": line,
        "chain": line.chain,
        "is_new": line._state.adding,
        "variables": formula.VARIABLES,
        "example": EXAMPLE,
        **counted(str(form["formula"].value() or "")),
    }
    status = 200 if not form.is_bound else 409 if form.conflict else 422
    return render(request, "catalogue/chain_line.html", facts, status=status)


@page(Permission.CATALOGUE_CHANGE)
@require_POST
def chain_line_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a line out of its chain."""
    line = get_object_or_404(ChainLine, pk=pk)
    line.delete()
    messages.success(request, f"Die Zeile {line.number or line.text} ist entfernt.")
    return redirect("servicechain", line.chain_id)
