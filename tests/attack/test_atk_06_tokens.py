"""ATK-06: a token with claims to another laboratory: in headers, address, body and host. Only the token counts."""

from collections.abc import Iterator
from typing import Any

import pytest

from attack.marked import Marked, fill, marker_of
from dentatool.protection.audit import Entry
from harness.live import Line, LiveServer
from pages.test_matrix import fingerprint

CLAIMS = ["X-Tenant", "X-Tenant-Id", "X-Lab-Id", "X-Laboratory", "X-Organization-Id"]
IDLE = ["X-Forwarded-User", "Remote-User", "X-Forwarded-Host", "X-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"]
FIELDS = ["lab_id", "tenant", "tenant_id", "laboratory", "lab", "organization_id", "id"]


@pytest.fixture
def both(anna: Any, bert: Any) -> tuple[Marked, Marked]:
    return fill(anna, marker_of("ANNA"), 3), fill(bert, marker_of("BERT"), 3)


@pytest.fixture
def line(live_server: LiveServer) -> Iterator[Line]:
    opened = Line(live_server)
    yield opened
    opened.close()


def test_a_header_that_claims_another_laboratory_is_refused_and_noted(both: tuple[Marked, Marked], anna: Any) -> None:
    program, foreign = anna.program(), both[1].lab.lab_id

    for name in CLAIMS:
        refused = program.ask("GET", "practices", **{name.replace("-", "_"): str(foreign)})
        agreed = program.ask("GET", "practices", **{name.replace("-", "_"): str(anna.lab_id)})
        assert (refused.status_code, agreed.status_code) == (403, 200)
        assert both[1].marker not in refused.content.decode()

    with anna.at_work():
        noted = Entry.objects.filter(kind="event", what="authz_fail")
        assert sorted(entry.changes["header"] for entry in noted) == sorted(CLAIMS)


def test_other_headers_change_nothing(line: Line, both: tuple[Marked, Marked], anna: Any) -> None:
    token, foreign = anna.token(), str(both[1].lab.lab_id)
    said = {"Authorization": f"Bearer {token}"}
    plain = line.send("GET", "/api/v1/practices", None, said)
    assert plain.status == 200 and both[0].marker in plain.text

    for name in IDLE:
        claimed = line.send("GET", "/api/v1/practices", None, {**said, name: foreign})
        assert (claimed.status, claimed.body) == (plain.status, plain.body), name
    for method in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        claimed = line.send("GET", f"/api/v1/practices/{both[0].practice}", None, {**said, method: "DELETE"})
        assert claimed.status == 200


@pytest.mark.parametrize("name", FIELDS)
def test_a_laboratory_in_body_or_address_is_no_field(anna: Any, bert: Any, name: str, superuser: Any) -> None:
    program = anna.program()
    before = fingerprint(superuser, bert.lab_id), fingerprint(superuser, anna.lab_id)

    in_body = program.post("practices", {"customer_number": "1", "name": "x", name: str(bert.lab_id)})
    in_address = program.get(f"practices?{name}={bert.lab_id}")

    assert (in_body.status_code, in_address.status_code) == (422, 400)
    assert (fingerprint(superuser, bert.lab_id), fingerprint(superuser, anna.lab_id)) == before


@pytest.mark.parametrize("host", ["boese.example", "bert.localhost", "localhost.boese.example", ""])
def test_no_host_but_ours_is_answered(line: Line, anna: Any, host: str) -> None:
    answer = line.send("GET", "/api/v1/practices", None, {"Authorization": f"Bearer {anna.token()}", "Host": host})

    assert answer.status == 400
    assert "boese" not in answer.text + str(answer.headers)


def test_a_link_of_the_answer_names_no_host(anna: Any, both: tuple[Marked, Marked]) -> None:
    answer = anna.program().get("orders?limit=1", X_Forwarded_Host="boese.example")

    assert answer.headers["Link"].startswith("</api/v1/orders?limit=1&cursor=")


def test_two_credentials_are_none(anna: Any, bert: Any) -> None:
    """A session of one laboratory beside a token of the other: refused, whichever would have counted."""
    session, token = anna.client("owner"), bert.token()

    answer = session.get("/api/v1/practices", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 400
    assert answer.json()["title"] == "Zwei Anmeldungen"
