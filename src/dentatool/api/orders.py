"""Orders: taking in, changing, moving; what the rules of the trade say about them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import localdate

from dentatool.api.body import Body
from dentatool.api.kinds import choice, counts, day, identifier, ids, text
from dentatool.api.operation import Call, Facts, ListOf, operation
from dentatool.api.refusals import Malformed, Unfitting
from dentatool.api.shape import FLAG, NUMBER, TEXT, Made, Shape, list_of, object_of, or_null
from dentatool.catalogue.models import ServiceChain
from dentatool.kit.fields import ABSENT
from dentatool.kit.forms import RecordChoiceField
from dentatool.kit.teeth import PARTS
from dentatool.orders import queries
from dentatool.orders.actions import (
    Repriced,
    apply_chain,
    findings_of,
    next_steps,
    reprice,
    teeth_of,
    transition,
)
from dentatool.orders.bulk import MOST, move_many
from dentatool.orders.chain_variables import LABELS as VARIABLES
from dentatool.orders.chain_variables import variables_of
from dentatool.orders.formed import store_changes, take_in
from dentatool.orders.forms import IntakeForm, OrderForm, OverrideForm, StepForm
from dentatool.orders.intake import CHANGEABLE_WHEN_SETTLED, practice_at
from dentatool.orders.models import AREAS, Order, Patient
from dentatool.orders.number_override import override_number, withdraw_override
from dentatool.orders.workflow import State
from dentatool.practices.models import Practice
from dentatool.protection.access import Permission
from dentatool.values.days import Unreadable, parse_day
from dentatool.values.order_number import OrderNumber, check, normalise

LOOK, CHANGE = Permission.ORDERS_VIEW, Permission.ORDERS_CHANGE
RELATED = ("practice", "dentist", "patient")
STATES = [state.value for state in State]
_TEETH = {
    "type": "object",
    "additionalProperties": {"type": "string", "enum": ["", *(part for part, _label in PARTS)]},
}
ORDER = Shape(
    "Order", Order,
    (
        *("number", "practice", "dentist", "patient", "order_number", "number_state", "number_reason", "area", "care"),
        *("kind", "shade", "tray", "received_on", "due_on", "delivered_on", "state", "reason", "remarks"),
    ),
    made={"teeth": Made(_TEETH, lambda order: {str(tooth): part for tooth, part in teeth_of(order).items()})},
    kept_from=dict.fromkeys(("number_reason", "reason", "remarks"), Permission.PATIENTS_VIEW),
    place="orders",
)  # fmt: skip
# A list is read at once: teeth stand in the order itself.
LISTED = Shape("OrderListed", Order, ORDER.fields, kept_from=ORDER.kept_from)
_STEP = object_of(to={"type": "string", "enum": STATES}, verb=TEXT, needs_reason=FLAG)
_FINDING = object_of(severity={"type": "string", "enum": ["error", "warning"]}, code=TEXT, message=TEXT)
_REPRICED = object_of(differences=list_of(TEXT), missing=list_of(TEXT))
_NUMBER = object_of(
    number=TEXT, problems=list_of(TEXT), area=or_null(TEXT), pseudonym=or_null(TEXT), location=or_null(TEXT),
    practice=or_null({"type": "string", "format": "uuid"}),
)  # fmt: skip


class OrderIntake(IntakeForm):
    """The same order, its practice and patient named by their ids instead of by what is typed."""

    practice = RecordChoiceField(Practice.objects.none(), label="Praxis")
    patient = RecordChoiceField(Patient.objects.none(), label="Patient", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["practice"].queryset = Practice.objects.filter(active=True)
        self.fields["patient"].queryset = Patient.objects.all()

    def clean_practice(self) -> Practice:
        self.chosen = self.cleaned_data["practice"]
        return self.chosen

    def clean(self) -> dict[str, Any]:
        """A known patient comes with name and number; then none may be sent besides."""
        known = self.cleaned_data.get("patient")
        if known is not None and (self.cleaned_data.get("patient_name") or self.cleaned_data.get("pseudonym")):
            self.add_error("patient", "Bitte entweder den Patienten oder Name und Nummer angeben, nicht beides.")
        cleaned = super().clean()
        if known is not None and self.chosen is not None:
            if known.practice_id != self.chosen.pk:
                self.add_error("patient", ABSENT)
            cleaned |= {"patient": known.pk, "patient_name": known.name, "pseudonym": known.pseudonym}
        return cleaned


_INTAKE = Body("OrderNew", OrderIntake, without=frozenset({"intake_key"}), names={"kind": "work"})
_CHANGE = Body("OrderChange", OrderForm, is_change=True)
_STEP_TAKEN = Body(
    "StepTaken", StepForm, without=frozenset({"to"}), more={"to": choice(STATES)}, needs=("to",)
)  # fmt: skip


@operation(
    "GET", "orders", LOOK, "Aufträge auflisten", gives=ListOf(LISTED),
    query={
        "state": choice([*queries.VIEWS, *STATES]),
        "practice": identifier(),
        "area": choice(key for key, _label in AREAS),
        "due_from": day(),
        "due_until": day(),
        "order_number": text(most=50),
        "tray": text(most=20),
    },
)  # fmt: skip
def orders(call: Call) -> QuerySet[Order]:
    """Ohne `state` alle. Neben den Status gibt es die Ansichten der Auftragsliste, zum Beispiel `abzurechnen`."""
    wanted = queries.Wanted(
        view=call.query.get("state", "alle"),
        practice_id=call.query.get("practice"),
        due_from=_day(call, "due_from"),
        due_until=_day(call, "due_until"),
        area=call.query.get("area", ""),
    )
    found = queries.orders_wanted(wanted, today=localdate(), may_see_patients=False)
    if "order_number" in call.query:
        found = found.filter(order_number=normalise(call.query["order_number"]))
    return found.filter(**call.query_for("tray"))


@operation("POST", "orders", CHANGE, "Auftrag annehmen", takes=_INTAKE, gives=ORDER, status=201)
def order_create(call: Call) -> Order:
    """`kind` darf der Name einer Leistungskette sein: Dann kommen deren Positionen mit, gezählt nach den Zähnen."""
    return _order(take_in(call.form(lambda data: OrderIntake(data))).pk)


@operation(
    "GET", "orders/number", CHANGE, "Auftragsnummer prüfen", query={"number": text(most=200)},
    gives=Facts("OrderNumber", _NUMBER),
)  # fmt: skip
def order_number(call: Call) -> dict[str, Any]:
    """Was eine Auftragsnummer sagt: Bereich, Patientennummer, Standort, und zu welcher Praxis er gehört."""
    typed = call.query.get("number", "")
    found = check(typed)
    facts = dict.fromkeys(("area", "pseudonym", "location", "practice"))
    if not isinstance(found, OrderNumber):
        return {"number": normalise(typed), "problems": [str(problem) for problem in found], **facts}
    practice = practice_at(found.location)
    told = {"area": found.area, "pseudonym": found.pseudonym, "location": found.location}
    return {
        "number": str(found), "problems": [], **told, "practice": str(practice.pk) if practice else None,
    }  # fmt: skip


@operation(
    "POST", "orders/steps", Permission.ORDERS_MOVE, "Mehrere Aufträge weiterschalten",
    takes=Body("StepsTaken", more={"orders": ids(most=MOST), "to": choice(STATES)}, needs=("orders", "to")),
    gives=Facts("StepsDone", object_of(done=list_of(TEXT), refused=list_of(TEXT), repriced=list_of(_REPRICED))),
)  # fmt: skip
def orders_move(call: Call) -> dict[str, Any]:
    """Jeder Auftrag für sich: Welche den Schritt nicht gehen konnten, steht mit Grund unter `refused`."""
    moved = move_many(call.sent["orders"], State(call.sent["to"]), by=call.held)
    return {
        "done": list(moved.done),
        "refused": list(moved.refused),
        "repriced": [_repriced(each) for each in moved.repriced],
    }


@operation("GET", "orders/{pk}", LOOK, "Auftrag lesen", gives=ORDER)
def order(call: Call, pk: UUID) -> Order:
    return _order(pk)


@operation("PATCH", "orders/{pk}", CHANGE, "Auftrag ändern", takes=_CHANGE, gives=ORDER)
def order_change(call: Call, pk: UUID) -> Order:
    """Auch die Zähne (`teeth` ersetzt alle). Ein anderer Liefertag oder Bereich ändert die Listenpreise."""
    held = call.locked(Order.objects.select_related(*RELATED), pk)
    start = {"teeth": teeth_of(held)}
    form = call.form(lambda data: OrderForm(data, instance=held, initial=start, settled_fields=CHANGEABLE_WHEN_SETTLED))
    store_changes(_order(pk), form)
    return _order(pk)


@operation(
    "GET", "orders/{pk}/steps", LOOK, "Mögliche Schritte eines Auftrags",
    gives=Facts("StepsOffered", object_of(items=list_of(_STEP))),
)  # fmt: skip
def order_steps(call: Call, pk: UUID) -> dict[str, Any]:
    steps = next_steps(_order(pk), call.held)
    return {"items": [{"to": step.after, "verb": step.verb, "needs_reason": step.needs_reason} for step in steps]}


@operation(
    "POST", "orders/{pk}/steps", Permission.ORDERS_MOVE, "Auftrag weiterschalten", takes=_STEP_TAKEN, gives=ORDER
)
def order_move(call: Call, pk: UUID) -> Order:
    """`on` ist der Liefertag beim Schritt `geliefert`; er entscheidet über Preise und Steuersatz."""
    held = call.locked(Order.objects.select_related(*RELATED), pk)
    typed = call.form(lambda data: StepForm(data)).cleaned_data
    transition(held, State(typed["to"]), by=call.held, reason=typed["reason"], on=typed["on"])
    return _order(pk)


@operation(
    "GET", "orders/{pk}/findings", LOOK, "Was gegen die Positionen spricht",
    gives=Facts("OrderFindings", object_of(items=list_of(_FINDING))),
)  # fmt: skip
def order_findings(call: Call, pk: UUID) -> dict[str, Any]:
    found = findings_of(_order(pk))
    return {"items": [{"severity": each.severity, "code": each.code, "message": each.message} for each in found]}


@operation("POST", "orders/{pk}/pricing", CHANGE, "Listenpreise neu nachschlagen", gives=Facts("Repriced", _REPRICED))
def order_reprice(call: Call, pk: UUID) -> dict[str, Any]:
    return _repriced(reprice(call.locked(Order.objects.select_related(*RELATED), pk)))


@operation(
    "POST", "orders/{pk}/chain", CHANGE, "Positionen einer Leistungskette übernehmen",
    takes=Body("ChainApplied", more={"chain": identifier(), "counts": counts(VARIABLES)}, needs=("chain",)),
    gives=Facts("ChainLines", object_of(added=NUMBER)),
)  # fmt: skip
def order_chain(call: Call, pk: UUID) -> dict[str, Any]:
    """`counts` überschreibt einzelne Zahlen; die übrigen werden aus den Zähnen gezählt."""
    held = call.locked(Order.objects.select_related(*RELATED), pk)
    chain = ServiceChain.objects.filter(pk=call.sent["chain"], active=True).first()
    if chain is None:
        raise Unfitting.absent("/chain", call.sent["chain"])
    counted = {**variables_of(teeth_of(held)), **call.sent.get("counts", {})}
    return {"added": len(apply_chain(held, chain, counted))}


@operation(
    "POST", "orders/{pk}/number-override", Permission.ORDERS_OVERRIDE, "Falsche Auftragsnummer freigeben",
    takes=Body("NumberOverride", OverrideForm), gives=ORDER,
)  # fmt: skip
def order_number_override(call: Call, pk: UUID) -> Order:
    held = call.locked(Order.objects.all(), pk)
    override_number(held, call.form(lambda data: OverrideForm(data)).cleaned_data["reason"])
    return _order(pk)


@operation(
    "DELETE", "orders/{pk}/number-override", Permission.ORDERS_OVERRIDE, "Freigabe der Auftragsnummer zurücknehmen"
)
def order_number_withdraw(call: Call, pk: UUID) -> None:
    withdraw_override(call.locked(Order.objects.all(), pk))


def _order(pk: UUID) -> Order:
    return get_object_or_404(Order.objects.select_related(*RELATED), pk=pk)


def _repriced(told: Repriced) -> dict[str, list[str]]:
    return {"differences": list(told.differences), "missing": list(told.missing)}


def _day(call: Call, name: str) -> Any:
    if name not in call.query:
        return None
    try:
        return parse_day(call.query[name], today=localdate())
    except Unreadable as reason:  # a day that the calendar knows and no order can have
        raise Malformed(f"{name}: {reason}") from None
