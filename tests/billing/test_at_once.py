"""Many at once: numbers stay gapless and unique, one draft gets one number."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from dentatool.billing.actions import AlreadyIssued, cancel_invoice, draft_invoice, issue_invoice
from dentatool.billing.models import Invoice, NumberRange
from dentatool.billing.queries import chain_faults
from dentatool.kit.errors import NotYet


def at_once(laboratory, deeds):
    """Each deed in its own thread and transaction, all let loose together; what each gave or raised."""
    start = Barrier(len(deeds))

    def run(deed):
        start.wait(30)
        try:
            with laboratory.at_work():
                return deed()
        except NotYet as reason:
            return reason
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(run, deeds))


def test_twenty_people_issue_at_once_and_no_number_is_missing_or_double(anna, finished_order):
    with anna.at_work():
        drafts = [draft_invoice(finished_order()) for _ in range(20)]

    issued = at_once(anna, [lambda draft=draft: issue_invoice(draft) for draft in drafts])

    assert sorted(invoice.sequence for invoice in issued) == list(range(1, 21))
    with anna.at_work():
        assert list(chain_faults()) == []
        assert NumberRange.objects.get(kind="invoice").next_number == 21


def test_one_draft_issued_by_ten_gets_one_number(anna, finished_order):
    with anna.at_work():
        draft = draft_invoice(finished_order())

    answers = at_once(anna, [lambda: issue_invoice(draft)] * 10)

    assert len([answer for answer in answers if isinstance(answer, Invoice)]) == 1
    assert len([answer for answer in answers if isinstance(answer, AlreadyIssued)]) == 9
    with anna.at_work():
        assert [invoice.sequence for invoice in Invoice.objects.issued()] == [1]


def test_ten_drafts_asked_of_one_order_are_one(anna, finished_order):
    with anna.at_work():
        order = finished_order()

    drafts = at_once(anna, [lambda: draft_invoice(order)] * 10)

    assert len({draft.pk for draft in drafts}) == 1


def test_one_invoice_cancelled_by_five_is_cancelled_once(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))

    answers = at_once(anna, [lambda: cancel_invoice(invoice, "Versehen")] * 5)

    assert len([answer for answer in answers if isinstance(answer, NotYet)]) == 4
    with anna.at_work():
        assert Invoice.objects.filter(kind="cancellation").count() == 1
        assert Invoice.objects.drafts().count() == 1


def test_failures_among_many_leave_no_gap(anna, finished_order):
    class Broken(Exception):
        pass

    def fail(draft):
        issue_invoice(draft)
        raise Broken

    def guarded(draft, place):
        if place % 3:
            return issue_invoice(draft)
        try:
            from django.db import transaction

            with transaction.atomic():
                fail(draft)
        except Broken:
            return None

    with anna.at_work():
        drafts = [draft_invoice(finished_order()) for _ in range(12)]

    issued = at_once(
        anna, [lambda draft=draft, place=place: guarded(draft, place) for place, draft in enumerate(drafts)]
    )

    assert sorted(invoice.sequence for invoice in issued if invoice) == list(range(1, 9))
    with anna.at_work():
        assert list(chain_faults()) == []
