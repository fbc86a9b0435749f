"""Taking in an order and changing what was ordered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import localdate

from dentatool.catalogue.models import ServiceChain
from dentatool.kit.errors import NotYet
from dentatool.orders.lines import Repriced, first_lines, reprice
from dentatool.orders.models import NumberState, Order, OrderTooth, Patient
from dentatool.orders.numbering import next_number
from dentatool.orders.workflow import State
from dentatool.practices.models import Dentist, KnownLocation, Practice
from dentatool.protection.engine.prepared import Prepared
from dentatool.values.order_number import LONGEST, OrderNumber, check, normalise
from dentatool.values.shade import normalise_shade
from dentatool.values.tooth import format_teeth, in_order

# What may still change once the order is billed: the Auftragsnummer may come late (a new XML, the same invoice).
CHANGEABLE_WHEN_SETTLED = frozenset({"order_number", "remarks", "tray"})
_REPRICING = frozenset({"due_on", "delivered_on", "area"})


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the practice ordered, besides who ordered it for whom."""

    order_number: str = ""
    area: str = ""
    care: str = "regel"
    kind: str = ""
    shade: str = ""
    tray: str = ""
    received_on: date | None = None
    due_on: date | None = None
    remarks: str = ""


@transaction.atomic
def create_order(
    practice: Practice,
    ordered: Ordered,
    *,
    dentist: Dentist | None = None,
    patient: Patient | None = None,
    teeth: Mapping[int, str] | None = None,
    chain: ServiceChain | None = None,
    variables: Mapping[str, int] | None = None,
    intake_key: UUID | None = None,
    state: State = State.RECEIVED,
) -> Order:
    """Take in an order with its teeth and, by a service chain, its positions.

    `intake_key` names the form: sent twice, it gives the same order, also when both arrive at the same moment.
    An Auftragsnummer that is wrong or missing is kept and marked; there is no XML until it is right.
    """
    received = ordered.received_on or localdate()
    order = Order(
        practice=practice,
        dentist=dentist or _only_dentist(practice),
        patient=patient,
        area=ordered.area or area_of(ordered.order_number) or getattr(chain, "area", "") or "ZE",
        care=ordered.care,
        kind=ordered.kind or getattr(chain, "name", ""),
        shade=normalise_shade(ordered.shade),
        tray=ordered.tray,
        received_on=received,
        due_on=ordered.due_on,
        remarks=ordered.remarks,
        intake_key=intake_key,
        state=state,
    )
    set_order_number(order, ordered.order_number)
    marked = dict(teeth or {})
    order.teeth_text = format_teeth(marked)[:200]
    try:
        with transaction.atomic():
            order.number = next_number(received)
            order.save(force_insert=True)
    except IntegrityError:  # sent before; asking first would cost every order a question
        return _twin_of(intake_key)
    OrderTooth.objects.bulk_create(OrderTooth(order=order, tooth=tooth, part=part) for tooth, part in marked.items())
    order.stranger = learn_location(order)
    if chain is not None:
        first_lines(order, chain, variables or {})
    return order


@transaction.atomic
def change_order(order: Order, changed: Mapping[str, Any], *, teeth: Mapping[int, str] | None = None) -> Repriced:
    """Store the changed fields; a new day of delivery or area reprices what no person priced.

    :raises NotYet: the order is billed and more than the Auftragsnummer, tray or remarks would change.
    """
    if order.is_settled and (set(changed) - CHANGEABLE_WHEN_SETTLED or teeth is not None):
        raise NotYet(
            f"Der Auftrag {order.number} ist {order.state_label.lower()}. "
            "Ändern lassen sich nur noch Auftragsnummer, Schale und Bemerkungen."
        )
    number = changed.get("order_number")
    for name, value in changed.items():
        setattr(order, name, value)
    if number is not None:
        set_order_number(order, number)
    order.shade = normalise_shade(order.shade)
    order.save()
    if teeth is not None:
        set_teeth(order, teeth)
    if number:
        learn_location(order)
    return reprice(order) if _REPRICING & set(changed) else Repriced()


def set_order_number(order: Order, typed: str) -> None:
    """Store the number normalised, never repaired, and what is known about it. Does not save."""
    number = normalise(typed[:200])
    order.order_number = number[:LONGEST]
    order.number_reason = ""  # whoever let another number pass did not see this one
    if not number:
        order.number_state = NumberState.MISSING
    else:
        order.number_state = NumberState.VALID if isinstance(check(number), OrderNumber) else NumberState.WRONG


def area_of(typed: str) -> str:
    """The area that a right Auftragsnummer names, else nothing."""
    number = check(typed)
    return number.area if isinstance(number, OrderNumber) else ""


def set_teeth(order: Order, marked: Mapping[int, str]) -> None:
    """Replace the order's teeth, touching only what differs."""
    known = {tooth.tooth: tooth for tooth in order.teeth.all()}
    for number in known.keys() - marked.keys():
        known[number].delete()
    OrderTooth.objects.bulk_create(
        OrderTooth(order=order, tooth=number, part=part) for number, part in marked.items() if number not in known
    )
    for number, part in marked.items():
        if number in known and known[number].part != part:
            known[number].part = part
            known[number].save(update_fields=["part"])
    text = format_teeth(marked)[:200]
    if text != order.teeth_text:
        order.teeth_text = text
        order.save(update_fields=["teeth_text"])


_teeth_of = Prepared(lambda order_id: OrderTooth.objects.filter(order=order_id).order_by().values_list("tooth", "part"))


def teeth_of(order: Order) -> dict[int, str]:
    """``{14: "krone"}`` in the order of the chart."""
    marked = dict(_teeth_of(order.pk))
    return {number: marked[number] for number in in_order(marked)}


def learn_location(order: Order) -> Practice | None:
    """Remember that this location number belongs to the practice, unless another one is known for it: that is returned."""
    location = _location_of(order)
    if not location:
        return None
    known = _known_at(location)
    if known is None:
        KnownLocation.objects.create(practice=order.practice, number=location)
    return _other_than(order, known)


def stranger_at(order: Order) -> Practice | None:
    """The other practice that the order's location number is known for, if any: a slip is likely."""
    location = _location_of(order)
    return _other_than(order, _known_at(location)) if location else None


def practice_at(location: str) -> Practice | None:
    """The practice known for a location number (Standortnummer)."""
    known = _known_at(location)
    return _practice(known)[0] if known else None


def _location_of(order: Order) -> str:
    number = check(order.order_number) if order.has_valid_number else None
    return number.location if isinstance(number, OrderNumber) else ""


_practice = Prepared(lambda pk: Practice.objects.filter(pk=pk))
_practices_at = Prepared(
    lambda number: KnownLocation.objects.filter(number=number).order_by("id").values_list("practice_id", flat=True)[:1]
)


def _known_at(location: str) -> UUID | None:
    return next(iter(_practices_at(location)), None)


def _other_than(order: Order, practice_id: UUID | None) -> Practice | None:
    return _practice(practice_id)[0] if practice_id not in (None, order.practice_id) else None


_dentists_of = Prepared(lambda practice_id: Dentist.objects.filter(practice=practice_id, active=True)[:2])


def _only_dentist(practice: Practice) -> Dentist | None:
    dentists = _dentists_of(practice.pk)
    return dentists[0] if len(dentists) == 1 else None


def _twin_of(intake_key: UUID | None) -> Order:
    twin = Order.objects.filter(intake_key=intake_key).first() if intake_key else None
    if twin is None:
        raise NotYet("Der Auftrag konnte nicht angelegt werden. Bitte die Angaben prüfen und noch einmal speichern.")
    return twin
