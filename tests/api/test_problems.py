"""What is wrong is told as problem+json in German, with the field that it is about; nothing is stored."""

import json
import re

import pytest

from dentatool.practices.models import Practice
from harness.laboratories import nobody_client

WRONG = [
    ("", 422),  # nothing at all: the fields that must be there are missing
    ("null", 400),
    ("[]", 400),
    ('"text"', 400),
    ("{", 400),
    ("{'a': 1}", 400),
    ('{"name": "a", "name": "b"}', 400),
    ('{"payment_days": NaN}', 400),
    ('{"payment_days": Infinity}', 400),
    ("[" * 100_000, 400),
    ('{"payment_days": ' + "9" * 5000 + "}", 400),
    ('{"customer_number": "1", "name": "x", "lab_id": "018f0000-0000-7000-8000-000000000000"}', 422),
    ('{"customer_number": "1", "name": "x", "version": 1}', 422),
    ('{"customer_number": "1", "name": ""}', 422),
    ('{"customer_number": "1", "name": null}', 422),
    ('{"customer_number": 1, "name": "x"}', 422),
    ('{"customer_number": "1", "name": "x\\u0000y"}', 422),
    ('{"customer_number": "1", "name": "\\ud800"}', 422),
    ('{"customer_number": "1", "name": "' + "x" * 121 + '"}', 422),
    ('{"customer_number": "1", "name": "x", "payment_days": 1.5}', 422),
    ('{"customer_number": "1", "name": "x", "payment_days": true}', 422),
    ('{"customer_number": "1", "name": "x", "payment_days": "30"}', 422),
    ('{"customer_number": "1", "name": "x", "payment_days": -1}', 422),
    ('{"customer_number": "1", "name": "x", "payment_days": 99999999999999}', 422),
    ('{"customer_number": "1", "name": "x", "active": "ja"}', 422),
    ('{"customer_number": "1", "name": "x", "xml_version": "9.9"}', 422),
    ('{"customer_number": "1", "name": "x", "email": "keine Adresse"}', 422),
]


def send(program, body, content_type="application/json", **headers):
    client = nobody_client()
    client.raise_request_exception = False
    said = {"host": "localhost", "Authorization": f"Bearer {program.token}", **headers}
    return client.generic("POST", "/api/v1/practices", body, content_type, headers=said)


@pytest.mark.parametrize(("body", "status"), WRONG)
def test_what_is_wrong_is_refused_in_german(anna, program, body, status):
    answer = send(program, body)

    told = answer.json()
    assert (answer.status_code, told["status"]) == (status, status), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["title"] and told["detail"]
    with anna.at_work():
        assert Practice.objects.count() == 0


def test_each_wrong_field_is_named(program):
    answer = program.post("practices", {"name": "x" * 200, "payment_days": "30", "gibt~es/nicht": 1})

    assert answer.json()["errors"] == [
        {"pointer": "/name", "message": "Bitte höchstens 120 Zeichen angeben (jetzt sind es 200)."},
        {"pointer": "/payment_days", "message": "Hier muss eine ganze Zahl stehen."},
        {"pointer": "/gibt~0es~1nicht", "message": "Dieses Feld gibt es hier nicht."},
        {"pointer": "/customer_number", "message": "Bitte „Kundennummer“ angeben."},
    ]


def test_the_rules_of_the_pages_are_those_of_the_api(program, practice):
    twice = program.post("practices", {"customer_number": "1001", "name": "Noch eine"})
    skonto = program.post("practices", {"customer_number": "1002", "name": "Andere", "skonto_permille": 999})

    assert [each["message"] for each in twice.json()["errors"]] == ["Diese Kundennummer hat schon eine andere Praxis."]
    assert (twice.status_code, skonto.status_code) == (422, 422)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/xml"]
)
def test_only_json_is_taken(program, content_type):
    answer = send(program, '{"customer_number": "1", "name": "x"}', content_type)

    assert answer.status_code == 415


def test_what_cannot_be_given_is_refused(program):
    assert program.get("practices", Accept="text/html").status_code == 406
    assert program.get("practices", Accept="application/*;q=0.5, text/html").status_code == 200


def test_two_megabytes_are_enough(program):
    answer = send(program, json.dumps({"customer_number": "1", "name": "x", "remarks": "x" * 2_000_001}))

    assert answer.status_code == 413
    assert send(program, b"x" * 3_000_000).status_code == 413


@pytest.mark.parametrize(
    "query",
    [
        *("lab_id=018f0000-0000-7000-8000-000000000000", "sort=name", "active=ja", "active=true&active=false", "limit=0"),
        *("limit=101", "limit=abc", "limit=", "cursor=x", "cursor=%00", "cursor=" + "A" * 22 + "!", "search=" + "x" * 201),
    ],
)  # fmt: skip
def test_an_address_with_something_unknown_is_refused(program, query):
    answer = program.get(f"practices?{query}")

    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_is_not_there_is_told_to_programs_as_to_people(program):
    for address in ("gibt-es-nicht", "practices/", "practices/keine-kennung", "../v1", ""):
        answer = program.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_options_says_what_there_is_and_names_no_other_origin(program):
    answer = program.ask("OPTIONS", "practices", Origin="https://boese.example")

    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_the_description_and_its_page_are_open_and_hold_no_script(nobody):
    description = nobody.get("/api/v1/openapi.json")
    page = nobody.get("/api/v1/docs")

    assert description.json()["openapi"] == "3.1.0"
    assert page.status_code == 200
    for operation in ("POST", "/api/v1/orders/{pk}/steps", "Auftrag weiterschalten"):
        assert operation in page.content.decode()
    assert not re.findall(r"<script(?![^>]* src=)|style=|https?://", page.content.decode())
