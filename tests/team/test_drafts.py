"""What was typed survives the end of the session, for its own person and nobody else."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.kit.jobs import clean_up
from dentatool.practices.models import Practice
from dentatool.protection.access.internal.drafts import MOST_CHARACTERS, MOST_DRAFTS, MOST_FIELDS, Draft, keep_draft

PAGE = "/praxen/neu/"


def form(**typed):
    return {"action": PAGE, "label": "Praxis anlegen", "fields": list(typed.items()), "left_out": False}


def save(client, *forms, page=PAGE):
    sent = json.dumps({"page": page, "forms": list(forms)})
    return client.post("/konto/entwuerfe/sichern/", sent, content_type="application/json")


def offered(client, page=PAGE):
    found = client.get("/konto/entwuerfe/hier/", {"seite": page}).json()["drafts"]
    return [(draft["action"], draft["fields"]) for draft in found]


def age(superuser, lab, column="last_action_at", minutes=16):
    superuser.execute(
        "set session_replication_role = replica;"
        f"update protection_session set {column} = now() - interval '{minutes} minutes' where lab_id = '{lab.lab_id}'"
    )


def test_a_draft_is_offered_to_its_own_person_and_to_nobody_else(anna, bert):
    client = anna.client("office")

    assert save(client, form(name="Dr. Aicher", city="Rosenheim")).status_code == 200

    assert offered(client) == [(PAGE, [["name", "Dr. Aicher"], ["city", "Rosenheim"]])]
    assert offered(client, "/praxen/") == []
    assert offered(anna.client("owner")) == []
    assert offered(bert.client("office")) == []
    assert 'data-has-drafts="1"' in client.get("/").content.decode()
    assert "data-has-drafts" not in anna.client("owner").get("/").content.decode()
    assert "Praxis anlegen" in client.get("/konto/entwuerfe/").content.decode()


def test_saved_again_it_takes_the_place_of_the_first(anna):
    client = anna.client("office")

    first = save(client, form(name="Dr. A")).json()["drafts"]
    second = save(client, form(name="Dr. Aicher")).json()["drafts"]

    assert first == second
    assert offered(client) == [(PAGE, [["name", "Dr. Aicher"]])]


def test_it_lies_sealed_in_the_database_and_nowhere_in_the_trail(anna, superuser):
    save(anna.client("office"), form(name="Dr. Xaver Aicher"))

    dumped = superuser.execute("select d::text from protection_draft d where lab_id = %s", [anna.lab_id]).fetchall()
    trail = superuser.execute("select changes::text from protection_entry where lab_id = %s", [anna.lab_id]).fetchall()

    for secret in ("Aicher", PAGE, "anlegen", b"Aicher".hex()):
        assert secret not in str(dumped)
    (sealed,) = superuser.execute(
        "select fields::text from protection_draft where lab_id = %s", [anna.lab_id]
    ).fetchone()
    assert sealed.removeprefix("\\x") not in str(trail)


@pytest.mark.parametrize(
    "name",
    ["password", "new_password2", "passwort", "kennwort", "csrfmiddlewaretoken", "api_token", "totp", "otp", "pin", "code",
     "recovery_code", "client_secret"],
)  # fmt: skip
def test_secrets_are_never_kept_whatever_the_page_sends(anna, name):
    client = anna.client("office")

    save(client, form(**{name: "geheim-4711", "city": "Rosenheim", "postcode": "83022"}))

    assert offered(client) == [(PAGE, [["city", "Rosenheim"], ["postcode", "83022"]])]


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"[]", b"null", b'{"page": "/", "forms": 3}', b'{"page": "/", "forms": [[]]}', b"[" * 20_000,
     b'{"page": "/", "forms": [{"action": "/", "label": "", "fields": [["a"]], "left_out": false}]}'],
)  # fmt: skip
def test_nonsense_is_refused_in_german(anna, sent):
    answer = anna.client().post("/konto/entwuerfe/sichern/", sent, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]) == (422, "Diese Eingaben lassen sich nicht sichern.")


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (form(**{f"f{number}": "x" for number in range(MOST_FIELDS + 1)}), False),
        (form(remarks="x" * MOST_CHARACTERS), False),
        ({**form(name="x"), "action": "https://boese.example/"}, False),
        ({**form(name="x"), "action": "//boese.example/"}, False),
        ({**form(name="x"), "action": "javascript:alert(1)"}, False),
        (form(), False),
        (form(name="\0 \u202e 🦷"), True),
    ],
)
def test_too_much_foreign_addresses_and_nothing_are_not_kept(anna, what, kept):
    client = anna.client()

    (draft_id,) = save(client, what).json()["drafts"]

    assert (draft_id is not None) == kept
    with anna.at_work():
        assert Draft.objects.count() == kept


def test_a_person_has_at_most_twenty_and_they_go_after_three_days(anna, superuser):
    with anna.at_work():
        for number in range(MOST_DRAFTS + 5):
            keep_draft(anna.owner.id, page=f"/{number}", action="/", label="", fields=[("name", "x")])
        assert Draft.objects.count() == MOST_DRAFTS
        newest = Draft.objects.order_by("-saved_at").first()
        assert newest.page == f"/{MOST_DRAFTS + 4}"
        Draft.objects.exclude(pk=newest.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert len(anna.client().get("/konto/entwuerfe/").context["rows"]) == 1


def test_the_nightly_work_deletes_what_nobody_came_back_for(anna, monkeypatch):
    monkeypatch.setattr("dentatool.kit.jobs.all_laboratories", lambda: [anna.lab_id])
    with anna.at_work():
        keep_draft(anna.owner.id, page="/", action="/", label="", fields=[("name", "x")])
        Draft.objects.update(expires_at=timezone.now())

    clean_up()

    with anna.at_work():
        assert not Draft.objects.exists()


def test_a_draft_is_discarded_by_its_own_person_alone(anna):
    client = anna.client("office")
    (draft_id,) = save(client, form(name="Dr. Aicher")).json()["drafts"]

    assert anna.client("owner").post("/konto/entwuerfe/", {"verwerfen": draft_id}).status_code == 410
    assert len(offered(client)) == 1
    assert client.post("/konto/entwuerfe/", {"verwerfen": draft_id}).status_code == 302
    assert offered(client) == []
    assert client.post("/konto/entwuerfe/", {"verwerfen": "kein Entwurf"}).status_code == 410


def test_a_form_that_was_stored_needs_its_draft_no_longer(anna):
    client, page = anna.client(), "/labor/sicherheit/ruhezeit/"
    (draft_id,) = save(client, {**form(idle_minutes="99"), "action": page}, page=page).json()["drafts"]

    wrong = client.post(page, {"idle_minutes": "99", "entwurf": draft_id})
    assert (wrong.status_code, len(offered(client, page))) == (422, 1)

    right = client.post(page, {"idle_minutes": "20", "entwurf": draft_id})
    assert (right.status_code, offered(client, page)) == (302, [])


def test_nobody_discards_anothers_draft_with_a_form_of_their_own(anna):
    (draft_id,) = save(anna.client("office"), form(name="Dr. Aicher")).json()["drafts"]

    anna.client("owner").post("/sitzung/weiter/", {"entwurf": draft_id})

    assert len(offered(anna.client("office"))) == 1


def test_a_form_sent_after_the_end_is_kept_and_offered_after_signing_in(anna, superuser):
    client = anna.client("office")
    age(superuser, anna)

    refused = client.post(
        PAGE, {"customer_number": "4711", "name": "Dr. Aicher"}, headers={"referer": f"https://localhost{PAGE}"}
    )

    assert (refused.status_code, refused.headers["Location"]) == (302, "/anmelden/?weiter=%2Fpraxen%2Fneu%2F")
    assert "Ihre Eingaben sind aufgehoben" in client.get(refused.headers["Location"]).content.decode()
    with anna.at_work():
        assert not Practice.objects.exists()
    signed_in = client.post(
        "/anmelden/",
        {"name": anna.member("office").sign_in_name, "password": anna.owner.password, "weiter": PAGE},
    )
    assert signed_in.headers["Location"] == PAGE
    assert offered(client) == [(PAGE, [["customer_number", "4711"], ["name", "Dr. Aicher"]])]


def test_a_page_that_was_asleep_may_still_leave_its_drafts_but_read_none(anna, superuser):
    client = anna.client("office")
    age(superuser, anna)

    assert save(client, form(name="Dr. Aicher")).status_code == 204

    asked = client.get("/konto/entwuerfe/hier/", {"seite": PAGE}, headers={"sec-fetch-mode": "cors"})
    assert asked.status_code == 401
    assert len(offered(anna.client("office"))) == 1


@pytest.mark.parametrize("how", ["signed out", "long ago", "nobody", "deactivated"])
def test_other_dead_cookies_leave_nothing(anna, superuser, how, nobody):
    client = nobody if how == "nobody" else anna.client("office")
    cookies = dict(client.cookies)
    if how == "signed out":
        client.post("/abmelden/")
        client.cookies.load({name: morsel.value for name, morsel in cookies.items()})
    elif how == "long ago":
        age(superuser, anna, minutes=13 * 60)
    elif how == "deactivated":
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update protection_account set active = false where lab_id = %s", [anna.lab_id])

    assert save(client, form(name="Dr. Aicher")).status_code == 401
    assert superuser.execute("select count(*) from protection_draft where lab_id = %s", [anna.lab_id]).fetchone() == (
        0,
    )
