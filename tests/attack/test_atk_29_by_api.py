"""ATK-29 by API: the access ends while a program is at work with it. On the served program: within a second, nothing more."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from attack.test_atk_29_access_after_end import WITHIN_S, Download
from dentatool.practices.models import Practice
from dentatool.protection.access import Account, Permission
from dentatool.protection.access.people import LaboratoryRole
from dentatool.protection.audit import Entry
from dentatool.protection.tenancy import laboratory
from harness.live import Line

# The longest list that people can fill is 0.9 MB and in the kernel's hands at once (it takes up to 4 MB): nobody takes
# that back, and it has gone before anybody ends anything. So here are remarks longer than any form lets pass.
PRACTICES, EACH = 100, 100_000
OWN = {Permission.PRACTICES_VIEW, Permission.PRACTICES_CHANGE, Permission.ORDERS_VIEW, Permission.API_USE}
# How it ends → what the owner (or the person) sends, and what the token is told the next time.
WAYS = {
    "the account is closed": ("owner", "/team/{account}/ende/", {}, 401),
    "the person gets another role": ("owner", "/team/{account}/rolle/", {"role": "office"}, 401),
    "the second factor is reset": ("owner", "/team/{account}/anmeldung/", {}, 401),
    "the role may less": (
        "owner",
        "/team/rollen/{role}/",
        {"name": "Annahme", "rechte": sorted(OWN - {Permission.PRACTICES_VIEW, Permission.PRACTICES_CHANGE})},
        403,
    ),
    "the role may use no programs": (
        "owner",
        "/team/rollen/{role}/",
        {"name": "Annahme", "rechte": sorted(OWN - {Permission.API_USE})},
        401,
    ),
    "the token is ended": ("office", "/konto/zugangsschluessel/{token}/ende/", {}, 401),
}


@pytest.fixture
def scene(anna, monkeypatch):
    """The office has a role of the laboratory's own and a program; the list of practices is as long as it can be."""
    with laboratory(anna.lab_id):
        role = LaboratoryRole.objects.create(key="eigene-annahme", name="Annahme", permissions=sorted(OWN)).pk
        Account.objects.filter(pk=anna.member("office").id).update(role="eigene-annahme")
    token = anna.token("office")
    monkeypatch.setattr(Practice._meta.get_field("remarks"), "validators", [])
    with anna.at_work():
        practices = [
            Practice.objects.create(customer_number=str(number), name="Vorher", remarks="🦷" * (EACH // 4))
            for number in range(PRACTICES)
        ]
        made = Entry.objects.filter(what="authn_token_created").get().record_id
    ids = {"account": anna.member("office").id, "role": role, "token": made}
    return SimpleNamespace(token=token, ids=ids, practice=practices[0].pk)


@pytest.fixture
def lines(live_server):
    """Two connections to the served program: the program's, and that of whoever ends the access."""
    made = Line(live_server), Line(live_server)
    yield made
    for line in made:
        line.close()


def end(lab, scene, line, way):
    """End it; the moment at which that was done."""
    who, address, form, _status = WAYS[way]
    ended = line.ask("POST", address.format(**scene.ids), lab._session_token(who), form)
    assert ended.status == 302, ended.text[-2000:]
    return time.monotonic()


@pytest.mark.parametrize("way", WAYS)
def test_a_request_at_work_stores_and_answers_nothing(anna, scene, lines, superuser, way):
    program, other = lines
    said = {"Authorization": f"Bearer {scene.token}", "If-Match": "*", "Content-Type": "application/json"}
    change = "PATCH", f"/api/v1/practices/{scene.practice}", json.dumps({"name": "Nachher"}), said
    assert program.send("GET", change[1], None, said).status == 200

    with ThreadPoolExecutor(1) as threads:
        with superuser.transaction():  # somebody holds the practice, so the request waits
            superuser.execute("select 1 from practices_practice where id = %s for update", [scene.practice])
            waiting = threads.submit(program.send, *change)
            time.sleep(0.6)
            assert not waiting.done()
            since = end(anna, scene, other, way)
        answer = waiting.result()
    answered_after = time.monotonic() - since

    assert (answer.status, "Nachher" in answer.text, "Vorher" in answer.text) == (401, False, False)
    assert answered_after < WITHIN_S, answered_after
    assert program.send(*change).status == WAYS[way][3]
    with anna.at_work():
        assert Practice.objects.get(pk=scene.practice).name == "Vorher"
        noted = Entry.objects.filter(actor_id=scene.ids["account"], kind="event").order_by("at")
        expected = "authz_fail" if WAYS[way][3] == 403 else "authn_token_reuse"
        assert [entry.what for entry in noted][-2:] == ["authn_token_reuse", expected]


@pytest.mark.parametrize("way", WAYS)
def test_a_list_on_its_way_to_a_slow_reader_breaks_off(anna, scene, lines, live_server, way):
    program, other = lines
    address = f"/api/v1/practices?limit={PRACTICES}"
    download = Download(live_server, address, said=f"Authorization: Bearer {scene.token}")
    assert b" 200 " in download.head and download.length > PRACTICES * EACH

    since = end(anna, scene, other, way)
    for each in (address, f"/api/v1/practices/{scene.practice}"):
        assert program.send("GET", each, None, {"Authorization": f"Bearer {scene.token}"}).status == WAYS[way][3]
    refused_after = time.monotonic() - since
    time.sleep(max(0, since + WITHIN_S - time.monotonic()))
    download.rest()

    assert download.received < download.length
    assert refused_after < WITHIN_S, refused_after
    assert time.monotonic() - since < WITHIN_S + 0.5


def test_a_list_for_a_program_that_stays_arrives_whole(scene, live_server):
    download = Download(
        live_server, f"/api/v1/practices?limit={PRACTICES}", said=f"Authorization: Bearer {scene.token}"
    )
    time.sleep(1.5)  # longer than two looks

    download.rest()

    assert download.received == download.length


def test_another_right_that_goes_does_not_stop_it(anna, scene, lines, live_server):
    download = Download(
        live_server, f"/api/v1/practices?limit={PRACTICES}", said=f"Authorization: Bearer {scene.token}"
    )
    form = {"name": "Annahme", "rechte": sorted(OWN - {Permission.ORDERS_VIEW})}

    assert lines[1].ask("POST", f"/team/rollen/{scene.ids['role']}/", anna._session_token("owner"), form).status == 302
    time.sleep(WITHIN_S)
    download.rest()

    assert download.received == download.length
