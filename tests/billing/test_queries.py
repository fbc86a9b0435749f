"""Questions about invoices."""

from datetime import date

import pytest

from dentatool.billing import queries
from dentatool.billing.actions import cancel_invoice, draft_invoice, hand_out, issue_invoice


def test_a_laboratory_without_invoices_has_no_months(anna):
    with anna.at_work():
        assert queries.months_with_invoices() == []


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2025, 12, 31), date(2026, 2, 1), [date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1)]),
        (date(2026, 3, 1), date(2026, 3, 1), [date(2026, 3, 1)]),
        (date(2026, 2, 28), date(2026, 3, 31), [date(2026, 3, 1), date(2026, 2, 1)]),
    ],
)
def test_the_months_of_the_filter_reach_from_the_first_invoice_to_the_last(anna, finished_order, first, last, months):
    with anna.at_work():
        for day in (first, last):
            issue_invoice(draft_invoice(finished_order()), on=day)

        assert queries.months_with_invoices() == months


def test_what_is_fetched_or_cancelled_or_free_is_in_no_further_export(anna, finished_order):
    with anna.at_work():
        fetched, cancelled, ready = (issue_invoice(draft_invoice(finished_order())) for _ in range(3))
        hand_out(fetched)
        cancel_invoice(cancelled, "falsch")

        assert list(queries.ready_for_export()) == [ready]


def test_the_documents_of_an_order_tell_its_story(anna, finished_order):
    with anna.at_work():
        order = finished_order()
        invoice = issue_invoice(draft_invoice(order))
        cancel_invoice(invoice, "falsch")

        assert [row.state for row in queries.invoices_of(order)] == ["storniert", "storno", "entwurf"]
