"""The snapshot: everything an issued invoice says, as one JSON text. Paper, XML and page read it and nothing else.

Amounts in cents, quantities in thousandths, rates in per mille, days as ISO text. `TEMPLATE` is raised when a reader
must tell old snapshots from new ones.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from secrets import token_hex
from typing import Any

from dentatool import __version__
from dentatool.billing.models import Invoice, InvoiceLine
from dentatool.billing.sums import sums_of
from dentatool.orders.models import Insurance, NumberState
from dentatool.protection.access import Account
from dentatool.team.queries import profile
from dentatool.values.money import skonto_amount

TEMPLATE = 1
SOFTWARE = {"name": "DentaTool", "version": __version__}
_LABORATORY = (
    *("name", "street", "postcode", "city", "phone", "email", "tax_number", "vat_id", "iban", "bic", "bank"),
    *("region", "place", "lab_type"),
)


def content_of(invoice: Invoice, lines: Sequence[InvoiceLine], by: Account | None = None) -> dict[str, Any]:
    """What the invoice says as it stands; number and dates are empty in a draft."""
    order, sums = invoice.order, sums_of(lines)
    laboratory = profile()
    return {
        "template": TEMPLATE,
        "software": SOFTWARE,
        "kind": invoice.kind,
        "number": invoice.number,
        "year": invoice.year,
        "sequence": invoice.sequence,
        "invoice_date": _day(invoice.invoice_date),
        "delivered_on": _day(invoice.delivered_on),
        "issued_at": invoice.issued_at.isoformat() if invoice.issued_at else None,
        "issued_by": {"id": str(by.pk), "name": by.display_name} if by else None,
        "previous_sha256": invoice.previous_sha256,
        "cancels": _cancelled(invoice),
        "laboratory": {name: str(getattr(laboratory, name) or "") for name in _LABORATORY},
        "practice": _practice(invoice),
        "dentist": str(order.dentist) if order.dentist_id else "",
        "patient": _patient(invoice),
        "order": _order(invoice),
        "lines": [_line(line) for line in lines],
        "groups": [_group(group) for group in sums.groups],
        "net_cents": sums.net_cents,
        "vat_cents": sums.vat_cents,
        "gross_cents": sums.gross_cents,
        "terms": _terms(invoice, sums.gross_cents),
    }


def sealed_text(content: Mapping[str, Any]) -> str:
    """The one text of a snapshot: sorted keys, no blanks, Unicode form NFC.

    The nonce keeps the checksum, which is stored openly, from telling whether a guessed patient's name is right.
    """
    with_nonce = {**content, "nonce": token_hex(16)}
    return unicodedata.normalize(
        "NFC", json.dumps(with_nonce, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    )


def checksum(text: str) -> str:
    """SHA-256 of the snapshot's UTF-8 bytes, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def checksum_of(content: bytes) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def snapshot_of(invoice: Invoice) -> dict[str, Any]:
    """The content of an issued invoice. Raises ValueError when text and checksum do not agree."""
    text = invoice.snapshot
    if checksum(text) != invoice.snapshot_sha256:
        raise ValueError(f"Die Prüfsumme von {invoice.number} stimmt nicht mit dem Beleg überein.")
    found: dict[str, Any] = json.loads(text)
    return found


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _cancelled(invoice: Invoice) -> dict[str, Any] | None:
    if invoice.cancels is None:
        return None
    original = invoice.cancels
    return {
        "number": original.number,
        "invoice_date": _day(original.invoice_date),
        "sha256": original.snapshot_sha256,
        "reason": invoice.reason,
    }


def _practice(invoice: Invoice) -> dict[str, str]:
    names = ("customer_number", "name", "street", "postcode", "city")
    return {name: str(getattr(invoice.practice, name) or "") for name in names}


def _patient(invoice: Invoice) -> dict[str, str]:
    """A practice that wants no names gets none, and then the invoice knows none."""
    patient = invoice.order.patient
    if patient is None:
        return {"pseudonym": "", "name": "", "insurance": ""}
    name = "" if invoice.practice.no_names else patient.name
    return {"pseudonym": patient.pseudonym, "name": name, "insurance": patient.insurance}


def _order(invoice: Invoice) -> dict[str, Any]:
    order = invoice.order
    return {
        "id": str(order.pk),
        "number": order.number,
        "order_number": order.order_number,
        "is_number_valid": order.number_state == NumberState.VALID,
        "area": order.area,
        "care": order.care,
        "kind": order.kind,
        "shade": order.shade,
        "teeth": order.teeth_text,
        "received_on": _day(order.received_on),
    }


def _line(line: InvoiceLine) -> dict[str, Any]:
    names = ("rank", "art", "number", "text", "price_cents", "quantity_milli", "vat_permille", "tooth", "amount_cents")
    return {name: getattr(line, name) for name in names}


def _group(group: Any) -> dict[str, int]:
    return {"vat_permille": group.vat_permille, "net_cents": group.net_cents, "vat_cents": group.vat_cents}


def _terms(invoice: Invoice, gross_cents: int) -> dict[str, Any] | None:
    """When to pay, and what may be kept back for paying early. A cancellation asks for nothing."""
    practice, start = invoice.practice, invoice.invoice_date
    if invoice.is_cancellation or start is None:
        return None
    terms: dict[str, Any] = {
        "payment_days": practice.payment_days,
        "due_on": _day(start + timedelta(days=practice.payment_days)),
        "skonto_permille": 0,
    }
    if practice.skonto_permille and practice.skonto_days:
        skonto = skonto_amount(gross_cents, practice.skonto_permille)
        terms |= {
            "skonto_permille": practice.skonto_permille,
            "skonto_days": practice.skonto_days,
            "skonto_until": _day(start + timedelta(days=practice.skonto_days)),
            "skonto_cents": skonto,
            "skonto_gross_cents": gross_cents - skonto,
        }
    return terms


def is_private(content: Mapping[str, Any]) -> bool:
    """Whether the statutory insurance has no part in it: then there is no Laborabrechnungsdaten XML."""
    return content["patient"]["insurance"] in (Insurance.PRIVATE, Insurance.SELF)
