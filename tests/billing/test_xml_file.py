"""When there is a file, and why there is none."""

import pytest

from dentatool.billing.actions import cancel_invoice, draft_invoice, findings_of, hand_out, issue_invoice, xml_of
from dentatool.billing.models import Invoice, XmlExport
from dentatool.kit.errors import NotYet
from dentatool.protection.audit import history_of


def test_fetching_a_file_is_recorded_once_as_export_and_each_time_as_event(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        assert xml_of(invoice).state == "bereit"

        first, second = hand_out(invoice), hand_out(invoice)

        assert first.content == second.content
        assert xml_of(Invoice.objects.get(pk=invoice.pk)).state == "exportiert"
        assert XmlExport.objects.count() == 1
        assert [entry.what for entry in history_of(invoice) if entry.kind == "event"] == ["invoice.xml_downloaded"] * 2


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"order_number": ""}, "Auftragsnummer der Praxis fehlt"),
        ({"order_number": "565901-4711-ZE-20260015-1-7", "number_state": "falsch"}, "Auftragsnummer ist falsch"),
        ({"insurance": "pkv"}, "Privatpatienten"),
        ({"care": "kulanz", "lines": [{"art": "NBL", "text": "Kulanz", "price_cents": 0}]}, "über 0,00 €"),
    ],
)
def test_invoices_without_file_say_why(anna, finished_order, order, reason):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order(**order)))
        found = xml_of(invoice)

        assert (found.state, found.file) == ("nicht_faellig", None)
        assert reason in found.reasons[0]
        with pytest.raises(NotYet, match=reason):
            hand_out(invoice)


def test_a_number_that_comes_later_gives_the_file_and_leaves_the_invoice_as_it_is(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order(order_number="")))
        before = invoice.snapshot_sha256
        invoice.order.order_number, invoice.order.number_state = "565901-4711-ZE-20260015-1-6", "gueltig"
        invoice.order.save()
        again = Invoice.objects.get(pk=invoice.pk)

        assert xml_of(again).file.name == "565901-4711-ZE-20260015-1-6.xml"
        assert again.snapshot_sha256 == before


def test_a_cancelled_invoice_that_nobody_fetched_is_simply_not_due(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        cancel_invoice(invoice, "falsche Praxis")

        assert xml_of(Invoice.objects.get(pk=invoice.pk)).state == "nicht_faellig"


def test_the_file_comes_from_the_snapshot_not_from_todays_laboratory(anna, finished_order):
    from dentatool.team.models import LaboratoryProfile

    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        before = xml_of(invoice).file.content
        LaboratoryProfile.objects.update(name="Ganz anderes Labor", place="D-Kiel", region="SH")

        assert xml_of(Invoice.objects.get(pk=invoice.pk)).file.content == before


def test_a_practice_may_want_private_services_in_one_line(anna, finished_order):
    lines = [
        {"art": "BEL", "number": "0010", "text": "Modell", "price_cents": 845},
        {"art": "NBL", "text": "Keramik", "price_cents": 9800},
        {"art": "NBL", "text": "Stufe", "price_cents": 1850},
    ]
    with anna.at_work():
        order = finished_order(lines=lines)
        order.practice.xml_reduced = True
        order.practice.save()

        assert xml_of(issue_invoice(draft_invoice(order))).file.content.count(b"<Position") == 2


def test_the_draft_page_knows_beforehand_what_the_practice_would_refuse(anna, finished_order):
    with anna.at_work():
        text = "Eine sehr lange Beschreibung, die in der Datei keinen Platz mehr hat"
        draft = draft_invoice(finished_order(lines=[{"art": "NBL", "text": text, "price_cents": 100}]))

        assert [
            finding.message
            for finding in findings_of(draft)
            if finding.message.startswith("XML:") and "60" in finding.message
        ]


def test_the_download_has_the_order_number_as_its_name(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))

    answer = anna.client("office").get(f"/rechnungen/{invoice.pk}/xml/")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="565901-4711-ZE-20260015-1-6.xml"'
    assert answer.headers["Content-Type"] == "application/xml"
    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
