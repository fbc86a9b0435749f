"""The laboratory of the kill rounds, looked at from outside: python -m operations.rounds.installed …

found          a laboratory with price lists, people and practices: who signs in, open sessions, drafts to issue
draft LAB N    N more invoice drafts: ids
tell LAB       what stands in the database, told plainly
"""

import http.client
import json
import sys
import time
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from dentatool.project.instance import start_django
from dentatool.values.order_number import check_digit
from harness.installation import Run
from harness.live import Answer, Headers, Line, LiveServer

PASSWORD = "Zirkon-Krone-36-mesial"
SESSIONS = 8


def order_form(key: str) -> dict[str, str]:
    """What a person types into the intake, with a patient whose name tells the form's key."""
    body = f"422201-{key[:8].upper()}-ZE-2026{int(key[:4], 16) % 90_000 + 10_000:05}-1-"
    today = time.strftime("%d.%m.%Y")
    return {
        "order_number": f"{body}{check_digit(body)}", "practice": "1001", "patient_name": f"Kill {key[:8]} Anna",
        "pseudonym": key[:12], "insurance": "gkv", "work": "NEM-Krone, verblendet", "teeth": "14:krone", "shade": "A3",
        "shipments": "1", "received_on": today, "due_on": today, "care": "regel", "intake_key": key,
    }  # fmt: skip


def ask(run: Run, method: str, path: str, session: str = "", form: dict[str, str] | None = None) -> Answer:
    """One request on a connection of its own. Status 0: no answer came."""
    line = Line(LiveServer(run.port, run.log))
    try:
        return line.ask(method, path, session, form)
    except (OSError, http.client.HTTPException):
        return Answer(0, Headers([]), b"")
    finally:
        line.close()


def found() -> dict[str, Any]:
    from django.contrib.auth.hashers import make_password
    from django.test import RequestFactory

    from dentatool.catalogue import demo as catalogue_demo
    from dentatool.practices import demo as practices_demo
    from dentatool.protection.access import Account, Role
    from dentatool.protection.access.internal.sessions import _open_session
    from dentatool.protection.founding import connect_as_owner
    from dentatool.protection.tenancy import laboratory
    from dentatool.team.founding import FirstAccount, create_laboratory

    first = FirstAccount("Anna Huber", f"{uuid4().hex}@labor.example", password_hash=make_password(uuid4().hex))
    with connect_as_owner() as owner:
        lab = create_laboratory(owner, "Dentallabor Anna Huber", first, region="BY", place="D-München", city="München")
    sign_in_name = f"{uuid4().hex}@labor.example"
    with laboratory(lab):
        practices_demo.fill("anna")
        catalogue_demo.fill("anna")
        account = Account.objects.get()
        Account.create(
            display_name="Jonas Achatz", sign_in_name=sign_in_name, role=Role.TECHNICIAN, password=PASSWORD
        )  # fmt: skip
    request = RequestFactory().get("/anmelden/", secure=True)
    return {
        "lab": str(lab),
        "sessions": [_open_session(request, account.id, lab) for _ in range(SESSIONS)],
        "sign_in_name": sign_in_name,
    }


def draft(lab: str, count: str) -> list[str]:
    from billing.conftest import make_order
    from dentatool.billing.actions import draft_invoice
    from dentatool.practices.models import Practice
    from dentatool.protection.tenancy import laboratory

    with laboratory(UUID(lab)):
        practice = Practice.objects.filter(no_names=False).order_by("customer_number")[0]
        return [str(draft_invoice(make_order(practice=practice)).pk) for _ in range(int(count))]


def tell(lab: str) -> dict[str, Any]:
    """Orders taken in by form, invoices, sign-ins and trail, each as it is stored now. Every name is opened."""
    from dentatool.billing.models import Invoice, NumberRange
    from dentatool.billing.queries import chain_faults
    from dentatool.orders.models import Order, OrderTooth
    from dentatool.protection.audit import Entry
    from dentatool.protection.tenancy import laboratory

    with laboratory(UUID(lab)):
        orders = Order.objects.select_related("patient").filter(intake_key__isnull=False)
        teeth = set(OrderTooth.objects.values_list("order_id", flat=True))
        numbers = NumberRange.objects.filter(kind="invoice", year=date.today().year).first()
        return {
            "orders": {
                str(each.intake_key): {
                    "id": str(each.pk),
                    "number": each.number,
                    "patient": each.patient.name if each.patient else "",
                    "has_tooth": each.pk in teeth,
                }
                for each in orders
            },
            "documents": {
                str(each.pk): {
                    "sequence": each.sequence, "is_issued": each.issued_at is not None, "lines": len(each.lines.all()),
                    "has_snapshot": bool(each.snapshot), "order": each.order.state,
                }
                for each in Invoice.objects.select_related("order").prefetch_related("lines")
            },
            "next": numbers.next_number if numbers else 1,
            "faults": [fault.message for fault in chain_faults()],
            "made": sorted(
                str(record)
                for record in Entry.objects.filter(what="orders_order", action="insert").values_list("record_id", flat=True)
            ),
            "sign_ins": Entry.objects.filter(what="authn_login_success").count(),
        }  # fmt: skip


if __name__ == "__main__":
    start_django("app")
    print(json.dumps({"found": found, "draft": draft, "tell": tell}[sys.argv[1]](*sys.argv[2:])))  # noqa: T201
