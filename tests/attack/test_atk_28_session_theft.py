"""ATK-28: a session is fixed beforehand, stolen, or put together from what the database holds. On the served program."""

import pytest

from dentatool.protection.access.internal.models import Session
from dentatool.protection.audit import Entry
from harness.laboratories import PASSWORD
from harness.live import COOKIE, Line

FIREFOX = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; rv:133.0) Gecko/20100101 Firefox/133.0"}
CHROME = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
}


@pytest.fixture
def line(live_server):
    made = Line(live_server)
    yield made
    made.close()


def enter(line, member, session="", headers=FIREFOX):
    """Sign in; the token that the browser is given."""
    form = {"name": member.sign_in_name, "password": PASSWORD}
    answer = line.ask("POST", "/anmelden/", session, form, headers)
    assert answer.status == 302, answer.text
    return given(answer)


def given(answer):
    cookies = [value for name, value in answer.headers.all if name == "set-cookie"]
    found = [each.split("=", 1)[1].split(";")[0] for each in cookies if each.startswith(COOKIE)]
    return found[0] if found else ""


def is_in(line, session, headers=FIREFOX):
    return line.ask("GET", "/auftraege/", session, headers=headers).status == 200


def events_of(lab):
    with lab.at_work():
        return list(Entry.objects.filter(what__startswith="session_").order_by("at").values_list("what", flat=True))


def test_a_session_that_was_fixed_beforehand_is_not_the_one_that_begins(anna, line):
    fixed = "A" * 43

    session = enter(line, anna.owner, session=fixed)

    assert session and session != fixed
    assert (is_in(line, session), is_in(line, fixed)) == (True, False)


def test_an_ended_session_is_not_taken_up_again_by_the_next_sign_in(anna, line):
    first = enter(line, anna.owner)
    line.ask("POST", "/abmelden/", first, {}, FIREFOX)

    second = enter(line, anna.owner, session=first)

    assert second != first
    assert (is_in(line, second), is_in(line, first)) == (True, False)
    assert "session_use_after_expire" in events_of(anna)


def test_what_the_database_holds_is_no_cookie(anna, line, superuser):
    session = enter(line, anna.owner)
    rows = superuser.execute(
        "select id::text, token_hash, encode(token_hash, 'hex'), encode(token_hash, 'base64')"
        " from protection_session where lab_id = %s", [anna.lab_id],
    ).fetchall()  # fmt: skip

    for session_id, raw, in_hex, in_base64 in rows:
        for tried in (session_id, in_hex, in_base64.strip(), raw.decode("latin-1")):
            if tried.isascii():
                assert not is_in(line, tried)
            assert session != tried
    assert is_in(line, session)


def test_a_copied_cookie_in_another_kind_of_browser_ends_the_session_for_both(anna, line):
    session = enter(line, anna.owner)

    assert not is_in(line, session, CHROME)

    assert not is_in(line, session)
    assert events_of(anna) == ["session_moved", "session_use_after_expire"]
    with anna.at_work():
        assert Session.objects.get().ending == "moved"
    assert is_in(line, enter(line, anna.owner))


@pytest.mark.parametrize("headers", [{}, {"User-Agent": ""}, {"User-Agent": "curl/8.5"}])
def test_a_program_without_a_browsers_name_is_another_browser_too(anna, line, headers):
    session = enter(line, anna.owner)

    assert not is_in(line, session, headers)


def test_each_proof_of_who_it_is_makes_the_token_before_it_worthless(anna, line, superuser):
    before = enter(line, anna.owner)
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_session set confirmed_at = now() - interval '11 minutes' where lab_id = %s", [anna.lab_id]
    )

    answer = line.ask("POST", "/konto/bestaetigen/", before, {"password": PASSWORD}, FIREFOX)

    after = given(answer)
    assert after and after != before
    assert (is_in(line, after), is_in(line, before)) == (True, False)


def test_a_changed_role_needs_a_new_sign_in(anna, line):
    owner, technician = enter(line, anna.owner), enter(line, anna.technician)

    changed = line.ask("POST", f"/team/{anna.technician.id}/rolle/", owner, {"role": "office"}, FIREFOX)

    assert changed.status == 302
    assert not is_in(line, technician)
    assert is_in(line, enter(line, anna.technician))
