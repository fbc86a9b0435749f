"""The pages of invoices: who sees them, what they refuse, what two people at once get."""

import pytest
from django.test.utils import CaptureQueriesContext

from dentatool.billing.actions import cancel_invoice, draft_invoice, issue_invoice
from dentatool.billing.models import Invoice


@pytest.fixture
def draft(anna, finished_order):
    with anna.at_work():
        return draft_invoice(finished_order())


@pytest.fixture
def issued(anna, finished_order):
    with anna.at_work():
        return issue_invoice(draft_invoice(finished_order()))


def typed(draft, **changed):
    """The lines form as a browser sends it."""
    fields = {"version": draft.version, "zeilen": 3}
    for place, line in enumerate(draft.lines.all(), start=1):
        fields |= {
            f"z{place}-art": line.art,
            f"z{place}-number": line.number,
            f"z{place}-text": line.text,
            f"z{place}-quantity_milli": str(line.quantity_milli // 1000),
            f"z{place}-price_cents": f"{line.price_cents // 100},{line.price_cents % 100:02d}",
            f"z{place}-vat_permille": line.vat_permille,
        }
    fields |= {"z3-art": "BEL", "z3-vat_permille": 70}
    return fields | {name.replace("__", "-"): value for name, value in changed.items()}


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("office", 200), ("reader", 200), ("technician", 403), ("courier", 403)]
)
def test_who_sees_invoices(anna, draft, issued, role, status):
    client = anna.client(role)

    for address in (
        "/rechnungen/",
        f"/rechnungen/{draft.pk}/",
        f"/rechnungen/{issued.pk}/",
        f"/rechnungen/{issued.pk}/pdf/",
    ):
        assert client.get(address).status_code == status


@pytest.mark.parametrize("part", ["", "pdf/", "xml/", "ausstellung/", "storno/"])
def test_what_is_annas_does_not_exist_for_bert(anna, bert, issued, part):
    assert bert.client().get(f"/rechnungen/{issued.pk}/{part}").status_code == 404


def test_the_order_page_offers_an_invoice_and_then_shows_it(anna, finished_order):
    with anna.at_work():
        order = finished_order()
    client = anna.client("office")

    assert "Rechnung erstellen" in client.get(f"/auftraege/{order.pk}/").content.decode()
    answer = client.post(f"/auftraege/{order.pk}/rechnung/")
    with anna.at_work():
        made = Invoice.objects.get(order=order)
    assert answer.headers["Location"] == f"/rechnungen/{made.pk}/"
    assert "Rechnung erstellen" not in client.get(f"/auftraege/{order.pk}/").content.decode()


def test_from_draft_to_issued_by_the_pages(anna, draft):
    client = anna.client("office")
    with anna.at_work():
        fields = typed(draft, z1__quantity_milli="3", danach="ausstellen")

    answer = client.post(f"/rechnungen/{draft.pk}/zeilen/", fields)
    assert answer.headers["Location"] == f"/rechnungen/{draft.pk}/ausstellung/"
    assert "138,99" in client.get(answer.headers["Location"]).content.decode()  # 3 × 8,45 + 104,55 = 129,90 + 9,09
    assert client.post(answer.headers["Location"]).headers["Location"] == f"/rechnungen/{draft.pk}/"
    with anna.at_work():
        assert Invoice.objects.get(pk=draft.pk).gross_cents == 13899


def test_a_line_of_bel_without_price_gets_text_and_price_of_the_list(anna, draft):
    with anna.at_work():
        fields = typed(draft, z3__number="9330")

    assert anna.client().post(f"/rechnungen/{draft.pk}/zeilen/", fields).status_code == 302
    with anna.at_work():
        line = draft.lines.get(rank=3)
        assert (line.number, line.text, line.quantity_milli) == ("9330", "Versandkosten", 1000)


def test_a_line_is_removed_by_its_box(anna, draft):
    with anna.at_work():
        fields = typed(draft, z1__remove="on")

    anna.client().post(f"/rechnungen/{draft.pk}/zeilen/", fields)
    with anna.at_work():
        assert [line.number for line in draft.lines.all()] == ["1021"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"z1__number": "9999"}, "„9999“ ist keine BEL-Nummer"),
        ({"z1__price_cents": "12.50"}, "Der Punkt trennt Tausender"),
        ({"z1__quantity_milli": "viel"}, "ist keine Menge"),
        ({"z1__art": "GOLD"}, "Diese Auswahl ist nicht vorhanden"),
        ({"z1__vat_permille": "70000"}, "Diese Auswahl ist nicht vorhanden"),
        ({"z1__text": "x" * 121}, "höchstens 120 Zeichen"),
        ({"z3__art": "NBL", "z3__price_cents": "1,00"}, "Zeile 3: Bitte einen Text angeben"),
    ],
)
def test_what_cannot_be_read_stays_in_the_form_with_a_reason(anna, draft, changed, message):
    with anna.at_work():
        fields = typed(draft, z2__text="Krone aus Stahl", **changed)

    answer = anna.client().post(f"/rechnungen/{draft.pk}/zeilen/", fields)

    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert "Krone aus Stahl" in answer.content.decode()
    with anna.at_work():
        assert draft.lines.filter(text="Krone aus Stahl").count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"version": "x", "zeilen": "1"},
        {"version": "1", "zeilen": "-3"},
        {"version": "1", "zeilen": "1"},
        {"version": "1", "zeilen": "251"},
    ],
)
def test_a_form_without_its_frame_is_refused(anna, draft, fields):
    assert anna.client().post(f"/rechnungen/{draft.pk}/zeilen/", fields).status_code == 400


def test_a_draft_with_more_lines_than_a_form_can_carry_is_shown_and_loses_none(anna, finished_order):
    lines = [{"art": "NBL", "text": f"Leistung {rank}", "price_cents": 100} for rank in range(300)]
    with anna.at_work():
        draft = draft_invoice(finished_order(lines=lines))
    client = anna.client()

    page = client.get(f"/rechnungen/{draft.pk}/").content.decode()
    answer = client.post(f"/rechnungen/{draft.pk}/zeilen/", {"version": draft.version, "zeilen": "250"})

    assert "Leistung 299" in page
    assert "zu viele Zeilen" in page
    assert answer.status_code == 400
    assert client.post(f"/rechnungen/{draft.pk}/ausstellung/").status_code == 302
    with anna.at_work():
        assert Invoice.objects.get(pk=draft.pk).net_cents == 30000


def test_the_second_of_two_people_at_one_draft_loses_nothing_of_the_first(anna, draft):
    with anna.at_work():
        first, second = typed(draft, z1__text="von Anna"), typed(draft, z1__text="von Miriam")

    assert anna.client("owner").post(f"/rechnungen/{draft.pk}/zeilen/", first).status_code == 302
    answer = anna.client("office").post(f"/rechnungen/{draft.pk}/zeilen/", second)

    assert answer.status_code == 409
    assert "von Miriam" in answer.content.decode()
    with anna.at_work():
        assert draft.lines.get(rank=1).text == "von Anna"


def test_a_second_click_on_issue_shows_the_invoice_that_is_there(anna, draft):
    client = anna.client()
    client.post(f"/rechnungen/{draft.pk}/ausstellung/")

    answer = client.post(f"/rechnungen/{draft.pk}/ausstellung/")

    assert answer.status_code == 409
    assert f"/rechnungen/{draft.pk}/" in answer.content.decode()
    assert "bereits ausgestellt" in answer.content.decode()


@pytest.mark.parametrize("part", ["zeilen/", "nachlass/", "neu-aus-auftrag/", "verworfen/"])
def test_an_issued_invoice_refuses_every_change(anna, issued, part):
    answer = anna.client().post(f"/rechnungen/{issued.pk}/{part}", {"version": "1", "zeilen": "0", "permille": "3"})

    assert answer.status_code == 409
    with anna.at_work():
        assert Invoice.objects.get(pk=issued.pk).gross_cents == issued.gross_cents


def test_office_cancels_with_a_reason_and_lands_in_the_copy(anna, issued):
    client = anna.client("office")

    assert client.post(f"/rechnungen/{issued.pk}/storno/", {"reason": " "}).status_code == 422
    answer = client.post(f"/rechnungen/{issued.pk}/storno/", {"reason": "Menge berichtigt", "art": "kopie"})
    with anna.at_work():
        copy = Invoice.objects.drafts().get()
    assert answer.headers["Location"] == f"/rechnungen/{copy.pk}/"
    assert client.post(f"/rechnungen/{issued.pk}/storno/", {"reason": "noch einmal"}).status_code == 409
    assert "storniert mit" in client.get(f"/rechnungen/{issued.pk}/").content.decode()


def test_a_discount_is_stored_as_a_line(anna, finished_order):
    with anna.at_work():
        draft = draft_invoice(finished_order(lines=[{"art": "NBL", "text": "Keramik", "price_cents": 28450}]))

    assert anna.client().post(f"/rechnungen/{draft.pk}/nachlass/", {"permille": "3"}).status_code == 302
    with anna.at_work():
        line = draft.lines.get(art="RBT")
        assert (line.price_cents, line.amount_cents) == (854, -854)
    assert anna.client().post(f"/rechnungen/{draft.pk}/nachlass/", {"permille": "abc"}).status_code == 422


def test_a_draft_can_be_thrown_away_and_taken_anew(anna, draft):
    client = anna.client()
    with anna.at_work():
        draft.lines.all().delete()

    assert client.post(f"/rechnungen/{draft.pk}/neu-aus-auftrag/").status_code == 302
    with anna.at_work():
        assert draft.lines.count() == 2
    assert client.post(f"/rechnungen/{draft.pk}/verworfen/").status_code == 302
    with anna.at_work():
        assert not Invoice.objects.exists()


def test_the_list_finds_filters_and_sums(anna, finished_order):
    with anna.at_work():
        first = issue_invoice(draft_invoice(finished_order()))
        second = issue_invoice(draft_invoice(finished_order(order_number="423101-88Q-ZE-1203-2-9")))
        storno = cancel_invoice(first, "falsche Praxis").cancellation
    client = anna.client()

    def numbers(query):
        page = client.get(f"/rechnungen/{query}")
        assert page.status_code == 200
        return [row.number for row in page.context["rows"]], page.context["sums"]["gross"]

    assert numbers("?status=ausgestellt") == ([second.number], second.gross_cents)
    assert numbers("?status=storniert") == ([first.number], first.gross_cents)
    assert numbers("?status=storno") == ([storno.number], -first.gross_cents)
    assert numbers("?status=entwurf") == (["Entwurf"], 0)
    assert numbers("?suche=423101-88Q") == ([second.number], second.gross_cents)
    assert numbers(f"?suche={first.number}")[0] == [first.number]
    assert numbers(f"?praxis={second.practice_id}") == ([second.number], second.gross_cents)
    assert numbers(f"?monat={second.invoice_date:%Y-%m}")[1] == second.gross_cents


@pytest.mark.parametrize(
    ("query", "status"),
    [("status=x", 422), ("praxis=1", 422), ("monat=2026-13", 422), ("seite=0", 400), ("seite=99", 400)],
)
def test_the_list_refuses_what_it_does_not_offer(anna, query, status):
    assert anna.client().get(f"/rechnungen/?{query}").status_code == status


def test_the_list_asks_as_often_for_three_invoices_as_for_one(anna, finished_order):
    from django.db import connection

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert anna.client().get("/rechnungen/").status_code == 200
        return len(asked)

    with anna.at_work():
        issue_invoice(draft_invoice(finished_order()))
    one = queries()
    with anna.at_work():
        for _ in range(2):
            issue_invoice(draft_invoice(finished_order()))

    assert queries() == one
