"""From a valid form to the deed, for pages and programs alike."""

from dentatool.orders.actions import (
    Ordered,
    PatientFacts,
    Repriced,
    change_order,
    create_order,
    patient_for,
)
from dentatool.orders.chain_variables import variables_of
from dentatool.orders.forms import IntakeForm, OrderForm
from dentatool.orders.models import Order, Patient
from dentatool.practices.models import Practice

_SAME = ("order_number", "area", "care", "shade", "tray", "received_on", "due_on", "remarks")


def take_in(form: IntakeForm) -> Order:
    """The new order.

    :raises NotYet: the patient or the chain does not fit.
    """
    typed = form.cleaned_data
    assert form.chosen is not None, "a valid form has a practice"
    return create_order(
        form.chosen,
        Ordered(kind=typed["work"], **{name: typed[name] for name in _SAME}),
        dentist=typed["dentist"],
        patient=_patient(form.chosen, typed),
        teeth=typed["teeth"],
        chain=form.chain,
        variables=variables_of(typed["teeth"], shipments=1 if typed["shipments"] is None else typed["shipments"]),
        intake_key=typed.get("intake_key"),
    )


def store_changes(order: Order, form: OrderForm) -> Repriced:
    """Store a valid form. `order` is read afresh: the form's own instance already carries unsaved values.

    :raises NotYet: the order is billed, or the patient does not fit.
    """
    changes = form.changes()
    if (patient := patient_for(order.practice, form.patient_facts())) is not None:
        changes["patient"] = patient
    marked = form.cleaned_data["teeth"] if "teeth" in form.changed_data else None
    return change_order(order, changes, teeth=marked)


def _patient(practice: Practice, typed: dict[str, object]) -> Patient | PatientFacts:
    """The patient chosen from the list if it still is the one typed, else the one that the facts describe."""
    names = ("pseudonym", "birth_date", "insurance")
    facts = PatientFacts(name=str(typed["patient_name"]), **{name: typed[name] for name in names})  # type: ignore[arg-type]
    chosen = Patient.objects.filter(pk=typed["patient"], practice=practice).first() if typed["patient"] else None
    if chosen and chosen.name == facts.name and chosen.pseudonym in ("", facts.pseudonym):
        return chosen
    return facts
