"""The sample invoices A to E through real orders: sums to the cent, files of the same meaning, valid by the schema."""

import json
from datetime import date

import pytest
from lxml import etree

from billing.official import DATA, needs_official_data, official_schema
from dentatool.billing.actions import cancel_invoice, change_lines, draft_invoice, hand_out, issue_invoice, xml_of
from dentatool.billing.kzbv_xml import parse, same_meaning
from dentatool.billing.models import Invoice
from dentatool.billing.queries import ready_for_export
from dentatool.billing.snapshot import snapshot_of

pytestmark = needs_official_data
FILE = DATA / "invoices" / "invoices.json"
SAMPLES = {sample["id"]: sample for sample in json.loads(FILE.read_text())} if FILE.exists() else {}
LETTERS = "ABCDE"


def order_of(sample, make_order):
    lines = [
        {
            "art": line["art"],
            "number": line.get("nr", ""),
            "text": line["text"],
            "price_cents": line["ep"],
            "quantity_milli": line["menge"],
            "vat_permille": group["satz_promille"],
            "tooth": line.get("zahn", ""),
        }
        for group in sample["gruppen"]
        for line in group["positionen"]
    ]
    return make_order(
        lines=lines,
        order_number=sample["auftragsnummer"],
        delivered_on=date.fromisoformat(sample["lieferdatum"]),
        area="ZE",
    )


def laboratory_of(sample, new_laboratory):
    return new_laboratory(
        sample["laborname"],
        region=sample["abrechnungsbereich"],
        place=sample["herstellungsort"],
        invoice_format="{year}-{number:04}",
    )


@pytest.mark.parametrize("letter", LETTERS)
def test_sums_and_file_of_a_sample_invoice(new_laboratory, finished_order, letter):
    sample = SAMPLES[letter]
    fixture = (DATA / "invoices" / sample["dateiname"]).read_bytes()

    with laboratory_of(sample, new_laboratory).at_work():
        invoice = issue_invoice(draft_invoice(order_of(sample, finished_order)))
        file = hand_out(invoice)

    assert (invoice.net_cents, invoice.vat_cents, invoice.gross_cents) == (
        sample["netto_cent"],
        sample["mwst_cent"],
        sample["brutto_cent"],
    )
    assert file.name == sample["dateiname"]
    ours, theirs = etree.fromstring(file.content), etree.fromstring(fixture)
    official_schema("4.5").assertValid(ours)
    # Number and software are each laboratory's own; everything else must mean the same.
    for root in (ours, theirs):
        for attribute in ("Laborsoftware", "Laborsoftwareversion", "Laborsoftwarehersteller"):
            root[0].attrib.pop(attribute, None)
        root[0].set("Laborrechnungsnummer", "each its own")
    assert same_meaning(etree.tostring(ours), etree.tostring(theirs))


@pytest.mark.parametrize("letter", LETTERS)
def test_paper_and_file_agree_to_the_cent(new_laboratory, finished_order, letter):
    with laboratory_of(SAMPLES[letter], new_laboratory).at_work():
        invoice = issue_invoice(draft_invoice(order_of(SAMPLES[letter], finished_order)))
        content, file = snapshot_of(invoice), parse(hand_out(invoice).content)

    assert [(group["vat_permille"], group["net_cents"], group["vat_cents"]) for group in content["groups"]] == [
        (group.vat_permille, group.net_cents, group.vat_cents) for group in file.groups
    ]
    assert (content["net_cents"], content["vat_cents"], content["gross_cents"]) == (
        file.net_cents,
        file.vat_cents,
        file.gross_cents,
    )


def test_an_old_schema_refuses_sample_d_but_the_invoice_stands(new_laboratory, finished_order):
    with laboratory_of(SAMPLES["D"], new_laboratory).at_work():
        order = order_of(SAMPLES["D"], finished_order)
        order.practice.xml_version = "4.2"
        order.practice.save()
        found = xml_of(issue_invoice(draft_invoice(order)))

    assert found.state == "fehler"
    assert any("60 Zeichen" in reason or "50 Zeichen" in reason for reason in found.reasons)


def test_scenario_17_a_wrong_quantity_is_cancelled_and_billed_anew(new_laboratory, finished_order):
    with laboratory_of(SAMPLES["B"], new_laboratory).at_work():
        wrong = issue_invoice(draft_invoice(order_of(SAMPLES["B"], finished_order)))
        hand_out(wrong)
        done = cancel_invoice(wrong, "Ein Versandgang zu viel")
        storno, copy = done.cancellation, done.draft

        assert (storno.net_cents, storno.vat_cents, storno.gross_cents) == (-29758, -2083, -31841)
        assert snapshot_of(storno)["cancels"]["number"] == wrong.number
        assert [line.text for line in copy.lines.all()] == [line.text for line in wrong.lines.all()]
        rows = [{"place": place} for place in range(copy.lines.count())]
        rows[7]["quantity_milli"] = 1000
        right = issue_invoice(change_lines(copy, rows))

        assert right.gross_cents == 31074  # one shipment of 7.17 less: 290.41 + 20.33
        assert xml_of(Invoice.objects.get(pk=wrong.pk)).state == "veraltet"
        assert xml_of(storno).state == "nicht_faellig"
        assert xml_of(right).file.name == SAMPLES["B"]["dateiname"]
        assert list(ready_for_export()) == [right]
