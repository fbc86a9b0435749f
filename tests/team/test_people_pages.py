"""People of a laboratory: invited, come, given another role, gone."""

import hashlib
import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import AccessLink, LaboratoryRole, sign_in_key
from dentatool.protection.tenancy import laboratory
from harness.laboratories import nobody_client

PASSWORD = "Keramik schichten bei Regen"


def invite(client, address="neu@labor.example", role="technician", name="Nina Neu", **more):
    return client.post("/team/einladen/", {"name": name, "address": address, "role": role, **more})


def link_in_mail(lab):
    """The link of the newest message, as its reader finds it."""
    from dentatool.kit.models import Mail

    with lab.at_work():
        newest = Mail.objects.order_by("-created_at").first()
        return re.search(r"https://[^/]+(/einladung/\S+)", newest.body)[1]


def account_of(lab, address="neu@labor.example"):
    with lab.at_work():
        return Account.objects.get(sign_in_key=sign_in_key(address))


def events(lab, superuser):
    """The events of this laboratory, newest first."""
    return [
        what
        for (what,) in superuser.execute(
            "select what from protection_entry where lab_id = %s and kind = 'event' order by at desc, id desc",
            [lab.lab_id],
        )
    ]


def test_somebody_is_invited_comes_and_works(anna, superuser):
    assert invite(anna.client()).headers["Location"] == "/team/"
    link = link_in_mail(anna)
    visitor = nobody_client()

    page = visitor.get(link)
    joined = visitor.post(link, {"name": "Nina Neumann", "password": PASSWORD})

    assert page.status_code == 200 and "Dentallabor Anna Huber" in page.content.decode()
    assert joined.headers["Location"] == "/anmelden/"
    account = account_of(anna)
    with anna.at_work():
        assert (account.display_name, account.role, account.has_password) == ("Nina Neumann", "technician", True)
    assert account.confirmed_at is not None
    assert {"user_created", "user_confirmed"} <= set(events(anna, superuser))


def test_the_link_is_good_once(anna):
    invite(anna.client())
    link = link_in_mail(anna)
    nobody_client().post(link, {"name": "Nina Neu", "password": PASSWORD})

    again = nobody_client().post(link, {"name": "Eve", "password": "ein ganz anderes Passwort"})

    assert again.status_code == 410
    account = account_of(anna)
    with anna.at_work():
        assert account.display_name == "Nina Neu"


def test_the_link_dies_after_72_hours(anna):
    invite(anna.client())
    link = link_in_mail(anna)
    with laboratory(anna.lab_id):
        (good,) = AccessLink.objects.all()
        assert timedelta(hours=71) < good.expires_at - timezone.now() < timedelta(hours=72)
        AccessLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert nobody_client().get(link).status_code == 410


def test_every_link_that_opens_nothing_is_answered_alike(anna):
    invite(anna.client())
    used = link_in_mail(anna)
    nobody_client().post(used, {"name": "Nina Neu", "password": PASSWORD})

    def shown(address):
        answer = nobody_client().get(address)
        return answer.status_code, re.sub(r'nonce="[^"]*"|Vorgang.*?<', "", answer.content.decode())

    assert shown(used)[0] == shown("/einladung/" + "x" * 43 + "/")[0] == 410


def test_a_new_link_makes_the_old_one_worthless_and_a_withdrawn_one_opens_nothing(anna):
    client = anna.client()
    invite(client)
    old, account = link_in_mail(anna), account_of(anna)

    client.post(f"/team/{account.pk}/einladung/")
    new = link_in_mail(anna)
    assert (nobody_client().get(old).status_code, nobody_client().get(new).status_code) == (410, 200)

    client.post(f"/team/{account.pk}/einladung/zuruecknehmen/")
    assert nobody_client().get(new).status_code == 410


def test_an_address_of_the_own_team_is_refused_in_any_case_and_one_of_another_laboratory_is_news(anna, bert):
    client = anna.client()
    own = anna.technician.sign_in_name

    assert invite(client, address=own.upper()).status_code == 422
    assert invite(client, address=bert.owner.sign_in_name).status_code == 302


def test_a_flood_of_bad_links_is_noted_and_does_not_fill_the_notes(anna, superuser):
    def noted():
        return superuser.execute(
            "select count(*) from protection_platformevent where event = 'authn_token_reuse'"
        ).fetchone()[0]

    before, visitor = noted(), nobody_client()

    answers = {visitor.get(f"/einladung/falsch{number}/", REMOTE_ADDR="192.0.2.77").status_code for number in range(40)}

    assert answers == {410}
    assert noted() - before == 20


def test_a_short_password_is_refused_and_the_link_stays_good(anna):
    invite(anna.client())
    link = link_in_mail(anna)

    assert nobody_client().post(link, {"name": "Nina", "password": "kurz"}).status_code == 422
    assert nobody_client().post(link, {"name": "Nina", "password": PASSWORD}).status_code == 302


def test_another_role_ends_every_session_at_once(anna, superuser):
    technician = anna.client("technician")
    assert technician.get("/auftraege/").status_code == 200

    answer = anna.client().post(f"/team/{anna.technician.id}/rolle/", {"role": "reader"})

    assert answer.status_code == 302
    assert technician.get("/auftraege/").status_code == 302  # to the sign-in
    assert "privilege_permissions_changed" in events(anna, superuser)


def test_who_leaves_is_out_at_once_and_may_come_back(anna):
    technician, owner = anna.client("technician"), anna.client()

    owner.post(f"/team/{anna.technician.id}/ende/")
    assert technician.get("/auftraege/").status_code == 302

    owner.post(f"/team/{anna.technician.id}/rueckkehr/")
    assert anna.client("technician").get("/auftraege/").status_code == 200


def test_a_role_of_the_laboratorys_own_counts_from_the_next_request(anna):
    owner = anna.client()
    owner.post("/team/rollen/neu/", {"name": "Annahme", "rechte": ["orders:view", "overview:view"]})
    role = own_role(anna)
    owner.post(f"/team/{anna.member('reader').id}/rolle/", {"role": role.key})
    person = anna.client("reader")
    assert (person.get("/auftraege/").status_code, person.get("/praxen/").status_code) == (200, 403)

    owner.post(f"/team/rollen/{role.pk}/", {"name": "Annahme", "rechte": ["overview:view", "practices:view"]})

    assert (person.get("/auftraege/").status_code, person.get("/praxen/").status_code) == (403, 200)


def own_role(lab, name="Annahme"):
    from dentatool.protection.access.people import LaboratoryRole

    with lab.at_work():
        return LaboratoryRole.objects.get(name=name)


def test_a_role_that_somebody_has_stays(anna):
    owner = anna.client()
    owner.post("/team/rollen/neu/", {"name": "Annahme", "rechte": ["orders:view"]})
    role = own_role(anna)
    owner.post(f"/team/{anna.technician.id}/rolle/", {"role": role.key})

    assert owner.post(f"/team/rollen/{role.pk}/ende/").status_code == 409
    owner.post(f"/team/{anna.technician.id}/rolle/", {"role": "technician"})
    assert owner.post(f"/team/rollen/{role.pk}/ende/").status_code == 302


def test_the_table_of_rights_says_what_is_enforced(anna):
    from dentatool.protection.access import Permission, Role
    from dentatool.protection.access.internal.roles import PERMISSIONS_OF
    from dentatool.team.permission_words import WORDS

    assert set(WORDS) == set(Permission)
    facts = anna.client().get("/team/rechte/").context
    rows = {row["permission"]: row["held"] for _group, rows in facts["groups"] for row in rows}

    assert [role.key for role in facts["roles"]] == Role.values
    for permission in Permission:
        assert rows[permission] == [permission in PERMISSIONS_OF[role] for role in Role]


def test_the_table_of_rights_bears_a_version_that_changes_with_what_is_enforced(anna, bert):
    """Checked against the roles in the database and the declared pages, not against what the page was given."""
    from dentatool.protection.access.internal.roles import PERMISSIONS_OF
    from dentatool.protection.access.people import pages_by_permission

    client = anna.client()
    before = version_on(client)
    enforced = {
        "roles": {role.value: [str(role.label), sorted(held)] for role, held in PERMISSIONS_OF.items()},
        "pages": {str(permission): sorted(pages) for permission, pages in pages_by_permission().items()},
    }
    assert before == hashlib.sha256(json.dumps(enforced, sort_keys=True).encode()).hexdigest()
    assert version_on(client) == version_on(bert.client()) == before

    client.post("/team/rollen/neu/", {"name": "Annahme", "rechte": ["orders:view"]})
    made = version_on(client)
    with anna.at_work():
        role = LaboratoryRole.objects.get()
    client.post(f"/team/rollen/{role.pk}/", {"name": "Annahme", "rechte": ["orders:view", "orders:move"]})

    assert len({before, made, version_on(client)}) == 3
    assert version_on(bert.client()) == before


def version_on(client):
    return re.search(r"SHA-256: ([0-9a-f]{64})", client.get("/team/rechte/").content.decode())[1]


@pytest.mark.parametrize("address", ["/team/", "/team/rollen/", "/team/rechte/"])
def test_who_may_only_see_the_team_is_offered_no_change(address, anna):
    page = anna.client("office").get(address)

    assert page.status_code == 200
    assert re.findall(r'href="/team/(einladen|rollen/neu)/"', page.content.decode()) == []


def test_the_list_of_people_asks_as_often_for_many_as_for_few(anna, django_queries):
    client = anna.client()
    client.get("/team/")  # the keys that open names are at hand from here on
    with django_queries() as few:
        client.get("/team/")
    for number in range(3):
        invite(client, address=f"neu{number}@labor.example", name=f"Neu {number}")
    with django_queries() as many:
        client.get("/team/")

    assert len(many) == len(few)


def test_somebody_of_a_practice_is_invited_from_its_page_and_sees_its_orders_only(anna):
    from billing.conftest import make_order

    with anna.at_work():
        own, other = make_order(), make_order()
    owner = anna.client()

    answer = owner.post(
        f"/praxen/{own.practice_id}/person/neu/", {"name": "Petra Praxis", "address": "neu@labor.example"}
    )
    assert answer.headers["Location"] == f"/praxen/{own.practice_id}/"
    nobody_client().post(link_in_mail(anna), {"name": "Petra Praxis", "password": PASSWORD})

    account = account_of(anna)
    assert (account.role, account.practice_id) == ("practice", own.practice_id)
    assert "Petra Praxis" in owner.get(f"/praxen/{own.practice_id}/").content.decode()
    assert "Petra Praxis" not in owner.get(f"/praxen/{other.practice_id}/").content.decode()


def with_app(lab, role="technician"):
    """This person has an authenticator app."""
    from dentatool.protection.access.internal.models import Factor

    member = lab.member(role)
    with laboratory(lab.lab_id, actor=member.id):
        Factor.objects.create(account_id=member.id, kind=Factor.Kind.APP, label="Handy", secret="A" * 32)
    return member


def test_the_list_says_who_has_a_second_factor(anna):
    with_app(anna)

    rows = anna.client().get("/team/").context["rows"]

    assert [row["person"].id for row in rows if row["person"].has_second_factor] == [anna.technician.id]


def test_a_second_factor_is_set_back_with_a_note_to_the_person_and_the_owners(anna, superuser):
    from dentatool.kit.models import Mail
    from dentatool.protection.access.internal.models import Factor

    member, working = with_app(anna), anna.client("technician")

    answer = anna.client().post(f"/team/{member.id}/anmeldung/")

    assert answer.status_code == 302
    assert working.get("/auftraege/").status_code == 302  # out at once
    with anna.at_work():
        assert not Factor.objects.exists()
        assert sorted(mail.address for mail in Mail.objects.all()) == sorted(
            [anna.owner.sign_in_name, member.sign_in_name]
        )
    assert "authn_factors_reset" in events(anna, superuser)


def test_nobody_sets_back_their_own_factor_or_that_of_somebody_with_more_rights(anna):
    from dentatool.protection.access.internal.models import Factor

    with_app(anna, "owner")

    assert anna.client().post(f"/team/{anna.owner.id}/anmeldung/").status_code == 403
    assert anna.client("office").post(f"/team/{anna.owner.id}/anmeldung/").status_code == 403
    with anna.at_work():
        assert Factor.objects.count() == 1
