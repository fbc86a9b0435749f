"""Taking in an order and changing what was ordered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import TextField, Value
from django.db.models.functions import Cast
from django.utils.timezone import localdate

from dentatool.catalogue.models import Article, ServiceChain
from dentatool.kit.errors import Gone, NotYet
from dentatool.orders.lines import Repriced, first_lines, reprice
from dentatool.orders.models import NumberState, Order, OrderTooth, Patient
from dentatool.orders.numbering import give_back, next_number
from dentatool.orders.patients import PatientFacts, patient_meant
from dentatool.orders.workflow import State
from dentatool.practices.models import Dentist, KnownLocation, Practice
from dentatool.protection.engine.prepared import Prepared
from dentatool.protection.engine.together import write_together
from dentatool.protection.tenancy import Record
from dentatool.values.order_number import LONGEST, OrderNumber, normalise, parse
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


def create_order(
    practice: Practice,
    ordered: Ordered,
    *,
    dentist: Dentist | None = None,
    patient: Patient | PatientFacts | None = None,
    teeth: Mapping[int, str] | None = None,
    chain: ServiceChain | None = None,
    variables: Mapping[str, int] | None = None,
    intake_key: UUID | None = None,
    state: State = State.RECEIVED,
) -> Order:
    """Take in an order with its teeth and, by a service chain, its positions.

    `intake_key` names the form: sent twice, it gives the same order, also when both arrive at the same moment. Facts
    about a patient are then not taken in twice either.
    An Auftragsnummer that is wrong or missing is kept and marked; there is no XML until it is right.
    :raises NotYet: the patient or the chain does not fit; nothing is stored.
    """
    order, number = _order_of(practice, ordered, chain)
    order.intake_key, order.state, order.teeth_text = intake_key, state, format_teeth(teeth or {})[:200]
    parts: list[Record] = [OrderTooth(order=order, tooth=tooth, part=part) for tooth, part in (teeth or {}).items()]
    if chain is not None:
        parts += first_lines(order, chain, variables or {})
    # Counting locks the counter: from here on the laboratory's orders come one by one, and what is asked now holds.
    order.number = next_number(order.received_on)
    location, facts = number.location if number else "", patient if isinstance(patient, PatientFacts) else None
    near = _near(practice, location, facts.pseudonym if facts else "", intake_key)
    if near.twin is not None:
        give_back(order.received_on)
        return near.twin
    order.patient, news = patient_meant(practice, facts, near.numbered) if facts else (patient, [])
    order.dentist_id = dentist.pk if dentist else near.only_dentist
    order.stranger = _other_than(order, near.known_at)
    if location and near.known_at is None:
        parts.append(KnownLocation(practice=practice, number=location))
    if order.patient is not None and order.patient._state.adding:
        parts.append(order.patient)
    elif order.patient is not None and news:
        order.patient.save(update_fields=news)
    _store([order, *parts])
    return order


def _store(records: list[Record]) -> None:
    try:
        write_together(records)
    except IntegrityError as refused:
        if getattr(getattr(refused.__cause__, "diag", None), "constraint_name", "") != "order_intake_once":
            raise
        # With another year typed, so that the two did not wait for each other.
        raise Gone(
            "Dieses Formular ist im selben Augenblick schon einmal angekommen. Bitte die Auftragsliste öffnen."
        ) from refused


def _order_of(practice: Practice, ordered: Ordered, chain: ServiceChain | None) -> tuple[Order, OrderNumber | None]:
    order = Order(
        practice=practice,
        care=ordered.care,
        kind=ordered.kind or getattr(chain, "name", ""),
        shade=normalise_shade(ordered.shade),
        tray=ordered.tray,
        received_on=ordered.received_on or localdate(),
        due_on=ordered.due_on,
        remarks=ordered.remarks,
    )
    number = set_order_number(order, ordered.order_number)
    order.area = ordered.area or getattr(number, "area", "") or getattr(chain, "area", "") or "ZE"
    return order, number


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


def set_order_number(order: Order, typed: str) -> OrderNumber | None:
    """Store the number normalised, never repaired, and what is known about it. Does not save. Its parts, if it is right."""
    number = normalise(typed[:200])
    order.order_number = number[:LONGEST]
    order.number_reason = ""  # whoever let another number pass did not see this one
    parts = parse(number)
    order.number_state = NumberState.VALID if parts else NumberState.WRONG if number else NumberState.MISSING
    return parts


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


class Around(NamedTuple):
    """What an order's page shows from other tables, beside its lines."""

    teeth: dict[int, str]  # in the order of the chart
    stranger: str  # the other practice that its location number is known for, if any: a slip is likely
    services: list[tuple[str, str]]  # number and text of the laboratory's own, by number


_rows_around = Prepared(
    lambda order_id, location, offered: (
        OrderTooth.objects.filter(order=order_id)
        .order_by()
        .values_list(Value("tooth"), Cast("tooth", TextField()), "part", Value(""))
        .union(
            KnownLocation.objects.filter(number=location)
            .order_by("id")
            .values_list(
                Value("location"),
                Cast("practice_id", TextField()),
                "practice__customer_number",
                "practice__name",
            )[:1],
            Article.objects.filter(active=offered)
            .order_by()
            .values_list(Value("service"), "number", "text", Value("")),
            all=True,
        )
    )
)


def around(order: Order, *, with_stranger: bool = True, with_services: bool = False) -> Around:
    """Three look-ups in one question: each alone costs a round trip of about what it does."""
    location = _location_of(order) if with_stranger else ""
    teeth: dict[int, str] = {}
    stranger, services = "", []
    for kind, key, text, name in _rows_around(order.pk, location or None, with_services or None):
        if kind == "tooth":
            teeth[int(key)] = text
        elif kind == "service":
            services.append((key, text))
        elif key != str(order.practice_id):
            stranger = f"{text} {name}"
    return Around({number: teeth[number] for number in in_order(teeth)}, stranger, sorted(services))


def practice_at(location: str) -> Practice | None:
    """The practice known for a location number (Standortnummer)."""
    known = _known_at(location)
    return _practice(known)[0] if known else None


def _location_of(order: Order) -> str:
    number = parse(order.order_number) if order.has_valid_number else None
    return number.location if number else ""


_practice = Prepared(lambda pk: Practice.objects.filter(pk=pk))
_practices_at = Prepared(
    lambda number: KnownLocation.objects.filter(number=number).order_by("id").values_list("practice_id", flat=True)[:1]
)


def _known_at(location: str) -> UUID | None:
    return next(iter(_practices_at(location)), None)


def _other_than(order: Order, practice_id: UUID | None) -> Practice | None:
    return _practice(practice_id)[0] if practice_id not in (None, order.practice_id) else None


class _Near(NamedTuple):
    """What is known around a new order."""

    twin: Order | None  # the order that the same form has made before
    known_at: UUID | None  # the practice with the location of its Auftragsnummer
    only_dentist: UUID | None
    numbered: Patient | None  # the practice's patient with this number


_ids_near = Prepared(
    lambda practice_id, location, pseudonym, intake_key: (
        Dentist.objects.filter(practice=practice_id, active=True)
        .order_by()
        .values_list(Value("dentist"), "id")[:2]
        .union(
            KnownLocation.objects.filter(number=location)
            .order_by("id")
            .values_list(Value("location"), "practice_id")[:1],
            Patient.objects.filter(practice=practice_id, pseudonym=pseudonym)
            .order_by("id")
            .values_list(Value("patient"), "id")[:1],
            Order.objects.filter(intake_key=intake_key).order_by().values_list(Value("twin"), "id"),
            all=True,
        )
    )
)
_patient = Prepared(lambda pk: Patient.objects.filter(pk=pk))


def _near(practice: Practice, location: str, pseudonym: str, intake_key: UUID | None) -> _Near:
    """Four look-ups in one question: most orders find nothing by three of them."""
    found: dict[str, list[UUID]] = {"dentist": [], "location": [], "patient": [], "twin": []}
    for kind, key in _ids_near(practice.pk, location or None, pseudonym or None, intake_key):
        found[kind].append(key)
    twin = Order.objects.get(pk=found["twin"][0]) if found["twin"] else None
    if twin is not None:
        twin.was_sent_before = True
    return _Near(
        twin=twin,
        known_at=next(iter(found["location"]), None),
        only_dentist=found["dentist"][0] if len(found["dentist"]) == 1 else None,
        numbered=_patient(found["patient"][0])[0] if found["patient"] else None,
    )
