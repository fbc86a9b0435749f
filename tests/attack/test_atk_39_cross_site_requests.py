"""ATK-39: another site makes the browser of a signed-in person act. Each address refuses, in German, and nothing changes."""

import pytest
from django.middleware.csrf import _get_new_csrf_string

from api import records as program_records
from dentatool.api.operation import OPERATIONS, Endpoint
from dentatool.protection.access.internal.sessions import COOKIE
from pages.test_matrix import ALL, fingerprint, records_of

WRITING = ("POST", "PUT", "PATCH", "DELETE")
OWN = "https://localhost"
REPORTS = "csp_report"  # browsers send reports without a token; tests/attack/test_security_events.py has its limits


@pytest.fixture
def annas_browser(anna):
    """Signed in, with the checks that the test client leaves out by default, and a form's token."""
    client = anna.client("owner")
    client.handler.enforce_csrf_checks = True
    client.get("/praxen/neu/")
    return client


def token_of(client):
    page = client.get("/praxen/neu/").content.decode()
    return page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]


@pytest.mark.parametrize("forged", ["no token", "invented token", "foreign origin", "opaque origin", "foreign referer"])
def test_no_address_acts_for_another_site(annas_browser, anna, superuser, forged):
    records, token = records_of(anna), token_of(annas_browser)
    headers = {
        "no token": {"HTTP_ORIGIN": OWN},
        "invented token": {"HTTP_ORIGIN": OWN, "HTTP_X_CSRFTOKEN": _get_new_csrf_string()},
        "foreign origin": {"HTTP_ORIGIN": "https://boese.example", "HTTP_X_CSRFTOKEN": token},
        "opaque origin": {"HTTP_ORIGIN": "null", "HTTP_X_CSRFTOKEN": token},
        "foreign referer": {"HTTP_REFERER": "https://boese.example/localhost", "HTTP_X_CSRFTOKEN": token},
    }[forged]
    before = fingerprint(superuser, anna.lab_id)

    for address in ALL:
        if address.name == REPORTS:
            continue
        for method in WRITING:
            answer = annas_browser.generic(method, address.filled(records), b"a=b", **headers)
            assert answer.status_code == 403, f"{method} {address.pattern} {forged}: {answer.status_code}"
    assert 'lang="de"' in answer.content.decode()

    assert fingerprint(superuser, anna.lab_id) == before


def test_with_its_own_token_and_origin_a_form_is_taken(annas_browser):
    """So it is the forgery that is refused above, not the test's way of asking."""
    headers = {"HTTP_ORIGIN": OWN, "HTTP_X_CSRFTOKEN": token_of(annas_browser)}
    answer = annas_browser.generic("POST", "/praxen/neu/", b"a=b", "application/x-www-form-urlencoded", **headers)
    assert answer.status_code == 422


def test_no_view_is_excused_from_the_check():
    from django.urls import URLResolver, get_resolver

    def views(patterns):
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from views(entry.url_patterns)
            else:
                yield entry.callback

    found = list(views(get_resolver().url_patterns))
    assert len(found) > 50
    exempt = [view for view in found if getattr(view, "csrf_exempt", False)]
    assert [view.__name__ for view in exempt if not isinstance(view, Endpoint)] == [REPORTS]


def test_what_is_excused_takes_no_cookie(annas_browser, anna, superuser):
    """Programs carry a token in a header, which no site can make a browser send."""
    records = program_records.records_of(anna)
    before = fingerprint(superuser, anna.lab_id)

    for one in OPERATIONS:
        answer = annas_browser.generic(one.method, f"/api/v1/{program_records.filled(one.path, records)}", b"{}")
        assert answer.status_code == 401, f"{one.method} {one.path}"

    assert fingerprint(superuser, anna.lab_id) == before


def test_cookies_are_bound_to_this_host_and_hidden_from_scripts(nobody):
    from django.conf import settings

    page = nobody_page = nobody.get("/anmelden/")
    assert nobody_page.status_code == 200
    for cookie in page.cookies.values():
        assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] in ("Lax", "Strict")
        assert cookie["domain"] == "" and cookie["path"] == "/"
    assert COOKIE.startswith("__Host-")
    assert settings.CSRF_COOKIE_NAME.startswith("__Host-")
