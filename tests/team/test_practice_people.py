"""What somebody of a practice can do: look at its own orders and invoices, and look after the own account."""

import pytest

from billing.conftest import make_order


@pytest.fixture
def petra(anna):
    """Petra's practice with an issued invoice and a draft, and another practice with the same."""
    from dentatool.billing.actions import draft_invoice, issue_invoice

    made = {}
    for name in ("own", "other"):
        with anna.at_work():
            order = make_order()
            made[name] = order, issue_invoice(draft_invoice(order))
            draft = draft_invoice(make_order(practice=order.practice, order_number=""))
        made[f"{name}_draft"] = draft
    anna.practice_person(made["own"][0].practice_id)
    return made


def test_the_own_order_and_invoice_are_there_with_the_patients_name(anna, petra):
    client = anna.client("practice")
    order, invoice = petra["own"]

    page = client.get(f"/auftraege/{order.pk}/").content.decode()
    assert "Erika Mustermann" in page and invoice.number in page
    assert client.get(f"/rechnungen/{invoice.pk}/").status_code == 200


def test_what_the_laboratory_notes_for_itself_is_not_shown(anna, petra):
    order, _invoice = petra["own"]
    with anna.at_work():
        order.remarks = "zahlt spät"
        order.save()

    page = anna.client("practice").get(f"/auftraege/{order.pk}/").content.decode()

    assert "zahlt spät" not in page
    assert "Verlauf" not in page and "Fehler:" not in page


def test_pdf_and_xml_of_the_own_invoice_are_handed_out_and_noted(anna, petra, superuser):
    client, invoice = anna.client("practice"), petra["own"][1]

    pdf, xml = (client.get(f"/rechnungen/{invoice.pk}/{kind}/") for kind in ("pdf", "xml"))

    assert pdf.content.startswith(b"%PDF") and b"<?xml" in xml.content[:50]
    noted = superuser.execute(
        "select what, mode from protection_entry where lab_id = %s and actor_id = %s and record_id = %s order by at",
        [anna.lab_id, anna.member("practice").id, invoice.pk],
    ).fetchall()
    assert noted == [("invoice.pdf_opened", "practice"), ("invoice.xml_downloaded", "practice")]


@pytest.mark.parametrize("kind", ["", "pdf/", "xml/"])
def test_drafts_and_foreign_invoices_are_as_absent_as_none(kind, anna, petra):
    client = anna.client("practice")

    for hidden in (petra["own_draft"], petra["other"][1], petra["other_draft"]):
        assert client.get(f"/rechnungen/{hidden.pk}/{kind}").status_code == 404


def test_lists_count_only_what_is_the_practices_own(anna, petra):
    client = anna.client("practice")

    orders = client.get("/auftraege/?status=alle").context
    invoices = client.get("/rechnungen/").context
    overview = client.get("/").context

    assert orders["page"].paginator.count == 2
    assert (invoices["page"].paginator.count, invoices["sums"]["documents"]) == (1, 1)
    assert "drafts" not in overview


def test_a_search_among_patients_finds_only_the_own(anna, petra):
    found = anna.client("practice").get("/auftraege/?suche=Mustermann").context

    assert found["page"].paginator.count == 2  # of four with that name


def test_signing_out_ends_the_own_session(anna, petra):
    client = anna.client("practice")

    assert client.post("/abmelden/").status_code == 302
    assert client.get("/auftraege/").status_code == 302


def test_a_notice_about_the_own_account_leaves_the_house(anna, petra):
    """A practice's pass writes nothing into the outbox: the program does, after the commit."""
    from dentatool.kit.mail import send
    from dentatool.kit.models import Mail

    order, _invoice = petra["own"]
    with anna.at_practice(order.practice_id):
        send("team/invite", to="petra@praxis.example", link="https://x/", laboratory="Anna", person="Petra")

    with anna.at_work():
        assert [mail.address for mail in Mail.objects.all()] == ["petra@praxis.example"]


def test_no_notice_leaves_when_it_comes_to_nothing(anna, petra):
    from dentatool.kit.mail import send
    from dentatool.kit.models import Mail

    with pytest.raises(RuntimeError), anna.at_practice(petra["own"][0].practice_id):
        send("team/invite", to="petra@praxis.example", link="https://x/", laboratory="Anna", person="Petra")
        raise RuntimeError

    with anna.at_work():
        assert not Mail.objects.exists()


def test_a_practice_that_is_gone_shows_nothing(anna, petra):
    from uuid import uuid4

    anna.practice_person(uuid4())

    assert anna.client("practice").get("/auftraege/?status=alle").context["page"].paginator.count == 0


def test_the_own_password_is_changed_and_told_by_mail(anna, petra):
    from dentatool.kit.models import Mail
    from dentatool.protection.access import Account
    from harness.laboratories import PASSWORD

    with anna.at_work():
        before = Account.objects.get(pk=anna.member("practice").id).password_hash
    client, elsewhere = anna.client("practice"), anna.client("practice")

    answer = client.post("/konto/passwort/", {"old": PASSWORD, "new": "Sieben Brackets auf Vorrat"})

    assert answer.status_code == 302
    assert client.get("/auftraege/").status_code == 200
    assert elsewhere.get("/auftraege/").status_code == 302
    with anna.at_work():
        assert Account.objects.get(pk=anna.member("practice").id).password_hash != before
        assert [mail.address for mail in Mail.objects.all()] == [anna.member("practice").sign_in_name]


@pytest.mark.parametrize("address", ["/konto/anmeldung/", "/konto/sitzungen/", "/konto/entwuerfe/", "/konto/passwort/"])
def test_the_pages_of_the_own_account_are_there(address, anna, petra):
    assert anna.client("practice").get(address).status_code == 200
