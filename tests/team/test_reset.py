"""A forgotten password: one link by e-mail, good once, for 15 minutes, and never a way past the second factor."""

import pytest

from harness.database import connect_as
from harness.entering import add_app, events, is_inside, letter, with_password
from harness.laboratories import nobody_client

NEW = "Blaue Tassen fliegen nach Ulm"
ASK = "/anmelden/passwort-vergessen/"


@pytest.fixture
def ask(anna, database, post_office, monkeypatch):
    """Ask for a link and let the worker do its part; the address in the newest e-mail."""
    from dentatool.team import jobs

    def as_worker():
        with connect_as(database, "worker", autocommit=True) as worker:
            return worker.execute("select * from protection.door_take_reset_requests()").fetchall()

    monkeypatch.setattr(jobs, "take_reset_requests", as_worker)

    def asked(member):
        assert nobody_client().post(ASK, {"name": member.sign_in_name.upper()}).status_code == 200
        jobs.send_reset_links()
        (address,) = letter(post_office, member, "Neues Passwort").links
        return "/anmelden/" + address.partition("/anmelden/")[2]

    return asked


def test_the_link_sets_a_new_password_once_and_signs_nobody_in(anna, ask, post_office):
    elsewhere, client = anna.client(), nobody_client()
    link = ask(anna.owner)
    assert client.get(link).status_code == 200

    answer = client.post(link, {"new": NEW})
    again = client.post(link, {"new": NEW + " zwei"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/anmelden/")
    assert again.status_code == client.get(link).status_code == 410
    assert not is_inside(client)
    assert not is_inside(elsewhere)  # every session has ended
    assert with_password(anna.owner)[1].status_code == 422
    assert is_inside(with_password(anna.owner, None, NEW)[0])
    assert "neu gesetzt" in letter(post_office, anna.owner, "Ihr Passwort").text
    assert len(events(anna, "authn_password_reset")) == 1


def test_the_second_factor_is_asked_for_as_ever(anna, ask):
    add_app(anna.client())

    nobody_client().post(ask(anna.owner), {"new": NEW})
    client, answer = with_password(anna.owner, None, NEW)

    assert answer.headers["Location"].startswith("/anmelden/zweiter-schritt/")
    assert not is_inside(client)


def test_a_weak_password_is_refused_and_leaves_the_link_good(anna, ask):
    link, client = ask(anna.owner), nobody_client()

    weak = client.post(link, {"new": "Dentallabor Anna Huber"})

    assert weak.status_code == 422
    assert "Namen und Wörtern" in weak.content.decode()
    assert client.post(link, {"new": NEW}).status_code == 302


def test_after_a_quarter_of_an_hour_the_link_is_worthless(anna, ask, superuser):
    link = ask(anna.owner)
    superuser.execute(
        "set session_replication_role = replica; update protection_accesslink set expires_at = now() - interval '1 second'"
        f" where lab_id = '{anna.lab_id}'"
    )

    assert nobody_client().post(link, {"new": NEW}).status_code == 410
    assert with_password(anna.owner)[1].status_code == 302


def test_a_new_link_makes_the_one_before_worthless(anna, ask):
    first = ask(anna.owner)
    second = ask(anna.owner)

    assert nobody_client().get(first).status_code == 410
    assert nobody_client().get(second).status_code == 200


def test_who_was_deactivated_meanwhile_sets_nothing(anna, ask):
    from dentatool.protection.access import Account
    from dentatool.protection.tenancy import laboratory

    link = ask(anna.technician)
    with laboratory(anna.lab_id):
        Account.objects.filter(pk=anna.technician.id).update(active=False)

    assert nobody_client().post(link, {"new": NEW}).status_code == 410


def test_links_are_stored_as_hashes_alone(anna, ask, superuser):
    token = ask(anna.owner).split("/")[-2]

    for table in ("protection_accesslink", "protection_entry", "kit_mail"):
        assert token not in str(superuser.execute(f"select t::text from {table} t").fetchall())


def test_after_three_links_no_further_e_mail_goes_out_and_the_answer_is_the_same(anna, ask, post_office):
    for _ in range(3):
        ask(anna.owner)
    answer = nobody_client().post(ASK, {"name": anna.owner.sign_in_name})
    ask(anna.technician)  # the worker went round once more

    assert answer.status_code == 200
    assert len([each for each in post_office.to(anna.owner.sign_in_name) if "Neues Passwort" in each.subject]) == 3


@pytest.mark.parametrize("token", ["x", "%00", "ä" * 50, "a" * 2000, "..", "null"])
def test_what_is_no_link_opens_nothing(database, token):
    for method in ("get", "post"):
        answer = getattr(nobody_client(), method)(f"/anmelden/neues-passwort/{token}/")
        assert answer.status_code in (400, 404, 410)


def test_who_is_signed_in_is_sent_to_the_own_account(anna, ask):
    client = anna.client()

    assert client.post(ask(anna.owner), {"new": NEW}).status_code == 409
    assert client.get(ASK).headers["Location"] == "/konto/passwort/"


def test_a_new_device_is_told_and_a_known_one_is_not(anna, post_office):
    client, _answer = with_password(anna.technician)  # the first ever
    client.post("/abmelden/")
    with_password(anna.technician, client)
    post_office.deliver()
    quiet = len(post_office.to(anna.technician.sign_in_name))
    with_password(anna.technician)

    assert quiet == 0
    assert "neuen Gerät" in letter(post_office, anna.technician, "neuen Gerät").subject


@pytest.mark.parametrize("address", ["/konto/passwort/", "/konto/anmeldung/app/neu/", "/konto/anmeldung/codes/"])
def test_a_practices_person_changes_their_own_too(anna, address):
    from dentatool.practices.models import Practice

    with anna.at_work():
        practice = Practice.objects.create(customer_number="100900", name="Praxis Dr. Fuchs")
    anna.practice_person(practice.pk)
    client = anna.client("practice")

    assert client.get(address).status_code == 200
    if "app" in address:
        assert add_app(client)
    if "passwort" in address:
        assert client.post(address, {"old": anna.member("practice").password, "new": NEW}).status_code == 302
