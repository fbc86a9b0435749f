"""What can be done with orders. Other slices import from here."""

from dentatool.orders.checking import facts_of, findings_of
from dentatool.orders.intake import Ordered, change_order, create_order, set_teeth, teeth_of
from dentatool.orders.lines import (
    Repriced,
    add_position,
    apply_chain,
    change_position,
    move_position,
    remove_position,
    reorder_positions,
    reprice,
)
from dentatool.orders.moving import mark_billed, mark_unbilled, next_steps, transition
from dentatool.orders.patients import PatientFacts, patient_for

__all__ = [
    "Ordered",
    "PatientFacts",
    "Repriced",
    "add_position",
    "apply_chain",
    "change_order",
    "change_position",
    "create_order",
    "facts_of",
    "findings_of",
    "mark_billed",
    "mark_unbilled",
    "move_position",
    "next_steps",
    "patient_for",
    "remove_position",
    "reorder_positions",
    "reprice",
    "set_teeth",
    "teeth_of",
    "transition",
]
