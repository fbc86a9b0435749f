"""Whoever changes says which state they know: 428 without, 412 when somebody was quicker."""

import pytest


def test_a_change_needs_the_state_that_was_seen(program, practice):
    address = f"practices/{practice['id']}"

    without = program.ask("PATCH", address, {"city": "Ulm"})
    stale = program.patch(address, {"city": "Ulm"}, practice["version"] + 1)
    changed = program.patch(address, {"city": "Ulm"}, practice["version"])
    again = program.patch(address, {"city": "Köln"}, practice["version"])

    assert [each.status_code for each in (without, stale, changed, again)] == [428, 412, 200, 412]
    assert again.headers["ETag"] == changed.headers["ETag"] == f'"{practice["version"] + 1}"'
    assert program.get(address).json()["city"] == "Ulm"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ('"1", "{}"', 200),
        ("*", 200),
        ('W/"{}"', 412),
        ('"x"', 412),
        ("{}", 400),
        ('"{}', 400),
        ("", 400),
        ('"1" "2"', 400),
    ],
)
def test_how_the_state_may_be_said(program, practice, said, status):
    answer = program.ask(
        "PATCH", f"practices/{practice['id']}", {"city": "Ulm"}, If_Match=said.format(practice["version"])
    )

    assert answer.status_code == status


def test_a_change_leaves_what_was_not_sent(program, practice):
    address = f"practices/{practice['id']}"
    one = program.patch(address, {"city": "Ulm", "skonto_permille": 25, "active": False}, practice["version"]).json()

    two = program.patch(address, {"phone": "0731 1"}, one["version"]).json()

    assert {name: two[name] for name in ("city", "skonto_permille", "active", "phone", "name")} == {
        "city": "Ulm",
        "skonto_permille": 25,
        "active": False,
        "phone": "0731 1",
        "name": "Praxis Dr. Weber",
    }


def test_an_order_is_changed_with_its_teeth(program, order):
    address = f"orders/{order.pk}"
    before = program.get(address).json()

    changed = program.patch(address, {"teeth": {"14": "krone", "15": ""}, "remarks": "eilig"}, before["version"])

    assert changed.status_code == 200, changed.content
    assert changed.json()["teeth"] == {"15": "", "14": "krone"}
    assert program.patch(address, {"shade": "A3"}, before["version"]).status_code == 412
    after = program.get(address).json()
    assert (after["shade"], after["remarks"]) == (before["shade"], "eilig")


def test_a_patient_is_changed_and_not_renamed_by_accident(program, practice):
    made = program.post(
        "patients", {"practice": practice["id"], "name": "Käthe Müller", "birth_date": "1950-02-28"}
    ).json()

    changed = program.patch(f"patients/{made['id']}", {"allergies": "Nickel"}, made["version"]).json()

    assert (changed["name"], changed["birth_date"], changed["allergies"]) == ("Käthe Müller", "1950-02-28", "Nickel")
    found = program.post("patients/search", {"search": "kaethe mueler"}).json()
    assert [each["id"] for each in found["items"]] == [made["id"]]


def test_a_position_is_added_changed_and_removed(program, order):
    place = f"orders/{order.pk}/positions"
    made = program.post(place, {"number": "P1", "art": "NBL", "text": "Individueller Löffel", "price_cents": 4250})
    assert made.status_code == 201, made.content
    line = made.json()

    changed = program.patch(f"{place}/{line['id']}", {"quantity_milli": 2500}, line["version"]).json()

    assert (changed["price_cents"], changed["quantity_milli"], changed["amount_cents"]) == (4250, 2500, 10625)
    removed = [program.ask("DELETE", f"{place}/{line['id']}", If_Match=f'"{line["version"]}"').status_code]
    removed += [
        program.ask("DELETE", f"{place}/{line['id']}", If_Match=f'"{changed["version"]}"').status_code for _ in "12"
    ]
    assert removed == [412, 204, 404]


def test_lines_of_a_draft_are_replaced_as_a_whole(program, order):
    draft = program.post("invoices", {"order": str(order.pk)}).json()
    place = f"invoices/{draft['id']}/lines"
    rows = [
        {
            "art": "NBL",
            "number": "P1",
            "text": "Löffel",
            "quantity_milli": 1000,
            "price_cents": 1000,
            "vat_permille": 70,
        },
        {"art": "RBT", "text": "Nachlass", "quantity_milli": 1000, "price_cents": 100, "vat_permille": 70},
    ]

    wrong = program.ask("PUT", place, {"lines": [{**rows[0], "art": "BEL"}]}, If_Match=f'"{draft["version"]}"')
    stored = program.ask("PUT", place, {"lines": rows}, If_Match=f'"{draft["version"]}"')
    stale = program.ask("PUT", place, {"lines": []}, If_Match=f'"{draft["version"]}"')

    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/lines/0/number")
    assert (stored.status_code, stored.json()["net_cents"]) == (200, 900)
    assert stale.status_code == 412
    assert [line["text"] for line in program.get(place).json()["items"]] == ["Löffel", "Nachlass"]


def test_an_invoice_is_issued_once_and_cancelled_once(program, order):
    draft = program.post("invoices", {"order": str(order.pk)}).json()
    place = f"invoices/{draft['id']}"

    issued = program.post(f"{place}/issue")
    again = program.post(f"{place}/issue")
    cancelled = program.post(f"{place}/cancellation", {"reason": "Falsche Praxis"})
    twice = program.post(f"{place}/cancellation", {"reason": "Falsche Praxis"})

    assert issued.status_code == 200, issued.content
    assert (again.status_code, again.json()["title"]) == (409, "Bereits ausgestellt")
    assert cancelled.status_code == 201
    assert cancelled.json()["cancellation"]["gross_cents"] == -issued.json()["gross_cents"]
    assert program.get(f"invoices/{cancelled.json()['draft']}").json()["state"] == "entwurf"
    assert twice.status_code == 409
