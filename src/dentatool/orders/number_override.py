"""Letting a wrong Auftragsnummer pass: billing's decision, with a reason, taken back by any change of the number.

A laboratory may not repair a number (only the practice's software makes them), but practices do send wrong ones: plans
from before 2012, typing errors on the paper plan. Then the file carries the number exactly as the practice gave it.
"""

import re

from django.db import transaction

from dentatool.kit.errors import NotYet
from dentatool.orders.intake import set_order_number
from dentatool.orders.models import NumberState, Order

_FILE_NAME = re.compile(r"[A-Za-z0-9-]+")  # the number is the name of the file


@transaction.atomic
def override_number(order: Order, reason: str) -> Order:
    """Let the wrong number pass for the XML file. The trail keeps who, when and that there is a reason.

    :raises NotYet: no reason, or the number is missing, right, or cannot be the name of a file.
    """
    order = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if not reason.strip():
        raise NotYet("Bitte einen Grund angeben, etwa wer in der Praxis die Nummer bestätigt hat.")
    if order.number_state == NumberState.MISSING:
        raise NotYet("Es ist keine Auftragsnummer eingetragen. Bitte zuerst die Nummer der Praxis eintragen.")
    if order.number_state != NumberState.WRONG:
        raise NotYet(f"Die Auftragsnummer ist schon {order.get_number_state_display()}.")
    if not _FILE_NAME.fullmatch(order.order_number):
        raise NotYet(
            "Die Auftragsnummer enthält Zeichen, die in der XML-Datei nicht vorkommen dürfen. Bitte zuerst berichtigen."
        )
    order.number_state, order.number_reason = NumberState.OVERRIDDEN, reason.strip()
    order.save(update_fields=["number_state", "number_reason"])
    return order


@transaction.atomic
def withdraw_override(order: Order) -> Order:
    """The number is wrong again, and there is no XML file until it is right."""
    order = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if not order.is_number_overridden:
        raise NotYet("Die Auftragsnummer ist nicht freigegeben; es gibt nichts zurückzunehmen.")
    set_order_number(order, order.order_number)
    order.save(update_fields=["order_number", "number_state", "number_reason"])
    return order
