"""Several orders at once: what may be moved is moved, of the others everyone learns why not."""

from uuid import uuid4

import pytest

from dentatool.orders.actions import add_position
from dentatool.orders.models import Order
from dentatool.orders.workflow import State

ADDRESS = "/auftraege/schritt/"


def make(house, *states, **facts):
    """One order a state, with a line; their ids in that order."""
    with house.at_work():
        orders = [house.order(state=state, **facts) for state in states]
        for order in orders:
            add_position(order, art="BEL", number="0010")
        return [order.pk for order in orders]


def states(house, ids):
    with house.at_work():
        held = dict(Order.objects.filter(pk__in=ids).values_list("pk", "state"))
    return [held[pk] for pk in ids]


def send(client, ids, to=State.FINISHED, **more):
    return client.post(ADDRESS, {"auftrag": [str(pk) for pk in ids], "to": to, **more}, follow=True)


def test_the_technician_reports_several_orders_finished_at_once(house):
    ids = make(house, State.WORKING, State.CHECKING)

    answer = send(house.client("technician"), ids)

    assert "2 Aufträge auf „Fertig“ gesetzt" in answer.content.decode()
    assert states(house, ids) == ["fertig", "fertig"]


def test_one_that_cannot_stays_and_is_named_with_the_reason_the_others_move(house):
    ids = make(house, State.WORKING, State.RECEIVED, State.WORKING)
    with house.at_work():
        stuck = Order.objects.get(pk=ids[1]).number

    html = send(house.client("technician"), ids).content.decode()

    assert states(house, ids) == ["fertig", "eingegangen", "fertig"]
    assert "2 Aufträge auf „Fertig“ gesetzt" in html
    assert f"{stuck}: Ein Auftrag im Status „Eingegangen“ kann nicht auf „Fertig“ gesetzt werden." in html


def test_what_did_not_move_stays_chosen_with_the_step_and_is_free_again_afterwards(house):
    ids = make(house, State.WORKING, State.RECEIVED)
    client = house.client("technician")

    first = send(client, ids, liste="status=alle&auswahl=alt&auf=alt")
    html = first.content.decode()
    second = send(client, ids[1:], to=State.PLANNING, liste=first.redirect_chain[0][0].partition("?")[2])

    assert [
        box.partition('value="')[2][:36] for box in html.split("<input") if 'class="pick' in box and "checked" in box
    ] == [str(ids[1])]
    assert '<option value="fertig" selected>' in html
    assert second.redirect_chain == [("/auftraege/?status=alle", 302)]
    assert "checked" not in second.content.decode().partition("<tbody>")[2]


def test_without_a_step_the_choice_is_kept(house):
    ids = make(house, State.WORKING, State.WORKING)

    html = send(house.client(), ids, to="").content.decode()

    assert "Bitte wählen, auf welchen Status" in html
    assert html.partition("<tbody>")[2].count(" checked ") == 2


def test_an_order_against_the_rules_of_the_trade_is_not_finished_on_the_side(house):
    (good,) = make(house, State.WORKING)
    (bad,) = make(house, State.WORKING)
    with house.at_work():
        for number in ("5010", "0010"):
            add_position(Order.objects.get(pk=bad), art="BEL", number=number)

    html = send(house.client("technician"), [good, bad]).content.decode()

    assert states(house, [good, bad]) == ["fertig", "in_arbeit"]
    assert "Bitte zuerst die Fehler in den Positionen beheben" in html


def test_berts_choice_of_annas_orders_moves_nothing_and_tells_nothing(house, other_house):
    ids = make(house, State.WORKING)

    foreign = send(other_house.client("technician"), ids).content.decode()
    absent = send(other_house.client("technician"), [uuid4()]).content.decode()

    assert states(house, ids) == ["in_arbeit"]
    notice = "Ein ausgewählter Auftrag ist nicht vorhanden."
    assert (foreign.count(notice), absent.count(notice)) == (1, 1)


def test_who_may_only_read_can_neither_choose_nor_move(house):
    ids = make(house, State.WORKING)
    client = house.client("reader")

    assert send(client, ids).status_code == 403
    assert 'name="auftrag"' not in client.get("/auftraege/").content.decode()
    assert states(house, ids) == ["in_arbeit"]


def test_the_courier_hands_over_but_is_not_offered_planning(house):
    ids = make(house, State.FINISHED, State.FINISHED)
    client = house.client("courier")
    page = client.get("/auftraege/").content.decode().partition('id="auswahl-status"')[2].partition("</form>")[0]

    html = send(client, ids, to=State.DELIVERED).content.decode()

    assert '<option value="geliefert">' in page
    assert '<option value="in_planung">' not in page
    assert "2 Aufträge auf „Geliefert“ gesetzt" in html
    assert states(house, ids) == ["geliefert", "geliefert"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"to": "fertig"}, "Bitte zuerst Aufträge auswählen"),
        ({"to": "", "auftrag": "x"}, "Bitte wählen, auf welchen Status"),
        ({"to": "abgerechnet", "auftrag": str(uuid4())}, "Diesen Schritt gibt es nicht für mehrere"),
        ({"to": "storniert", "auftrag": str(uuid4())}, "Diesen Schritt gibt es nicht für mehrere"),
        ({"to": "fertig", "auftrag": "krumm"}, "Die Auswahl ist nicht lesbar"),
        ({"to": "fertig", "auftrag": [str(uuid4()) for _ in range(101)]}, "Höchstens 100 Aufträge"),
    ],
)
def test_what_makes_no_sense_is_answered_in_german(house, sent, message):
    answer = house.client().post(ADDRESS, sent, follow=True)

    assert answer.redirect_chain == [("/auftraege/", 302)]
    assert message in answer.content.decode()


def test_afterwards_the_same_filter_is_shown_and_nothing_leads_elsewhere(house):
    ids = make(house, State.WORKING)

    kept = send(house.client(), ids, liste="status=in_arbeit&sortierung=-termin")
    strange = house.client().post(ADDRESS, {"to": "fertig", "liste": "//evil.example/\r\nX: 1"})

    assert kept.redirect_chain == [("/auftraege/?status=in_arbeit&sortierung=-termin", 302)]
    assert strange["Location"].startswith("/auftraege/?")
    assert "\n" not in strange["Location"]


def test_rows_are_ticked_with_x_and_moved_by_keyboard(browser_page, house, live_server_url):
    from dentatool.protection.access.internal.sessions import COOKIE

    ids = make(house, State.WORKING, State.WORKING)
    value = house.client().cookies[COOKIE].value
    browser_page.context.add_cookies([{"name": COOKIE, "value": value, "url": live_server_url, "secure": True}])
    browser_page.goto("/auftraege/")

    for key in ("j", "x", "j", "x"):
        browser_page.keyboard.press(key)
    assert browser_page.locator("[data-pick-count]").inner_text() == "2 ausgewählt"
    browser_page.locator("#auswahl-status").focus()
    browser_page.keyboard.type("Fertig")
    browser_page.keyboard.press("Tab")
    browser_page.keyboard.press("Enter")
    browser_page.get_by_text("2 Aufträge auf „Fertig“ gesetzt").wait_for()

    assert states(house, ids) == ["fertig", "fertig"]
