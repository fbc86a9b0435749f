"""Signing in as people do, step by step, without a browser."""

import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import time_machine

from harness.authenticator import Authenticator
from harness.laboratories import nobody_client

STEP = "/anmelden/zweiter-schritt/"


def with_password(member: Any, client: Any = None, password: str = "") -> tuple[Any, Any]:
    """The browser and the answer after name and password."""
    client = client or nobody_client()
    answer = client.post("/anmelden/", {"name": member.sign_in_name, "password": password or member.password})
    return client, answer


def offer_on(page: Any) -> dict[str, Any]:
    """The passkey offer that a page carries for its script."""
    from lxml import html

    (offer,) = html.document_fromstring(page.content).xpath("//form/@data-offer")
    return json.loads(offer)


def add_passkey(client: Any, authenticator: Authenticator, label: str = "Handy") -> Any:
    """Enrol a passkey through the page; the answer."""
    offer = offer_on(client.get("/konto/anmeldung/passkey/neu/"))
    answer = authenticator.create(offer["options"])
    return client.post("/konto/anmeldung/passkey/neu/", {"label": label, "note": offer["note"], "answer": answer})


def enter_by_passkey(client: Any, authenticator: Authenticator, **claims: Any) -> Any:
    """Sign in by a passkey alone; the answer."""
    offer = client.get("/anmelden/passkey/").json()
    return client.post(
        "/anmelden/passkey/", {"note": offer["note"], "answer": authenticator.prove(offer["options"]), **claims}
    )


def add_app(client: Any, ago_s: int = 30) -> str:
    """Enrol an authenticator app through the page, a step ago, so that the code of now is unused; its key."""
    with time_machine.travel(time.time() - ago_s, tick=False):
        return _add_app(client)


def _add_app(client: Any) -> str:
    page = client.get("/konto/anmeldung/app/neu/").content.decode()
    key = re.search(r'class="app-key">([^<]+)<', page).group(1).replace(" ", "")
    note = re.search(r'name="note" value="([^"]+)"', page).group(1)
    answer = client.post("/konto/anmeldung/app/neu/", {"label": "Handy", "code": code_of(key), "note": note})
    assert answer.status_code == 302, answer.content.decode()
    return key


def code_of(key: str, steps: int = 0) -> str:
    """What the app shows now, or so many steps later."""
    import base64

    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    return TOTP(base64.b32decode(key), 6, SHA1(), 30).generate(int(time.time()) + 30 * steps).decode()  # noqa: S303


def add_codes(client: Any) -> list[str]:
    """Make recovery codes through the page."""
    page = client.post("/konto/anmeldung/codes/").content.decode()
    found = re.findall(r"<li><code>([^<]+)</code>", page)
    assert len(found) == 10
    return found


def is_inside(client: Any) -> bool:
    """Whether this browser reaches an inner page."""
    answer = client.get("/konto/anmeldung/")
    inner = client.get("/")
    assert inner.status_code in (200, 302)
    if inner.status_code == 302:
        assert urlsplit(inner.headers["Location"]).path == "/anmelden/"
    return inner.status_code == 200 and answer.status_code == 200


def events(lab: Any, what: str) -> list[dict[str, Any]]:
    """The facts of these events in the laboratory's trail, oldest first."""
    from dentatool.protection.audit import Entry

    with lab.at_work():
        return list(Entry.objects.filter(what=what).order_by("at").values_list("changes", flat=True))


def letter(post_office: Any, member: Any, subject: str) -> Any:
    """The newest message to this person with these words in its subject; all mail is delivered first."""
    post_office.deliver()
    found = [each for each in post_office.to(member.sign_in_name) if subject in str(each.message["Subject"])]
    assert found, [str(each.message["Subject"]) for each in post_office.to(member.sign_in_name)]
    return found[-1]
