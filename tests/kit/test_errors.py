"""Errors made for people: a German page with what to do, the right status, and nothing of the inside."""

import pytest
from django.test import override_settings

from dentatool.kit import context
from dentatool.kit.errors import Gone, NotAllowed, NotYet


@pytest.fixture(autouse=True)
def own_addresses(database):
    """Only the pages of kit.addresses exist."""
    context._permission_of.cache_clear()
    with override_settings(ROOT_URLCONF="kit.addresses"):
        yield
    context._permission_of.cache_clear()


@pytest.mark.parametrize(("error", "status"), [(NotYet, 409), (NotAllowed, 403), (Gone, 410)])
def test_an_action_s_refusal_becomes_a_page_with_its_words(anna, error, status):
    answer = anna.client().get(f"/stoerung/{error.__name__}/")

    html = answer.content.decode()
    assert answer.status_code == status
    assert "Die Charge fehlt. Bitte eintragen." in html
    assert error.title in html
    assert "Vorgang <code>" in html


def test_an_unknown_address_is_the_same_page_for_everybody_to_the_byte_but_for_the_nonce(anna):
    client = anna.client()
    one, other = client.get("/gibt/es/nicht/"), client.get("/praxen/018f0000-0000-7000-8000-000000000000/")

    assert (one.status_code, other.status_code) == (404, 404)
    assert "Nicht vorhanden" in one.content.decode()
    assert "Vorgang" not in one.content.decode()


def test_an_unexpected_error_shows_a_reference_and_nothing_of_the_inside(anna):
    client = anna.client()
    client.raise_request_exception = False

    answer = client.get("/stoerung/KeyError/")

    html = answer.content.decode()
    assert answer.status_code == 500
    assert "Da ist etwas schiefgegangen" in html
    assert "Erika" not in html
    assert "Traceback" not in html
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_form_without_its_token_is_refused_in_german(anna):
    from django.test import Client

    from dentatool.protection.access.internal.sessions import COOKIE

    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    strict.cookies[COOKIE] = anna.client().cookies[COOKIE].value

    answer = strict.post("/praxen/neu/", {"name": "x"}, secure=True)

    assert answer.status_code == 403
    assert "Das Formular ist abgelaufen" in answer.content.decode()


def test_too_much_data_is_refused_in_german(anna):
    answer = anna.client().post("/praxen/neu/", {"name": "x" * 3_000_000})

    assert answer.status_code == 413
    assert "Das ist zu groß" in answer.content.decode()


def test_too_many_fields_are_refused_in_german(anna):
    answer = anna.client().post("/praxen/neu/", {f"field{number}": "" for number in range(2500)})

    assert answer.status_code == 413


def test_an_address_opened_in_the_wrong_way_says_so_in_german(anna):
    answer = anna.client().post("/praxen/", {})

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert "So lässt sich diese Adresse nicht öffnen" in answer.content.decode()


def test_a_nonce_asked_for_after_the_answer_is_loud():
    from csp.exceptions import CSPNonceError
    from django.http import HttpResponse
    from django.test import RequestFactory

    from dentatool.kit.headers import Policy

    request = RequestFactory().get("/")
    answer = Policy(lambda _request: HttpResponse())(request)

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "nonce" not in answer.headers["Content-Security-Policy"]
    with pytest.raises(CSPNonceError):
        str(request.csp_nonce)
