"""What is issued never changes: the database refuses the app, the owner, and every roundabout way."""

import psycopg
import pytest
from django.db import DatabaseError, connection

from dentatool.billing.actions import draft_invoice, issue_invoice
from dentatool.billing.models import Invoice, InvoiceLine
from dentatool.billing.queries import chain_faults
from dentatool.protection.tenancy.internal.passes import Pass, sign

ATTEMPTS = [
    "update billing_invoice set gross_cents = gross_cents + 1, net_cents = net_cents + 1 where id = %(id)s",
    "update billing_invoice set number = 'RE-1' where id = %(id)s",
    "update billing_invoice set issued_at = null, number = null, year = null, sequence = null where id = %(id)s",
    "update billing_invoice set snapshot = '' where id = %(id)s",
    "delete from billing_invoice where id = %(id)s",
    # A forged twin, issued from birth: the next number, everything else from the real one.
    "insert into billing_invoice select (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(),"
    " 'number', i.number || 'x', 'sequence', i.sequence + 1))).* from billing_invoice i where i.id = %(id)s",
    "update billing_invoiceline set price_cents = 1 where invoice_id = %(id)s",
    "delete from billing_invoiceline where invoice_id = %(id)s",
    "insert into billing_invoiceline (id, lab_id, invoice_id, rank, art, number, text, price_cents, quantity_milli,"
    " vat_permille, tooth, amount_cents) values (gen_random_uuid(), %(lab)s, %(id)s, 9, 'NBL', '', 'dazu', 1, 1000, 70, '', 1)",
    "update billing_invoiceline set invoice_id = %(draft)s where invoice_id = %(id)s",
    "update billing_invoiceline set invoice_id = %(id)s where invoice_id = %(draft)s",
]
TRUNCATES = ["truncate billing_invoice cascade", "truncate billing_invoiceline"]


@pytest.fixture
def issued(anna, finished_order):
    with anna.at_work():
        return issue_invoice(draft_invoice(finished_order()))


@pytest.fixture
def facts(anna, issued, finished_order):
    with anna.at_work():
        draft = draft_invoice(finished_order())
    return {"id": issued.pk, "lab": anna.lab_id, "draft": draft.pk}


def unchanged(anna, issued):
    with anna.at_work():
        stored = Invoice.objects.get(pk=issued.pk)
        assert (stored.number, stored.gross_cents, stored.snapshot_sha256) == (
            issued.number,
            issued.gross_cents,
            issued.snapshot_sha256,
        )
        assert [(line.text, line.price_cents) for line in stored.lines.all()] == [
            ("Modell", 845),
            ("Vollkrone/Metall", 10455),
        ]
        assert list(chain_faults()) == []


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_app_cannot_change_an_issued_invoice_with_any_sql(anna, issued, facts, attempt):
    with pytest.raises(DatabaseError, match="never changes"), anna.at_work(), connection.cursor() as cursor:
        cursor.execute(attempt, facts)

    unchanged(anna, issued)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nor_can_the_owner_of_the_tables(anna, issued, facts, owner_connection, attempt):
    with pytest.raises(psycopg.Error, match="never changes"), owner_connection.transaction():
        signed = sign(Pass(anna.lab_id), backend_pid=owner_connection.info.backend_pid)
        owner_connection.execute("select set_config('dentatool.pass', %s, true)", [signed])
        owner_connection.execute(attempt, facts)

    unchanged(anna, issued)


@pytest.mark.parametrize("attempt", TRUNCATES)
def test_tables_of_invoices_cannot_be_emptied(anna, issued, owner_connection, attempt):
    with pytest.raises(DatabaseError), anna.at_work(), connection.cursor() as cursor:
        cursor.execute(attempt)
    with pytest.raises(psycopg.Error, match="never changes"):
        owner_connection.execute(attempt)

    unchanged(anna, issued)


def test_the_models_cannot_either(anna, issued):
    with pytest.raises(DatabaseError, match="never changes"), anna.at_work():
        stored = Invoice.objects.get(pk=issued.pk)
        stored.delivered_on = None
        stored.save()
    with pytest.raises(DatabaseError, match="never changes"), anna.at_work():
        InvoiceLine.objects.filter(invoice=issued).update(text="anders")

    unchanged(anna, issued)


@pytest.mark.parametrize(
    "wrong",
    [
        "number = 'X', year = 2026, sequence = 7",  # a number without having been issued
        "gross_cents = 1",  # sums that do not add up
        "kind = 'cancellation'",  # a cancellation of nothing
    ],
)
def test_the_database_refuses_documents_that_cannot_be(anna, facts, wrong):
    with pytest.raises(DatabaseError, match="check constraint"), anna.at_work(), connection.cursor() as cursor:
        cursor.execute(f"update billing_invoice set {wrong} where id = %(draft)s", facts)


def test_a_tampered_copy_breaks_the_chain(anna, issued, finished_order, superuser):
    with anna.at_work():
        issue_invoice(draft_invoice(finished_order()))
    superuser.execute("alter table billing_invoice disable trigger user")
    superuser.execute("update billing_invoice set snapshot_sha256 = repeat('0', 64) where id = %s", [issued.pk])
    superuser.execute("alter table billing_invoice enable trigger user")

    with anna.at_work():
        faults = [(fault.sequence, fault.message) for fault in chain_faults()]

    second = issued.number.replace("000001", "000002")
    assert faults == [
        (1, f"{issued.number}: Beleg und Prüfsumme stimmen nicht überein."),
        (2, f"{second} nennt nicht die Prüfsumme des Belegs davor."),
    ]
