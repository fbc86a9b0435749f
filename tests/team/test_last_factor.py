"""A password of 12 characters is enough beside a second factor. When the last one goes, it is not."""

import pytest

from dentatool.protection.access.internal.models import Factor
from harness.authenticator import Authenticator
from harness.entering import STEP, add_app, add_codes, add_passkey, code_of, events, is_inside, letter, with_password

SHORT, LONG = "qv7 wxkz uf3", "qv7 wxkz uf3 pmry"
WRONG = "Das ist nicht Ihr jetziges Passwort"


@pytest.fixture
def with_short_password(anna):
    """Anna's technician with an app and a password of twelve characters: browser and key of the app."""
    client = anna.client("technician")
    key = add_app(client)
    answer = client.post("/konto/passwort/", {"old": anna.technician.password, "new": SHORT})
    assert answer.status_code == 302
    return client, key


def removal(anna, kind="app"):
    with anna.at_work():
        factor = Factor.objects.filter(account_id=anna.technician.id, kind=kind).first()
    return f"/konto/anmeldung/{factor.pk}/entfernen/"


def held(anna):
    with anna.at_work():
        return sorted(Factor.objects.filter(account_id=anna.technician.id).values_list("kind", flat=True))


def test_the_last_factor_goes_only_with_a_password_that_does_without(anna, with_short_password, post_office):
    client, _key = with_short_password
    other = with_password(anna.technician, password=SHORT)[0]

    asked = client.get(removal(anna)).content.decode()
    refused = {
        told: client.post(removal(anna), sent)
        for told, sent in (
            (WRONG, {"old": "geraten", "new": LONG}),
            ("mindestens 15 Zeichen", {"old": SHORT}),
            ("Mindestens 15", {"old": SHORT, "new": "pmry wxkz 4uf"}),
        )
    }

    assert "letztes zweites Verfahren" in asked
    for told, answer in refused.items():
        assert (answer.status_code, told.lower() in answer.content.decode().lower()) == (422, True), told
    assert held(anna) == ["app"]
    assert client.post(removal(anna), {"old": SHORT, "new": LONG}).status_code == 302
    assert held(anna) == []
    assert is_inside(client) and not is_inside(other)
    assert is_inside(with_password(anna.technician, password=LONG)[0])
    assert with_password(anna.technician, password=SHORT)[1].status_code == 422
    assert letter(post_office, anna.technician, "Passwort") and letter(post_office, anna.technician, "Anmeldung")
    assert len(events(anna, "authn_factor_removed")) == 1


def test_who_has_a_long_one_proves_it_and_keeps_it(anna):
    client = anna.client("technician")
    add_app(client)
    add_codes(client)

    answer = client.post(removal(anna), {"old": anna.technician.password})
    assert answer.status_code == 302

    assert held(anna) == []  # the recovery codes stood in for it
    assert is_inside(with_password(anna.technician)[0])


def test_of_two_factors_the_first_goes_without_questions(anna, with_short_password):
    client, _key = with_short_password
    assert add_passkey(client, Authenticator()).status_code == 302

    assert "Jetziges Passwort" not in client.get(removal(anna)).content.decode()
    answer = client.post(removal(anna))
    assert answer.status_code == 302

    assert held(anna) == ["passkey"]


def test_wrong_passwords_here_are_counted_like_everywhere(anna, with_short_password):
    client, _key = with_short_password
    for _ in range(5):
        client.post(removal(anna), {"old": "geraten", "new": LONG})

    answer = client.post(removal(anna), {"old": SHORT, "new": LONG})

    assert answer.status_code == 422
    assert WRONG in answer.content.decode()
    assert held(anna) == ["app"]


def test_whose_factors_were_taken_back_by_the_laboratory_adds_one_or_sets_a_longer_password(anna, with_short_password):
    """The reset asks nobody for a password, so the next sign-in does."""
    from dentatool.protection.access.factors import forget_all
    from dentatool.protection.access.internal.models import Account

    with anna.at_work():
        forget_all(Account.objects.get(pk=anna.technician.id))

    client, answer = with_password(anna.technician, password=SHORT)

    assert answer.headers["Location"].startswith(STEP)
    assert not is_inside(client)
    assert client.get(STEP).headers["Location"] == "/konto/anmeldung/"
    assert "kürzer als 15 Zeichen" in client.get("/konto/anmeldung/").content.decode()
    key = add_app(client)
    assert is_inside(client)
    again = with_password(anna.technician, password=SHORT)[0]
    assert again.post(STEP, {"code": code_of(key)}).status_code == 302
    assert is_inside(again)
