"""Scenario 10: a wrong Auftragsnummer is let pass by billing, with a reason, and taken back by any change."""

import pytest
from django.utils.timezone import localdate

from dentatool.billing.actions import draft_invoice, findings_of, issue_invoice, xml_of
from dentatool.billing.models import Invoice
from dentatool.kit.changes import changes_of
from dentatool.kit.errors import NotYet
from dentatool.orders.actions import add_position, change_order
from dentatool.orders.models import Order
from dentatool.orders.number_override import override_number, withdraw_override
from dentatool.overview.queries import counts

RIGHT, WRONG = "565901-4711-ZE-20260015-1-6", "565901-4711-ZE-20260015-1-7"
REASON = "Praxis hat die Nummer am Telefon bestätigt"


def order_of(house, number=WRONG, **facts):
    with house.at_work():
        return house.order(order_number=number, **facts).pk


def stored(house, pk):
    with house.at_work():
        order = Order.objects.get(pk=pk)
        return order.order_number, order.number_state, order.number_reason


def test_the_office_lets_a_wrong_number_pass_with_a_reason(house):
    pk = order_of(house)
    client = house.client("office")
    before = client.get(f"/auftraege/{pk}/").content.decode()

    answer = client.post(f"/auftraege/{pk}/freigabe/", {"reason": REASON}, follow=True)

    html = answer.content.decode()
    assert "Prüfziffer falsch (erwartet 6)" in before
    assert f"/auftraege/{pk}/freigabe/" in before
    assert f"Die Auftragsnummer {WRONG} ist freigegeben." in html
    assert f"Grund: {REASON}" in html
    assert stored(house, pk) == (WRONG, "frei", REASON)


def test_the_trail_tells_who_let_it_pass_and_keeps_the_reason_sealed(house):
    pk = order_of(house)
    house.client("office").post(f"/auftraege/{pk}/freigabe/", {"reason": REASON})

    with house.at_work():
        newest = changes_of(Order.objects.get(pk=pk))[0]

    assert newest.person == house.member("office").display_name
    assert [(change.label, change.old, change.new) for change in newest.changes] == [
        ("Stand der Auftragsnummer", "falsch", "trotz Fehler freigegeben"),
        ("Grund der Freigabe", "", "versiegelt"),
    ]


@pytest.mark.parametrize("role", ["technician", "courier", "reader"])
def test_others_may_not_and_are_not_offered_it(house, role):
    pk = order_of(house)
    client = house.client(role)

    refused = client.post(f"/auftraege/{pk}/freigabe/", {"reason": REASON})

    assert refused.status_code == 403
    assert "freigabe" not in client.get(f"/auftraege/{pk}/").content.decode()
    assert stored(house, pk) == (WRONG, "falsch", "")


def test_bert_finds_no_order_of_annas_to_let_pass(house, other_house):
    pk = order_of(house)

    assert other_house.client().post(f"/auftraege/{pk}/freigabe/", {"reason": REASON}).status_code == 404
    assert stored(house, pk) == (WRONG, "falsch", "")


def test_without_a_reason_nothing_passes_and_the_page_says_so(house):
    pk = order_of(house)

    answer = house.client().post(f"/auftraege/{pk}/freigabe/", {"reason": "  "})

    assert answer.status_code == 422
    assert "Prüfziffer falsch (erwartet 6)" in answer.content.decode()
    assert stored(house, pk) == (WRONG, "falsch", "")


@pytest.mark.parametrize(
    ("number", "reason"),
    [("", "keine Auftragsnummer eingetragen"), (RIGHT, "schon gültig"), ("565901-Mü/7-ZE-1-1-1", "Zeichen")],
)
def test_what_is_missing_right_or_no_file_name_cannot_be_let_pass(house, number, reason):
    pk = order_of(house, number)

    answer = house.client().post(f"/auftraege/{pk}/freigabe/", {"reason": REASON})

    assert (answer.status_code, reason in answer.content.decode()) == (422, True)
    assert stored(house, pk)[1] != "frei"


def test_any_change_of_the_number_takes_the_permission_back(house):
    pk = order_of(house)
    with house.at_work():
        order = override_number(Order.objects.get(pk=pk), REASON)
        change_order(order, {"order_number": WRONG[:-1] + "8"})

    assert stored(house, pk) == (WRONG[:-1] + "8", "falsch", "")


def test_it_can_be_taken_back_once(house):
    pk = order_of(house)
    client = house.client("office")
    client.post(f"/auftraege/{pk}/freigabe/", {"reason": REASON})

    answer = client.post(f"/auftraege/{pk}/freigabe/zuruecknehmen/", follow=True)

    assert "Die Freigabe ist zurückgenommen." in answer.content.decode()
    assert stored(house, pk) == (WRONG, "falsch", "")
    with house.at_work(), pytest.raises(NotYet, match="nichts zurückzunehmen"):
        withdraw_override(Order.objects.get(pk=pk))


def test_the_invoice_has_no_file_until_the_number_is_let_pass_and_carries_it_unrepaired(house):
    pk = order_of(house, state="fertig")
    with house.at_work("office"):
        order = Order.objects.get(pk=pk)
        add_position(order, art="BEL", number="0010")
        invoice = issue_invoice(draft_invoice(order))
        assert (xml_of(invoice).state, xml_of(invoice).file) == ("nicht_faellig", None)

        override_number(order, REASON)
        again = Invoice.objects.select_related("order", "practice").get(pk=invoice.pk)
        found = xml_of(again)

        assert found.file is not None
        assert found.file.name == f"{WRONG}.xml"
        assert f'Auftragsnummer="{WRONG}"'.encode() in found.file.content
        assert again.snapshot_sha256 == invoice.snapshot_sha256
        assert ["trotzdem freigegeben" in reason for reason in found.reasons] == [True]


def test_a_draft_with_a_passed_number_warns_and_can_be_issued(house):
    pk = order_of(house, state="fertig")
    with house.at_work("office"):
        order = Order.objects.get(pk=pk)
        add_position(order, art="BEL", number="0010")
        override_number(order, REASON)
        draft = draft_invoice(order)

        about_number = [each for each in findings_of(draft) if "trotzdem freigegeben" in each.message]
        assert [each.is_error for each in about_number] == [False]
        assert xml_of(issue_invoice(draft)).state == "bereit"


def test_a_passed_number_no_longer_counts_as_open(house):
    pk = order_of(house)
    with house.at_work():
        before = counts(localdate()).without_number
        override_number(Order.objects.get(pk=pk), REASON)

        assert (before, counts(localdate()).without_number) == (1, 0)
        assert list(Order.objects.all().without_valid_number()) == []
