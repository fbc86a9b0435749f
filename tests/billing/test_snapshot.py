"""The snapshot's checksum proves the document and tells nothing about it."""

import json
import tomllib
from pathlib import Path

import dentatool
from dentatool.billing.actions import draft_invoice, issue_invoice
from dentatool.billing.models import Invoice
from dentatool.billing.snapshot import SOFTWARE, checksum


def test_the_checksum_is_that_of_the_stored_text(anna, finished_order):
    with anna.at_work():
        invoice = Invoice.objects.get(pk=issue_invoice(draft_invoice(finished_order())).pk)

        assert checksum(invoice.snapshot) == invoice.snapshot_sha256


def test_texts_in_any_unicode_form_keep_their_checksum(anna, finished_order):
    lines = [{"art": "NBL", "text": "Mu\u0308ller-Krone a\u030a", "price_cents": 100}]
    with anna.at_work():
        invoice = Invoice.objects.get(pk=issue_invoice(draft_invoice(finished_order(lines=lines))).pk)

        assert checksum(invoice.snapshot) == invoice.snapshot_sha256


def test_who_guesses_the_patient_cannot_check_the_guess_by_the_checksum(anna, finished_order):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))
        known = json.loads(invoice.snapshot)
        assert len(known.pop("nonce")) == 32  # 128 random bits that only the sealed text holds

        guessed = json.dumps(known, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    assert checksum(guessed) != invoice.snapshot_sha256


def test_each_document_names_the_one_before(anna, finished_order):
    with anna.at_work():
        first = issue_invoice(draft_invoice(finished_order()))
        second = issue_invoice(draft_invoice(finished_order()))

        assert (first.previous_sha256, second.previous_sha256) == ("", first.snapshot_sha256)
        assert json.loads(second.snapshot)["previous_sha256"] == first.snapshot_sha256


def test_no_patient_lies_open_in_the_database(anna, finished_order, superuser):
    with anna.at_work():
        invoice = issue_invoice(draft_invoice(finished_order()))

    row = superuser.execute(
        "select row_to_json(i)::text from billing_invoice i where id = %s", [invoice.pk]
    ).fetchone()[0]

    assert "Mustermann" not in row
    assert b"Mustermann".hex() not in row


def test_the_version_in_the_snapshot_is_that_of_the_program():
    built = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert SOFTWARE["version"] == dentatool.__version__
    assert built["project"]["dynamic"] == ["version"]
    assert built["tool"]["hatch"]["version"]["path"] == "src/dentatool/__init__.py"
