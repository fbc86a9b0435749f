"""Whoever is signed in can sign out from every page (ASVS V7.4.4)."""

from pages.test_matrix import INNER


def test_every_page_offers_the_way_out(anna):
    client = anna.client("owner")
    client.raise_request_exception = False
    pages = 0

    for address in INNER:
        if address.takes_ids or address.name == "sign_out":
            continue
        answer = client.get(address.pattern)
        text = b"" if answer.streaming else answer.content
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html") and b"<html" in text:
            assert b'action="/abmelden/"' in text, address.pattern
            pages += 1

    assert pages > 15
