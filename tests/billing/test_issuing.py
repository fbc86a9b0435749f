"""From draft to invoice: numbers, sums, snapshot; what is issued stays."""

from datetime import date, timedelta

import pytest
from django.db import transaction
from django.utils.timezone import localdate

from dentatool.billing.actions import AlreadyIssued, draft_invoice, issue_invoice
from dentatool.billing.models import Invoice, NumberRange
from dentatool.billing.queries import chain_faults
from dentatool.billing.snapshot import snapshot_of
from dentatool.kit.errors import NotYet
from dentatool.orders.models import Order


def test_an_issued_invoice_has_the_first_number_of_the_year_and_the_sums_of_its_lines(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        year = invoice.invoice_date.year

        assert (invoice.number, invoice.sequence) == (f"RE-{year}-000001", 1)
        assert (invoice.net_cents, invoice.vat_cents, invoice.gross_cents) == (12145, 850, 12995)
        assert Order.objects.get(pk=invoice.order_id).state == "abgerechnet"


def test_the_snapshot_tells_everything_that_the_paper_shows(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        content = snapshot_of(Invoice.objects.get(pk=invoice.pk))

    assert content["number"] == invoice.number
    assert content["practice"]["name"] == "Praxis Dr. Sommer"
    assert content["patient"] == {"pseudonym": "4711", "name": "Erika Mustermann", "insurance": "gkv"}
    assert [line["text"] for line in content["lines"]] == ["Modell", "Vollkrone/Metall"]
    assert content["groups"] == [{"vat_permille": 70, "net_cents": 12145, "vat_cents": 850}]


def test_a_practice_that_wants_no_names_gets_an_invoice_that_knows_none(anna, finished_order):
    with anna.at_work():
        order = finished_order()
        order.practice.no_names = True
        order.practice.save()
        content = snapshot_of(issue_invoice(draft_invoice(order)))

    assert content["patient"]["name"] == ""


def test_numbers_go_on_without_gap_when_an_issue_fails(anna, finished_order):
    with anna.at_work():
        first = issue_invoice(draft_invoice(finished_order()))
    with anna.at_work():
        failing = draft_invoice(finished_order(lines=[{"art": "TEXT", "text": "nur Text", "price_cents": 0}]))
    with pytest.raises(NotYet), anna.at_work():
        issue_invoice(failing)
    with anna.at_work():
        second = issue_invoice(draft_invoice(finished_order()))

        assert (first.sequence, second.sequence) == (1, 2)
        assert list(chain_faults()) == []


def test_a_failure_after_the_number_was_taken_gives_it_back(anna, finished_order):
    class Broken(Exception):
        pass

    with pytest.raises(Broken), anna.at_work():
        issue_invoice(draft_invoice(finished_order()))
        raise Broken
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))

        assert invoice.sequence == 1
        assert NumberRange.objects.get(kind="invoice").next_number == 2


def test_an_invoice_cannot_be_issued_twice(anna, finished_order):
    with anna.at_work():
        draft = draft_invoice(finished_order())
        issued = issue_invoice(draft)
    with pytest.raises(AlreadyIssued, match=f"{issued.number} ist bereits ausgestellt"), anna.at_work():
        issue_invoice(draft)
    with anna.at_work():
        assert Invoice.objects.count() == 1


def test_an_order_has_one_draft_however_often_one_asks(anna, finished_order):
    with anna.at_work():
        order = finished_order()

        assert draft_invoice(order) == draft_invoice(order)


def test_an_order_in_work_gets_no_draft(anna, finished_order):
    with anna.at_work(), pytest.raises(NotYet, match="sobald er fertig oder geliefert ist"):
        draft_invoice(finished_order(state="in_arbeit"))


def test_a_billed_order_gets_no_second_draft(anna, finished_order):
    with anna.at_work():
        order = finished_order()
        invoice = issue_invoice(draft_invoice(order))

        with pytest.raises(NotYet, match=f"mit Rechnung {invoice.number} schon abgerechnet"):
            draft_invoice(order)


def test_each_laboratory_counts_for_itself(anna, bert, finished_order):
    for laboratory in (anna, bert):
        with laboratory.at_work():
            assert issue_invoice(draft_invoice(finished_order())).sequence == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"price_cents": 1_000_000}, "2 × 5.000,00 €"),
        ({"price_cents": 999_999, "quantity_milli": 11_000}, "höchstens 99.999,99 €"),
        ({"price_cents": 0}, "Der Rechnungsbetrag ist 0,00 €"),
        ({"price_cents": 100, "vat_permille": 160}, "16 % Mehrwertsteuer gibt es am Lieferdatum 12.03.2026 nicht"),
    ],
)
def test_what_keeps_an_invoice_from_being_issued(anna, finished_order, line, message):
    with anna.at_work():
        draft = draft_invoice(finished_order(lines=[{"art": "NBL", "text": "Arbeit", **line}]))

        with pytest.raises(NotYet, match=message):
            issue_invoice(draft)


def test_discounts_never_exceed_the_services_of_their_rate(anna, finished_order):
    lines = [
        {"art": "NBL", "text": "Arbeit", "price_cents": 10_000},
        {"art": "NBL", "text": "Bürste", "price_cents": 500, "vat_permille": 190},
        {"art": "RBT", "text": "Nachlass", "price_cents": 501, "vat_permille": 190},
    ]
    with anna.at_work(), pytest.raises(NotYet, match="Nachlässe sind höher"):
        issue_invoice(draft_invoice(finished_order(lines=lines)))


def test_goodwill_may_cost_nothing(anna, finished_order):
    with anna.at_work():
        lines = [{"art": "NBL", "text": "Reparatur auf Kulanz", "price_cents": 0}]
        invoice = issue_invoice(draft_invoice(finished_order(lines=lines, care="kulanz")))

        assert invoice.gross_cents == 0


def test_the_rates_of_the_second_half_of_2020_hold_for_deliveries_then(anna, finished_order):
    lines = [{"art": "NBL", "text": "Arbeit", "price_cents": 10_000, "vat_permille": 50}]
    with anna.at_work():
        order = finished_order(lines=lines, delivered_on=date(2020, 10, 1), received_on=date(2020, 9, 1))

        assert issue_invoice(draft_invoice(order)).vat_cents == 500


def test_the_date_on_the_paper_may_be_earlier_but_never_before_the_number_before(anna, finished_order):
    today = localdate()
    with anna.at_work():
        first = issue_invoice(draft_invoice(finished_order()), on=today - timedelta(days=2))
        assert first.invoice_date == today - timedelta(days=2)

        for day, reason in (
            (today - timedelta(days=3), "vor dem des letzten Belegs"),
            (today + timedelta(days=1), "in der Zukunft"),
        ):
            draft = draft_invoice(finished_order())
            with pytest.raises(NotYet, match=reason), transaction.atomic():
                issue_invoice(draft, on=day)

        # On the first two days of January the count has begun anew.
        expected = 2 if first.year == today.year else 1
        assert issue_invoice(draft_invoice(finished_order())).sequence == expected


def test_numbers_begin_anew_each_year(anna, finished_order):
    today = localdate()
    with anna.at_work():
        before = issue_invoice(draft_invoice(finished_order()), on=date(today.year - 1, 12, 31))
        after = issue_invoice(draft_invoice(finished_order()))

        assert (before.number, after.number) == (f"RE-{today.year - 1}-000001", f"RE-{today.year}-000001")
        assert list(chain_faults()) == []


def test_a_laboratory_may_count_in_its_own_way(new_laboratory, finished_order):
    with new_laboratory("Labor Cäsar", region="BY", place="D-Hof", invoice_format="{year}{number:04}").at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))

        assert invoice.number == f"{invoice.year}0001"


def test_a_pattern_that_would_repeat_numbers_stops_the_issue_and_says_where_to_mend_it(new_laboratory, finished_order):
    with new_laboratory("Labor Cäsar", region="BY", place="D-Hof", invoice_format="RE-{number}").at_work():
        with pytest.raises(NotYet, match="Angaben zum Labor"), transaction.atomic():
            issue_invoice(draft_invoice(finished_order()))

        assert not Invoice.objects.issued().exists()
