"""The list of sessions, and ending them."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dentatool.protection.access.internal.models import Session
from harness.laboratories import nobody_client

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


def browser(lab, role, device, address):
    client = nobody_client()
    client.defaults |= {"HTTP_USER_AGENT": device, "REMOTE_ADDR": address}
    member = lab.member(role)
    client.post("/anmelden/", {"name": member.sign_in_name, "password": member.password})
    return client


def rows_of(client, address="/konto/sitzungen/"):
    page = client.get(address)
    assert page.status_code == 200
    return page.context["rows"]


def test_a_person_sees_their_sessions_in_words_with_this_one_first(anna):
    desk = browser(anna, "technician", FIREFOX, "192.0.2.10")
    browser(anna, "technician", IPHONE, "2001:db8:1:2::5")
    browser(anna, "owner", FIREFOX, "192.0.2.11")

    rows = rows_of(desk)

    assert [(row["device"], row["network"], row["is_this"]) for row in rows] == [
        ("Firefox unter Windows", "192.0.2.x", True),
        ("Safari unter iPhone", "2001:db8:1:…", False),
    ]
    assert all(re.fullmatch(r"heute \d\d:\d\d", row["since"]) for row in rows)
    assert all(row["method"] == "mit Passwort" for row in rows)


def test_one_other_session_is_ended_and_this_one_lives(anna):
    desk, phone = anna.client("technician"), anna.client("technician")
    (other,) = [row["id"] for row in rows_of(desk) if not row["is_this"]]

    answer = desk.post("/konto/sitzungen/", {"ende": str(other)})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/konto/sitzungen/")
    assert (desk.get("/").status_code, phone.get("/").status_code) == (200, 302)
    told = phone.get("/anmelden/").content.decode()
    assert "von einem anderen Gerät aus beendet" in told


def test_all_others_are_ended_at_once(anna):
    desk, others = anna.client(), [anna.client() for _ in range(3)]
    colleague = anna.client("technician")

    desk.post("/konto/sitzungen/", {"ende": "alle"})

    assert [client.get("/").status_code for client in (desk, *others, colleague)] == [200, 302, 302, 302, 200]


@pytest.mark.parametrize("whose", ["colleague", "bert", "own", "nothing", "nonsense"])
def test_no_other_sessions_than_the_own_are_ended(anna, bert, whose):
    desk = anna.client("technician")
    clients = {"colleague": anna.client("owner"), "bert": bert.client("owner"), "own": desk}
    ids = {"nothing": "", "nonsense": "' or 1=1"}
    if whose in clients:
        with (bert if whose == "bert" else anna).at_work():
            role = "technician" if whose == "own" else "owner"
            lab = bert if whose == "bert" else anna
            ids[whose] = str(Session.objects.get(account_id=lab.member(role).id).pk)

    answer = desk.post("/konto/sitzungen/", {"ende": ids[whose]})

    assert answer.status_code == 410
    assert "schon beendet" in answer.content.decode()
    assert all(client.get("/").status_code == 200 for client in clients.values())


def test_the_owner_sees_and_ends_the_sessions_of_the_laboratory(anna, bert):
    owner, technician, stranger = anna.client(), anna.client("technician"), bert.client()
    rows = rows_of(owner, "/team/sitzungen/")
    assert sorted(row["person"] for row in rows) == sorted([anna.owner.display_name, anna.technician.display_name])
    (theirs,) = [row["id"] for row in rows if not row["is_this"]]

    owner.post("/team/sitzungen/", {"ende": str(theirs)})

    assert [client.get("/").status_code for client in (owner, technician, stranger)] == [200, 302, 200]
    assert "vom Labor beendet" in technician.get("/anmelden/").content.decode()


def test_who_may_not_change_the_team_does_not_see_who_is_signed_in(anna):
    assert anna.client("technician").get("/team/sitzungen/").status_code == 403


def test_the_list_asks_as_much_for_two_sessions_as_for_six(anna):
    client = anna.client()
    anna.client()

    rows_of(client)  # keys and prepared questions are fetched once
    few = questions_for(client, rows=2)
    for _ in range(4):
        anna.client()

    assert questions_for(client, rows=6) == few


def questions_for(client, rows):
    with CaptureQueriesContext(connection) as asked:
        assert len(rows_of(client)) == rows
    return len(asked)
