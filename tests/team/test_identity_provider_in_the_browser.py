"""A person comes in by the laboratory's own provider, with a real browser on both sides."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from harness.identity import SECRET, Provider
from harness.live import COOKIE, LiveServer, running_server


@pytest.fixture
def web(database: dict, provider: Provider) -> Iterator[LiveServer]:
    """A web server that may go to the provider."""
    host = urlsplit(provider.issuer).netloc
    trusted = settings.DENTATOOL_CA_FILE
    with running_server("identity", threads=2, DENTATOOL_PRIVATE_HOSTS=host, DENTATOOL_CA_FILE=trusted) as found:
        yield found


def test_the_owner_sets_the_provider_and_a_technician_comes_in_by_it(
    anna: Any, browser_page: Any, web: LiveServer, provider: Provider, tmp_path: Path
) -> None:
    name = provider.person(email=anna.technician.sign_in_name, email_verified=True)
    return_address = f"{web.url}/anmelden/dienst/{anna.lab_id}/zurueck/"
    owner, page = browser_page, browser_page.context.browser.new_context(ignore_https_errors=True).new_page()
    owner.context.add_cookies([{"name": COOKIE, "value": anna._session_token("owner"), "url": web.url, "secure": True}])

    owner.goto(f"{web.url}/labor/sicherheit/")
    owner.get_by_role("link", name="Anmeldedienst").click()
    assert owner.get_by_text(return_address, exact=True).is_visible()
    owner.get_by_label("Adresse des Anmeldedienstes").fill(provider.issuer)
    owner.get_by_label("Client-ID").fill(provider.client(return_address))
    owner.get_by_label("Client-Secret").fill(SECRET)
    owner.get_by_label("Anmelden mit diesem Dienst erlauben").check()
    owner.get_by_role("button", name="Prüfen und speichern").click()
    owner.get_by_text("ist gespeichert und hat geantwortet").wait_for()

    page.goto(f"{web.url}/anmelden/dienst/{anna.lab_id}/?weiter=/auftraege/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Passwort").fill(name)
    page.get_by_role("button", name="Anmelden").click()
    page.wait_for_url(f"{web.url}/auftraege/")
    assert page.get_by_text(anna.technician.display_name).first.is_visible()

    page.get_by_role("button", name=re.compile("Konto von")).or_(
        page.locator("summary", has_text="Technik")
    ).first.click()
    page.get_by_role("button", name="Abmelden").click()
    page.get_by_role("link", name="Mit dem Anmeldedienst des Labors").click()  # still signed in there
    page.wait_for_url(f"{web.url}/")
    page.context.close()
