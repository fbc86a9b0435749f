"""A laboratory in an installation of its own, looked at from outside of it: python -m billing.installed_laboratory …

The test's own process is bound to the test server's database; this one is started in the installation's environment.

    found        a laboratory and twenty signed-in browsers: {"lab": …, "sessions": […]}
    draft LAB N  N finished orders with an invoice draft each: ids
    tell LAB     what stands in the database, told plainly
"""

import json
import sys
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from dentatool.project.instance import start_django

PEOPLE = 20


def found() -> dict[str, Any]:
    from django.contrib.auth.hashers import make_password
    from django.test import RequestFactory

    from dentatool.protection.access import Account
    from dentatool.protection.access.internal.sessions import _open_session
    from dentatool.protection.founding import connect_as_owner
    from dentatool.protection.tenancy import laboratory
    from dentatool.team.founding import FirstAccount, create_laboratory

    first = FirstAccount("Anna Huber", f"{uuid4().hex}@labor.example", password_hash=make_password(uuid4().hex))
    with connect_as_owner() as owner:
        lab = create_laboratory(owner, "Dentallabor Anna Huber", first, region="BY", place="D-München", city="München")
    with laboratory(lab):
        (account,) = Account.objects.all()
    request = RequestFactory().get("/anmelden/", secure=True)
    return {"lab": str(lab), "sessions": [_open_session(request, account.id, lab) for _ in range(PEOPLE)]}


def draft(lab: str, count: str) -> list[str]:
    from billing.conftest import make_order
    from dentatool.billing.actions import draft_invoice
    from dentatool.practices.models import Practice
    from dentatool.protection.tenancy import laboratory

    with laboratory(UUID(lab)):
        practice = Practice.objects.create(
            customer_number=uuid4().hex[:8],
            name="Praxis Sommer",
            street="Am Markt 1",
            postcode="83022",
            city="Rosenheim",
        )
        return [str(draft_invoice(make_order(practice=practice)).pk) for _ in range(int(count))]


def tell(lab: str) -> dict[str, Any]:
    """Numbers, chain, lines, states of orders and the trail, each as it is stored now."""
    from dentatool.billing.models import Invoice, NumberRange
    from dentatool.billing.queries import chain_faults
    from dentatool.protection.audit import Entry
    from dentatool.protection.tenancy import laboratory

    with laboratory(UUID(lab)):
        documents = Invoice.objects.select_related("order").prefetch_related("lines")
        (numbers,) = NumberRange.objects.filter(kind="invoice", year=date.today().year)
        return {
            "documents": {
                str(each.pk): {
                    "sequence": each.sequence,
                    "number": each.number,
                    "is_issued": each.issued_at is not None,
                    "lines": len(each.lines.all()),
                    "has_snapshot": bool(each.snapshot),
                    "order": each.order.state,
                    "order_id": str(each.order_id),
                }
                for each in documents
            },
            "next": numbers.next_number,
            "faults": [fault.message for fault in chain_faults()],
            "trail": [
                [entry.what, entry.action, str(entry.record_id), entry.request_id, entry.changes]
                for entry in Entry.objects.filter(kind="row").order_by("at")
            ],
        }


if __name__ == "__main__":
    start_django("app")
    print(json.dumps({"found": found, "draft": draft, "tell": tell}[sys.argv[1]](*sys.argv[2:])))  # noqa: T201
