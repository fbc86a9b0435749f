"""Tokens for programs: made by a person, shown once, never more than their owner, dead at once."""

import re
from datetime import timedelta
from random import randrange

import pytest
from django.utils import timezone

from dentatool.protection.access import Account, Permission, Role
from dentatool.protection.access.sessions import Ending, end_everything_of
from dentatool.protection.access.tokens import ApiToken, make_token
from dentatool.protection.audit import Entry
from harness.laboratories import Program

ADDRESS = "/konto/zugangsschluessel/"
TOKEN = re.compile(r"dt_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}")


def new_token(client, *scopes):
    """What the page shows once."""
    page = client.post(
        f"{ADDRESS}neu/", {"label": "Praxissoftware", "days": "90", "scopes": [str(each) for each in scopes]}
    )
    assert page.status_code == 200, page.content.decode()
    return TOKEN.search(page.content.decode())[0]


def events(lab):
    with lab.at_work():
        return [entry.what for entry in Entry.objects.filter(kind="event").order_by("at")]


def test_a_token_is_shown_once_and_only_its_hash_is_stored(anna, superuser):
    client = anna.client("owner")

    token = new_token(client, Permission.PRACTICES_VIEW)

    assert Program(token).get("practices").status_code == 200
    assert token not in client.get(ADDRESS).content.decode()
    assert token.split("_")[1] in client.get(ADDRESS).content.decode()
    secret = token.split("_")[2]
    for table in ("protection_apitoken", "protection_entry"):
        rows = superuser.execute(f"select t::text from {table} t where lab_id = %s", [anna.lab_id]).fetchall()
        assert rows and secret not in str(rows)


def test_only_what_the_person_holds_is_offered_and_taken(anna):
    client = anna.client("office")
    page = client.get(f"{ADDRESS}neu/").content.decode()

    refused = client.post(f"{ADDRESS}neu/", {"label": "zu viel", "days": "90", "scopes": [Permission.TEAM_CHANGE]})

    assert Permission.BILLING_ISSUE in page and Permission.LABORATORY_CHANGE not in page
    assert refused.status_code == 422
    with anna.at_work():
        assert ApiToken.objects.count() == 0


@pytest.mark.parametrize("days", ["366", "0", "-1", "9999999999", "viele"])
def test_no_token_lives_longer_than_a_year(anna, days):
    answer = anna.client("owner").post(
        f"{ADDRESS}neu/", {"label": "x", "days": days, "scopes": [Permission.ORDERS_VIEW]}
    )

    assert answer.status_code == 422


def test_a_technician_makes_no_tokens(anna):
    assert anna.client("technician").get(ADDRESS).status_code == 403
    assert anna.client("technician").get(f"{ADDRESS}neu/").status_code == 403


def test_a_token_may_only_what_it_was_made_for(anna):
    program = anna.program("owner", [Permission.PRACTICES_VIEW])

    assert program.get("practices").status_code == 200
    assert program.get("orders").status_code == 403
    assert program.post("practices", {"customer_number": "1", "name": "Neu"}).status_code == 403
    assert events(anna)[-2:] == ["authz_fail", "authz_fail"]


def test_a_token_loses_what_its_owner_loses(anna):
    program = anna.program("office")
    assert program.post("practices", {"customer_number": "1", "name": "Neu"}).status_code == 201

    with anna.at_work():
        Account.objects.filter(pk=anna.member("office").id).update(role=Role.READER)

    assert program.get("practices").status_code == 401  # a reader may not use the API at all


def test_a_token_is_dead_when_its_owner_is(anna):
    program = anna.program("office")
    assert program.get("practices").status_code == 200

    with anna.at_work():
        Account.objects.filter(pk=anna.member("office").id).update(active=False)

    assert program.get("practices").status_code == 401
    assert events(anna)[-1] == "authn_token_reuse"
    assert "authn_token_created" in events(anna)


def test_whoever_ends_a_token_has_ended_it(anna):
    program, client = anna.program("owner"), anna.client("owner")
    with anna.at_work():
        token = ApiToken.objects.get()

    assert client.post(f"{ADDRESS}{token.pk}/ende/").status_code == 302
    assert program.get("practices").status_code == 401
    assert "authn_token_revoked" in events(anna)


def test_nobody_ends_a_token_of_somebody_else(anna, bert):
    office, stranger = anna.client("office"), bert.client("owner")
    program = anna.program("owner")
    with anna.at_work():
        token = ApiToken.objects.get()

    for client in (office, stranger):
        assert client.post(f"{ADDRESS}{token.pk}/ende/").status_code == 404
    assert program.get("practices").status_code == 200


def test_all_tokens_of_a_person_end_together(anna):
    programs = [anna.program("owner") for _ in range(3)]

    with anna.at_work():
        end_everything_of(anna.owner.id, Ending.TEAM)

    assert [program.get("practices").status_code for program in programs] == [401] * 3


def test_unknown_wrong_expired_ended_and_none_get_the_same_answer(anna):
    ended, expired = anna.token(), anna.token()
    with anna.at_work():
        first, second = ApiToken.objects.order_by("created_at")
        ApiToken.objects.filter(pk=first.pk).update(ended_at=timezone.now())
        ApiToken.objects.filter(pk=second.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        living = make_token(anna.owner.id, "lebt", [Permission.PRACTICES_VIEW], timedelta(days=1))[1]
    wrong = living[:-1] + ("A" if living[-1] != "A" else "B")
    tried = [ended, expired, wrong, living[::-1], "dt_", "x" * 5000, "ä"]

    answers = [Program(token).get("practices") for token in tried]
    answers += [
        Program("").get("practices"),
        Program("").get("practices", Authorization=f"Basic {living}"),
        Program("").get("practices", Authorization=living),
        Program("").get("practices", Authorization=f"Bearer {living} {living}"),
    ]

    assert {(each.status_code, each.content, each.headers["WWW-Authenticate"]) for each in answers} == {
        (401, answers[0].content, 'Bearer realm="DentaTool"')
    }
    assert Program(living).get("practices").status_code == 200
    assert events(anna).count("authn_token_reuse") == 2


def test_a_session_is_worth_nothing_for_the_api_and_a_token_nothing_for_the_pages(anna, nobody):
    client, token = anna.client("owner"), anna.token()

    assert client.get("/api/v1/practices").status_code == 401
    assert client.get("/api/v1/practices", headers={"Authorization": f"Bearer {token}"}).status_code == 400
    assert nobody.get("/praxen/", headers={"Authorization": f"Bearer {token}"}).status_code == 302


def test_the_last_use_is_stamped_at_most_each_minute(anna):
    program = anna.program("owner")
    stamps = set()

    for _ in range(3):
        assert program.get("practices").status_code == 200
        with anna.at_work():
            stamps.add(ApiToken.objects.get().last_used_at)

    assert len(stamps) == 1 and None not in stamps


def test_who_asks_too_often_waits(anna, settings_with, superuser):
    blocks = "select count(*) from protection_platformevent where event = 'excess_rate_limit_exceeded'"
    network = f"192.0.2.{randrange(1, 255)}"
    (before,) = superuser.execute(blocks).fetchone()
    with settings_with(DENTATOOL_API_PER_MINUTE=10):
        program, other = anna.program("owner"), anna.program("owner")

        answers = [program.get("practices", network=network) for _ in range(13)]

        assert [each.status_code for each in answers] == [200] * 10 + [429] * 3
        assert {each.headers.get("Retry-After") for each in answers[10:]} == {"60"}
        assert (
            other.get("practices", network=network).status_code == 200
        )  # it is the token's own limit, not the laboratory's
    assert superuser.execute(blocks).fetchone() == (before + 1,)


def test_many_tokens_behind_one_address_share_its_limit(anna, settings_with):
    with settings_with(DENTATOOL_API_PER_MINUTE=10):
        network = f"198.51.100.{randrange(1, 255)}"
        programs = [anna.program("owner") for _ in range(4)]

        answers = [each.get("practices", network=network).status_code for each in programs for _ in range(9)]

    assert answers.count(200) == 20


def test_guessing_tokens_is_slowed_and_locks_no_one_out(anna, settings_with):
    """Whatever the client says about its address."""
    network, living = f"203.0.113.{randrange(1, 255)}", anna.program("owner")
    with settings_with(DENTATOOL_API_PER_MINUTE=600):
        guessed = [
            Program(living.token[::-1])
            .get("practices", network=network, X_Forwarded_For=f"192.0.2.{number}")
            .status_code
            for number in range(40)
        ]

    assert guessed == [401] * 30 + [429] * 10
    assert living.get("practices", network=network).status_code == 200


@pytest.fixture
def settings_with():
    from django.test.utils import override_settings

    return override_settings
