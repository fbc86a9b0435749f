"""ATK-34: raising one's own rights, in forty ways and more. All refused, all noted, nothing changed.

Dora is a deputy: she may change the team and see orders, and nothing of billing. Tom is a technician. Both try.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from dentatool.kit.models import Job
from dentatool.protection.access import Permission
from dentatool.protection.tenancy import laboratory
from dentatool.protection.tenancy.internal.passes import Pass, sign
from harness.laboratories import nobody_client
from pages.test_matrix import fingerprint

DEPUTY = "eigene-vertretung"
DEPUTY_MAY = [Permission.OVERVIEW_VIEW, Permission.ORDERS_VIEW, Permission.TEAM_VIEW, Permission.TEAM_CHANGE]
BILLING = "eigene-abrechnung"


@dataclass
class Stage:
    """Anna's laboratory with Dora, Tom, and roles of its own."""

    lab: Any
    deputy_role: UUID
    billing_role: UUID
    small_role: UUID
    left_owner: UUID
    invited_owner: UUID

    def ids(self) -> dict[str, Any]:
        members = {name: member.id for name, member in self.lab.members.items()}
        return {
            **members,
            "dora": members["office"],
            "deputy_role": self.deputy_role,
            "billing_role": self.billing_role,
            "small_role": self.small_role,
            "left_owner": self.left_owner,
            "invited_owner": self.invited_owner,
        }

    def client(self, who: str) -> Any:
        return self.lab.client({"dora": "office", "tom": "technician", "owner": "owner"}[who])


@pytest.fixture
def stage(anna):
    from dentatool.protection.access import Account
    from dentatool.protection.access.people import LaboratoryRole

    def role(key, name, permissions):
        return LaboratoryRole.objects.create(key=key, name=name, permissions=sorted(permissions)).pk

    with laboratory(anna.lab_id):
        made = [
            role(DEPUTY, "Vertretung", DEPUTY_MAY),
            role(BILLING, "Abrechnung außer Haus", [Permission.BILLING_VIEW, Permission.BILLING_ISSUE]),
            role("eigene-annahme", "Annahme", [Permission.ORDERS_VIEW]),
        ]
        Account.objects.filter(pk=anna.member("office").id).update(role=DEPUTY)
        gone, waiting = (
            Account.create(display_name=name, sign_in_name=f"{name}@labor.example", role="owner", password_hash=secret)
            for name, secret in (("Gegangen", "argon2"), ("Geladen", "!nichts"))
        )
        Account.objects.filter(pk=gone.pk).update(active=False)
    return Stage(anna, *made, gone.pk, waiting.pk)


INVITE = {"name": "Eva", "address": "eva@labor.example"}
FORMS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # Dora, about herself
    "her own role, upwards": ("dora", "/team/{dora}/rolle/", {"role": "owner"}),
    "her own role, sideways": ("dora", "/team/{dora}/rolle/", {"role": "eigene-annahme"}),
    "her own role, edited": (
        "dora", "/team/rollen/{deputy_role}/", {"name": "Vertretung", "rechte": ["team:change", "billing:issue"]}),
    "her own role, with less": ("dora", "/team/rollen/{deputy_role}/", {"name": "Vertretung", "rechte": ["team:change"]}),
    "her own role, renamed": ("dora", "/team/rollen/{deputy_role}/", {"name": "Chefin", "rechte": DEPUTY_MAY}),
    "her own role, out of use": ("dora", "/team/rollen/{deputy_role}/ende/", {}),
    "her own account, ended": ("dora", "/team/{dora}/ende/", {}),
    # Dora, for others
    "Tom an owner": ("dora", "/team/{technician}/rolle/", {"role": "owner"}),
    "Tom in an office she has not": ("dora", "/team/{technician}/rolle/", {"role": BILLING}),
    "Tom with what he has and she has not": ("dora", "/team/{technician}/rolle/", {"role": "reader"}),
    "the courier an owner": ("dora", "/team/{courier}/rolle/", {"role": "owner"}),
    "the owner a reader": ("dora", "/team/{owner}/rolle/", {"role": "reader"}),
    "the owner out": ("dora", "/team/{owner}/ende/", {}),
    "an owner who left, back": ("dora", "/team/{left_owner}/rueckkehr/", {}),
    "an owner's invitation, sent to herself again": ("dora", "/team/{invited_owner}/einladung/", {}),
    "an owner's invitation, withdrawn": ("dora", "/team/{invited_owner}/einladung/zuruecknehmen/", {}),
    # Dora, inviting
    "an owner invited": ("dora", "/team/einladen/", {**INVITE, "role": "owner"}),
    "an office invited": ("dora", "/team/einladen/", {**INVITE, "role": "office"}),
    "a practice's person without a practice": ("dora", "/team/einladen/", {**INVITE, "role": "practice"}),
    "a role in capitals": ("dora", "/team/einladen/", {**INVITE, "role": "OWNER"}),
    "a role with a blank": ("dora", "/team/einladen/", {**INVITE, "role": "owner "}),
    "a role in wide letters": ("dora", "/team/einladen/", {**INVITE, "role": "ｏｗｎｅｒ"}),
    "a role with a Cyrillic o": ("dora", "/team/einladen/", {**INVITE, "role": "оwner"}),
    "a role with an invisible sign": ("dora", "/team/einladen/", {**INVITE, "role": "owner\u200b"}),
    "a role twice": ("dora", "/team/einladen/", {**INVITE, "role": ["eigene-annahme", "owner"]}),
    "a hidden practice": ("dora", "/team/einladen/", {**INVITE, "role": "eigene-annahme", "practice_id": str(uuid4())}),
    "hidden rights": ("dora", "/team/einladen/", {**INVITE, "role": "eigene-annahme", "permissions": "billing:issue"}),
    "a hidden password": ("dora", "/team/einladen/", {**INVITE, "role": "eigene-annahme", "password_hash": "x"}),
    "a hidden laboratory": ("dora", "/team/einladen/", {**INVITE, "role": "eigene-annahme", "lab_id": str(uuid4())}),
    "a role as a line of CSV": ("dora", "/team/einladen/", {**INVITE, "role": "eigene-annahme;owner"}),
    # Dora, making roles
    "a role with more than hers": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["orders:view", "billing:issue"]}),
    "a role with everything": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": list(map(str, Permission))}),
    "an unknown right": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["admin:all"]}),
    "a star": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["*"]}),
    "a right in capitals": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["BILLING:ISSUE"]}),
    "rights as CSV": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["orders:view,billing:issue"]}),
    "rights as JSON": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ['["billing:issue"]']}),
    "a right with a null": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["billing:issue\0"]}),
    "a hidden key": ("dora", "/team/rollen/neu/", {"name": "Neu", "rechte": ["orders:view"], "key": "owner"}),
    "a role that has more, edited": ("dora", "/team/rollen/{billing_role}/", {"name": "Klein", "rechte": ["orders:view"]}),
    "a role that has more, out of use": ("dora", "/team/rollen/{billing_role}/ende/", {}),
    "more into a small role": (
        "dora", "/team/rollen/{small_role}/", {"name": "Annahme", "rechte": ["orders:view", "trail:view"]}),
    "a hidden state of a role": (
        "dora", "/team/rollen/{small_role}/", {"name": "Annahme", "rechte": ["orders:view"], "active": "0"}),
    # Tom has no word in the team
    "Tom invites": ("tom", "/team/einladen/", {**INVITE, "role": "reader"}),
    "Tom gives himself a role": ("tom", "/team/{technician}/rolle/", {"role": "owner"}),
    "Tom gives a role": ("tom", "/team/{courier}/rolle/", {"role": "technician"}),
    "Tom makes a role": ("tom", "/team/rollen/neu/", {"name": "Neu", "rechte": ["orders:view"]}),
    "Tom edits a role": ("tom", "/team/rollen/{small_role}/", {"name": "Neu", "rechte": ["orders:view"]}),
    "the owner without a second factor": ("dora", "/team/{owner}/anmeldung/", {}),
    "her own second factor set back": ("dora", "/team/{dora}/anmeldung/", {}),
    "Tom sets back the owner's second factor": ("tom", "/team/{owner}/anmeldung/", {}),
    "Tom sends the owner away": ("tom", "/team/{owner}/ende/", {}),
    # The owner alone cannot go
    "the last owner a reader": ("owner", "/team/{owner}/rolle/", {"role": "reader"}),
    "the last owner out": ("owner", "/team/{owner}/ende/", {}),
}  # fmt: skip


@pytest.mark.parametrize("way", FORMS)
def test_no_form_gives_more_rights(way, stage, superuser):
    who, address, form = FORMS[way]
    client, before = stage.client(who), fingerprint(superuser, stage.lab.lab_id)

    answer = client.post(address.format(**stage.ids()), form)

    assert answer.status_code in (403, 409), answer.status_code
    assert 'lang="de"' in answer.content.decode()
    assert fingerprint(superuser, stage.lab.lab_id) == before
    assert events_of(superuser, stage.lab.lab_id)[:1] == ["authz_fail"]


def events_of(superuser, lab_id):
    rows = superuser.execute(
        "select what from protection_entry where lab_id = %s and kind = 'event' and what !~ '^authn_login'"
        " order by at desc", [lab_id]
    )  # fmt: skip
    return [what for (what,) in rows]


@pytest.mark.parametrize(
    "address",
    ["/team/{foreign}/", "/team/{foreign}/rolle/", "/team/{foreign}/ende/", "/team/{foreign}/einladung/"],
)
def test_people_of_another_laboratory_are_as_absent_as_nobody(address, stage, bert, superuser):
    owner, before = stage.client("owner"), fingerprint(superuser, bert.lab_id)

    theirs = owner.post(address.format(foreign=bert.owner.id), {"role": "reader"})
    nobodys = owner.post(address.format(foreign=uuid4()), {"role": "reader"})

    assert theirs.status_code == nobodys.status_code in (404, 405)
    assert fingerprint(superuser, bert.lab_id) == before


@pytest.mark.parametrize(
    "more", [{"role": "owner"}, {"active": "1"}, {"practice_id": str(uuid4())}, {"name": ["Eva", "Eve"]}]
)
def test_an_invitation_gives_what_was_invited_and_nothing_else(more, stage, superuser):
    from team.test_people_pages import PASSWORD, account_of, invite, link_in_mail

    invite(stage.client("owner"), role="eigene-annahme")
    link = link_in_mail(stage.lab)

    answer = nobody_client().post(f"{link}?role=owner", {"name": "Eva", "password": PASSWORD, **more})

    assert answer.status_code == 403
    assert (account_of(stage.lab).role, account_of(stage.lab).has_password) == ("eigene-annahme", False)
    assert events_of(superuser, stage.lab.lab_id)[0] == "authz_fail"
    assert nobody_client().post(f"{link}?role=owner", {"name": "Eva", "password": PASSWORD}).status_code == 302
    assert account_of(stage.lab).role == "eigene-annahme"


# What an SQL injection would try, in the app's own role and with the person's own, valid pass.
ACCOUNT = "(id, lab_id, display_name, sign_in_name, sign_in_key, role, password_hash, active)"
SESSION = (
    "insert into protection_session (id, lab_id, account_id, token_hash, device, origin, started_at, last_action_at,"
    " expires_at, level, method, confirmed_at) values (gen_random_uuid(), '{lab}', '{owner}', '\\x01', '', '', now(), now(),"
    " now() + interval '1 hour', 'full', 'password', now())"
)
LINK = (
    "insert into protection_accesslink (id, lab_id, account_id, purpose, token_hash, expires_at)"
    " values (gen_random_uuid(), '{lab}', '{owner}', 'reset', '\\x01', now() + interval '1 hour')"
)
TOKEN = (
    "insert into protection_apitoken (id, lab_id, account_id, label, prefix, token_hash, scopes, expires_at)"
    " values (gen_random_uuid(), '{lab}', '{owner}', '', '', '\\x01', '[\"billing:issue\"]', now() + interval '1 hour')"
)
STATEMENTS = [
    "update protection_account set role = 'owner' where id = '{me}'",
    "update protection_account set role = 'OWNER' where id = '{me}'",
    "update protection_account set role = 'owner' where id = '{courier}'",
    "update protection_account set role = 'owner'",
    "update protection_account set role = '" + BILLING + "' where id = '{courier}'",
    "update protection_account set role = 'practice', practice_id = gen_random_uuid() where id = '{me}'",
    "update protection_account set active = false where id = '{owner}'",
    "update protection_account set active = true where id = '{left_owner}'",
    "update protection_account set password_hash = 'argon2$mine' where id = '{owner}'",
    "update protection_account set password_hash = 'argon2$mine' where id = '{invited_owner}'",
    "delete from protection_account where id = '{owner}'",
    f"insert into protection_account {ACCOUNT} values (gen_random_uuid(), '{{lab}}', '\\x01', '\\x01', '\\x02', 'owner', '!', true)",
    f"insert into protection_account {ACCOUNT} values (gen_random_uuid(), '{{lab}}', '\\x01', '\\x01', '\\x02', 'reader', 'x', true)",
    "insert into protection_laboratoryrole (id, lab_id, key, name, permissions, active)"
    " values (gen_random_uuid(), '{lab}', 'eigene-x', 'X', '[\"billing:issue\"]', true)",
    "insert into protection_laboratoryrole (id, lab_id, key, name, permissions, active)"
    " values (gen_random_uuid(), '{lab}', 'owner', 'X', '[]', true)",
    "insert into protection_laboratoryrole (id, lab_id, key, name, permissions, active)"
    " values (gen_random_uuid(), '{lab}', 'technician', 'X', '[\"orders:view\"]', true)",
    "update protection_laboratoryrole set permissions = permissions || '[\"billing:issue\"]' where key = '" + DEPUTY + "'",
    "update protection_laboratoryrole set permissions = '[\"root\"]' where key = 'eigene-annahme'",
    "update protection_laboratoryrole set key = 'owner' where key = 'eigene-annahme'",
    "update protection_laboratoryrole set key = '" + DEPUTY + "x' where key = '" + DEPUTY + "'",
    "delete from protection_laboratoryrole where key = '" + BILLING + "'",
    SESSION,
    "update protection_session set ended_at = null where account_id = '{owner}'",
    "update protection_session set token_hash = '\\x01' where account_id = '{owner}'",
    "update protection_session set account_id = '{owner}' where account_id = '{me}'",
    LINK,
    TOKEN,
    "insert into protection_identitylink (id, lab_id, account_id, subject_key) values (gen_random_uuid(), '{lab}', '{owner}', '\\x01')",
    "insert into protection_identityprovider (id, lab_id, issuer, client_id, client_secret, email_domain, strong_contexts,"
    " active, authorization_endpoint, token_endpoint, jwks_uri, sends_secret_in_form, names_itself)"
    " values (gen_random_uuid(), '{lab}', 'https://mine.example', 'x', '', '', '', true, '', '', '', false, false)",
    "update protection_laboratory set factor_rule = 'optional'",
    "update protection_laboratory set idle_minutes = 60",
    "insert into kit_job (id, lab_id, name, facts, actor_id, run_at, attempts, state, last_error)"
    " values (gen_random_uuid(), '{lab}', 'trail.export', '{{}}', '{owner}', now(), 0, 'waiting', '')",
    "insert into kit_job (id, lab_id, name, facts, actor_id, run_at, attempts, state, last_error)"
    " values (gen_random_uuid(), '{lab}', 'trail.export', '{{}}', null, now(), 0, 'waiting', '')",
    "update kit_job set actor_id = '{owner}'",
    "update kit_job set facts = '{{\"export\": \"another\"}}'",
    "insert into protection_factor (id, lab_id, account_id, kind, label, secret, counter, failed_count)"
    " values (gen_random_uuid(), '{lab}', '{owner}', 'passkey', '\\x01', '\\x01', 0, 0)",
]  # fmt: skip


@pytest.mark.parametrize("who", ["office", "technician"], ids=["Dora", "Tom"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_gives_more_rights(statement, who, stage, app_connection, superuser):
    stage.lab.client("owner"), stage.lab.client(who)  # a session of each
    with laboratory(stage.lab.lab_id):
        from dentatool.protection.access.internal.models import Session

        Session.objects.filter(account_id=stage.lab.owner.id).update(ended_at="2026-01-01T00:00:00Z")
        Job.objects.create(name="kit.send_mail", facts={"mail": str(uuid4())})
    lab, me = stage.lab.lab_id, stage.lab.member(who).id
    before = sessions_and_rows(superuser, lab)
    signed = sign(Pass(lab, me), backend_pid=app_connection.info.backend_pid)
    app_connection.execute("select set_config('dentatool.pass', %s, true)", [signed])

    with pytest.raises(psycopg.Error) as refused:
        app_connection.execute(statement.format(lab=lab, me=me, **stage.ids()))

    assert refused.value.sqlstate in ("DT007", "DT008", "42501", "23514")
    app_connection.rollback()
    assert sessions_and_rows(superuser, lab) == before


def sessions_and_rows(superuser, lab_id):
    sessions = superuser.execute(
        "select id, account_id, token_hash, ended_at, level from protection_session where lab_id = %s order by id",
        [lab_id],
    ).fetchall()
    return sessions, fingerprint(superuser, lab_id)


@pytest.mark.parametrize(
    "statement",
    [
        "update protection_account set role = 'reader'",
        "update protection_account set role = 'reader' where role = 'owner'",
        "update protection_account set active = false",
        "update protection_account set password_hash = '!', active = false where role = 'owner'",
    ],
)
def test_no_statement_takes_the_last_owner_away(statement, anna, app_connection, superuser):
    """Also not one of the program itself, which asks in nobody's name."""
    before = fingerprint(superuser, anna.lab_id)
    for actor in (anna.owner.id, None):
        signed = sign(Pass(anna.lab_id, actor), backend_pid=app_connection.info.backend_pid)
        app_connection.execute("select set_config('dentatool.pass', %s, true)", [signed])
        with pytest.raises(psycopg.Error) as refused:
            app_connection.execute(statement)
        assert refused.value.sqlstate in ("DT007", "DT008")
        app_connection.rollback()

    assert fingerprint(superuser, anna.lab_id) == before


def test_two_owners_who_send_each_other_away_at_once_leave_one(stage):
    from dentatool.protection.access import Account

    with laboratory(stage.lab.lab_id):
        Account.objects.filter(pk=stage.lab.technician.id).update(role="owner")
    ids = stage.ids()
    deeds = [
        (stage.lab.client("owner"), f"/team/{ids['technician']}/ende/"),
        (stage.lab.client("technician"), f"/team/{ids['owner']}/ende/"),
    ] * 3

    answers = at_once(deeds)

    with stage.lab.at_work():
        assert Account.objects.filter(role="owner", active=True).exclude(pk=ids["invited_owner"]).count() == 1
    assert answers.count(302) >= 1
    assert set(answers) <= {302, 403, 409}


def test_one_address_invited_by_many_at_once_is_one_account(stage):
    from dentatool.protection.access import Account

    owner = stage.lab.client("owner")
    with stage.lab.at_work():
        before = Account.objects.count()

    answers = at_once([(owner, "/team/einladen/", {**INVITE, "role": "reader"})] * 5)

    with stage.lab.at_work():
        assert Account.objects.count() == before + 1
    assert sorted(answers) == [302, 422, 422, 422, 422]


def test_one_link_opened_by_many_at_once_is_taken_once(stage):
    from team.test_people_pages import PASSWORD, invite, link_in_mail

    invite(stage.client("owner"), role="reader")
    link = link_in_mail(stage.lab)

    answers = at_once([(nobody_client(), link, {"name": f"Eva {n}", "password": PASSWORD}) for n in range(4)])

    assert sorted(answers) == [302, 410, 410, 410]


def at_once(deeds):
    """Send all at the same time, each over a connection of its own; the statuses."""
    from django.db import connection

    def one(deed):
        client, address, form = (*deed, {})[:3]
        try:
            twin = nobody_client()
            twin.cookies = client.cookies
            return twin.post(address, form).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(one, deeds))


def test_a_role_key_that_shadows_a_built_in_one_gives_nothing(stage):
    """Even if a row came about past everything: the built-in table has the first word."""
    from dentatool.protection.access.internal.roles import PERMISSIONS_OF, permissions_of

    assert permissions_of("technician", list(map(str, Permission))) == PERMISSIONS_OF["technician"]
    assert permissions_of("eigene-x", ["*", "OWNER", "billing:issue "]) == frozenset({Permission.OWN_ACCOUNT})
