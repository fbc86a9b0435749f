"""The one table of permitted steps."""

import pytest

from dentatool.orders.workflow import LABELS, STEPS, TONES, Facts, NotPermitted, State, require_step, steps_from

ALL = {"ORDERS_MOVE", "ORDERS_CHANGE", "BILLING_CHANGE"}


def verbs(state: State, facts: Facts = Facts(), held: set[str] = ALL) -> list[str]:  # noqa: B008 - Facts is frozen
    return [step.verb for step in steps_from(state, facts, held)]


def test_every_state_has_a_name_and_a_tone():
    assert set(LABELS) == set(TONES) == set(State)


def test_no_step_stands_twice_in_the_table():
    pairs = [(step.before, step.after) for step in STEPS]

    assert len(pairs) == len(set(pairs))


def test_every_state_can_be_reached_and_left_but_cancelled_is_final():
    reached = {step.after for step in STEPS}
    left = {step.before for step in STEPS}

    assert reached == set(State) - {State.DRAFT}
    assert left == set(State) - {State.CANCELLED}


def test_a_small_laboratory_finishes_in_two_steps():
    require_step(State.RECEIVED, State.WORKING, Facts())
    require_step(State.WORKING, State.FINISHED, Facts())

    assert "Fertig melden" in verbs(State.WORKING)


def test_work_does_not_begin_without_kind_or_date():
    with pytest.raises(NotPermitted, match="Art der Arbeit"):
        require_step(State.RECEIVED, State.WORKING, Facts(has_kind=False))
    with pytest.raises(NotPermitted, match="Liefertermin"):
        require_step(State.PLANNING, State.WORKING, Facts(has_due_date=False))


def test_errors_in_the_positions_block_finishing_and_billing():
    wrong = Facts(trade_errors=("UKPS: nur UKPS-Nummern sind erlaubt.",))

    with pytest.raises(NotPermitted, match="nur UKPS-Nummern"):
        require_step(State.CHECKING, State.FINISHED, wrong)
    with pytest.raises(NotPermitted, match="nur UKPS-Nummern"):
        require_step(State.DELIVERED, State.BILLED, wrong, by_billing=True)


def test_billed_is_reached_by_an_invoice_only():
    with pytest.raises(NotPermitted, match="ausgestellte Rechnung"):
        require_step(State.DELIVERED, State.BILLED, Facts())

    assert require_step(State.DELIVERED, State.BILLED, Facts(), by_billing=True).after is State.BILLED
    assert "Abrechnen" not in verbs(State.DELIVERED)


@pytest.mark.parametrize(
    ("facts", "words"), [(Facts(has_positions=False), "Positionen"), (Facts(has_delivery_date=False), "Lieferdatum")]
)
def test_billing_needs_positions_and_a_day_of_delivery(facts, words):
    with pytest.raises(NotPermitted, match=words):
        require_step(State.FINISHED, State.BILLED, facts, by_billing=True)


@pytest.mark.parametrize("state", [State.RECEIVED, State.PLANNING, State.WORKING])
def test_a_question_returns_to_where_it_came_from(state):
    asked = Facts(came_from=state)

    assert require_step(State.QUESTION, state, asked).verb == "Rückfrage geklärt"
    assert [step.after for step in steps_from(State.QUESTION, asked, ALL) if step.verb == "Rückfrage geklärt"] == [
        state
    ]
    for other in {State.RECEIVED, State.PLANNING, State.WORKING} - {state}:
        with pytest.raises(NotPermitted):
            require_step(State.QUESTION, other, asked)


def test_a_reason_is_asked_for_questions_holds_and_cancellations():
    for after in (State.QUESTION, State.HELD, State.CANCELLED):
        with pytest.raises(NotPermitted, match="Bitte einen Grund angeben"):
            require_step(State.WORKING, after, Facts(), reason="  ")
        assert require_step(State.WORKING, after, Facts(), reason="Farbe unklar").needs_reason


@pytest.mark.parametrize("state", [State.DELIVERED, State.BILLED, State.CLOSED])
def test_what_was_delivered_is_not_cancelled(state):
    with pytest.raises(NotPermitted, match="kann nicht auf „Storniert“"):
        require_step(state, State.CANCELLED, Facts(), reason="versehentlich")


def test_goodwill_alone_is_closed_without_an_invoice():
    assert "Ohne Rechnung abschließen" in verbs(State.DELIVERED, Facts(is_goodwill=True))
    assert "Ohne Rechnung abschließen" not in verbs(State.DELIVERED)
    with pytest.raises(NotPermitted, match="Kulanz"):
        require_step(State.DELIVERED, State.CLOSED, Facts(), reason="gratis")


def test_a_courier_moves_the_work_but_neither_cancels_nor_reopens_it():
    assert verbs(State.FINISHED, held={"ORDERS_MOVE"}) == ["Als geliefert melden"]


def test_a_cancelled_invoice_leads_back_to_where_the_order_stood():
    require_step(State.BILLED, State.DELIVERED, Facts(came_from=State.DELIVERED), by_billing=True)

    with pytest.raises(NotPermitted):
        require_step(State.BILLED, State.FINISHED, Facts(came_from=State.DELIVERED), by_billing=True)
