"""What the order's page shows, and what it says after a change."""

from datetime import date
from functools import cache
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.timezone import localdate

from dentatool.kit.changes import changes_of
from dentatool.orders.actions import Repriced, findings_of, next_steps
from dentatool.orders.chain_variables import LABELS as VARIABLES
from dentatool.orders.chain_variables import variables_of
from dentatool.orders.forms import ChainForm, PositionForm
from dentatool.orders.intake import around
from dentatool.orders.models import Order, Position
from dentatool.orders.moving import proposed_delivery
from dentatool.orders.panels import panels_of
from dentatool.orders.services import service_options
from dentatool.orders.shown import agreed_list, position_rows, price_source, teeth_in_words
from dentatool.orders.workflow import State, Step
from dentatool.protection.access import Permission
from dentatool.protection.engine.prepared import Prepared
from dentatool.values.days import format_day
from dentatool.values.money import totals
from dentatool.values.order_number import check

HISTORY_ON_PAGE = 6
_lines_of = Prepared(lambda order_id: Position.objects.filter(order=order_id))


def show_order(
    request: HttpRequest,
    order: Order,
    *,
    adding: PositionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The order's page; `adding` is the form of a line that was refused, with what was typed."""
    positions = _lines_of(order.pk)
    # A practice sees its order; what the laboratory checks, plans and has done with it is the laboratory's own.
    is_practice = request.person.practice_id is not None  # type: ignore[attr-defined]
    may = request.may  # type: ignore[attr-defined]
    may_change = may(Permission.ORDERS_CHANGE) and not order.is_settled
    teeth, stranger, own_services = around(order, with_stranger=not is_practice, with_services=may_change)
    findings = () if is_practice else findings_of(order, positions, teeth)
    held = request.permissions  # type: ignore[attr-defined]
    facts = {
        "order": order,
        "rows": position_rows(positions),
        "price_source": price_source(positions, agreed_list(order.practice)),
        "totals": totals(positions),
        "findings": findings,
        "teeth": teeth,
        "teeth_in_words": teeth_in_words(teeth),
        **_steps(order, () if is_practice else next_steps(order, held, findings=findings, positions=positions)),
        "may_change": may_change,
        "sees_patient": may(Permission.PATIENTS_VIEW),
        "sees_prices": may(Permission.CATALOGUE_VIEW),
        "number_problems": number_problems(order),
        "stranger": stranger,
        "is_practice": is_practice,
        "is_overdue": order.is_overdue(localdate()),
        "adding": adding,
        "line_fields": line_fields(adding) if adding else empty_line_fields(),
        "services": service_options(own_services) if may_change else "",
        "history": [] if is_practice else changes_of(order, HISTORY_ON_PAGE),
        "panels": list(panels_of(request, order)),
    }
    return render(request, "orders/order.html", facts, status=status)


def line_fields(form: PositionForm) -> SafeString:
    """The inputs of a line."""
    return render_to_string("orders/_line_fields.html", {"adding": form})


@cache
def empty_line_fields() -> SafeString:
    """The inputs of a new line, the same for everyone: drawn once, since widgets are slow."""
    return line_fields(PositionForm())


def chain_form(teeth: dict[int, str], data: Any = None) -> ChainForm:
    """The form of a service chain with this order's counts."""
    counts = variables_of(teeth)
    return ChainForm(data, variables={name: (label, counts[name]) for name, label in VARIABLES.items()}, prefix="kette")


def tell_prices(request: HttpRequest, repriced: Repriced) -> None:
    """Say which prices the change moved: nothing changes in silence."""
    if repriced.differences:
        messages.info(request, "Preise zum neuen Lieferdatum: " + "; ".join(repriced.differences) + ".")
    for missing in repriced.missing:
        messages.warning(request, missing)


def tell_receipt(request: HttpRequest, day: date | None) -> None:
    """Say that the day of receipt followed a day of delivery that has passed."""
    if day is not None:
        messages.info(
            request,
            f"Der Liefertermin {format_day(day)} ist schon vorbei. Als Eingang ist derselbe Tag eingetragen; "
            "kam die Arbeit früher, bitte unter „Bearbeiten“ berichtigen.",
        )


def _steps(order: Order, steps: tuple[Step, ...]) -> dict[str, Any]:
    """The first step onwards is the big button; the rest stand in the menu."""
    main = next((step for step in steps if step.is_onward), None)
    others = [step for step in steps if step is not main]
    is_delivery = main is not None and main.after is State.DELIVERED
    return {
        "main_step": main,
        "other_steps": others,
        "delivery_day": format_day(proposed_delivery(order)) if is_delivery else "",
    }


def number_problems(order: Order) -> list[str]:
    """What is wrong with the Auftragsnummer, in German; empty when it is right or missing."""
    found = check(order.order_number) if order.order_number and not order.has_valid_number else []
    return [str(problem) for problem in found] if isinstance(found, list) else []
