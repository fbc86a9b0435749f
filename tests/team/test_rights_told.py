"""TOM 6: every change of rights is in the trail, with before, after and by whom, and every owner gets an e-mail."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import Factor, LaboratoryRole
from dentatool.protection.audit import Entry
from dentatool.protection.audit.vocabulary import WORDS, Topic
from dentatool.protection.tenancy import laboratory
from dentatool.team.reviews.actions import expire, open_review
from dentatool.team.reviews.models import AccessReview

SUBJECT = "Zugänge und Rechte"
# What a person does with their own account is told to that person, not to the owners.
OWN = {
    "authn_factor_added", "authn_factor_removed", "authn_password_change", "authn_password_reset",
    "authn_token_created", "authn_token_revoked", "user_confirmed",
}  # fmt: skip
# A consequence of another event in this list, and a rule that gives nobody a right.
BESIDES = {"access_ended", "security.idle_changed"}


@dataclass
class Stage:
    """Anna's laboratory; a second owner who does nothing, and people for each deed."""

    lab: Any
    second: str
    invited: UUID
    left: UUID
    role: UUID


@pytest.fixture
def stage(anna):
    with laboratory(anna.lab_id):
        second, left = (
            Account.create(display_name=name, sign_in_name=address, role=role, password_hash="argon2")
            for name, address, role in (
                ("Otto Zweit", "otto@labor.example", "owner"), ("Gerda Gegangen", "gerda@labor.example", "reader"),
            )
        )  # fmt: skip
        Account.objects.filter(pk=left.pk).update(active=False)
        invited = Account.create(
            display_name="Ida Geladen", sign_in_name="ida@labor.example", role="reader", password_hash="!"
        )
        role = LaboratoryRole.objects.create(key="eigene-annahme", name="Annahme", permissions=["orders:view"])
        for member in ("owner", "technician"):
            Factor.objects.create(account_id=anna.member(member).id, kind="app", label="App", secret="x")
    return Stage(anna, str(second.sign_in_name), invited.pk, left.pk, role.pk)


def post(path, /, **form):
    def deed(stage):
        where = path.format(technician=stage.lab.technician.id, invited=stage.invited, left=stage.left, role=stage.role)
        answer = stage.lab.client().post(where, form)
        assert answer.status_code == 302, answer.content.decode()[-1500:]

    return deed


def revoke_in_review(stage):
    client = stage.lab.client()
    client.post("/team/pruefung/neu/")
    with stage.lab.at_work():
        item = AccessReview.objects.get().items.get(account_id=stage.lab.technician.id)
    answer = client.post(f"/team/pruefung/zugang/{item.pk}/", {"decision": "revoked", "comment": "ist gegangen"})
    assert answer.status_code == 302, answer.content.decode()[-1500:]


def review_that_nobody_answers(stage):
    with laboratory(stage.lab.lab_id):
        open_review(by=None)
        review = AccessReview.objects.get()
        review.items.exclude(account_id=stage.lab.technician.id).update(decision="kept", decided_at=timezone.now())
        expire(review)


# deed: (what is done, event, what it was before, what it is after, what the e-mail says)
DEEDS: dict[str, tuple[Any, str, Any, Any, str]] = {
    "somebody is invited": (
        post("/team/einladen/", name="Nina Neu", address="nina@labor.example", role="technician"),
        "user_created", "", "technician", "Nina Neu (nina@labor.example) ist mit der Rolle „Zahntechnik“ eingeladen."),
    "an invitation is sent again": (
        post("/team/{invited}/einladung/"), "user_created", "", "reader", "Ida Geladen (ida@labor.example) ist mit der Rolle"),
    "an invitation is taken back": (
        post("/team/{invited}/einladung/zuruecknehmen/"), "user_archived", "reader", "", "Die Einladung von Ida Geladen"),
    "another role is given": (
        post("/team/{technician}/rolle/", role="eigene-annahme"),
        "privilege_permissions_changed", "technician", "eigene-annahme", "hat jetzt die Rolle „Annahme“ (bisher: Zahntechnik)."),
    "somebody leaves": (post("/team/{technician}/ende/"), "user_archived", "technician", "", "Alle Zugänge von "),
    "somebody comes back": (
        post("/team/{left}/rueckkehr/"), "user_reactivated", "", "reader", "Gerda Gegangen kann sich wieder anmelden"),
    "factors are reset": (
        post("/team/{technician}/anmeldung/"), "authn_factors_reset", ["app"], [], "Die Anmeldeverfahren von "),
    "a role is made": (
        post("/team/rollen/neu/", name="Empfang", rechte=["orders:view"]),
        "privilege_permissions_changed", [], ["orders:view"], "Die Rolle „Empfang“ ist neu."),
    "a role is changed": (
        post("/team/rollen/{role}/", name="Annahme", rechte=["orders:change"]),
        "privilege_permissions_changed", ["orders:view"], ["orders:change"], "Nicht mehr dabei: Aufträge ansehen"),
    "a role is retired": (
        post("/team/rollen/{role}/ende/"),
        "privilege_permissions_changed", ["orders:view"], [], "Die Rolle „Annahme“ gibt es nicht mehr."),
    "the rule for the second factor": (
        post("/labor/sicherheit/", factor_rule="required"),
        "security.rule_changed", "optional", "required", "Zweites Anmeldeverfahren: verlangt (bisher: freiwillig)."),
    "an access is revoked in a review": (
        revoke_in_review, "user_archived", "technician", "", "Zugangsprüfung: Der Zugang von "),
    "nobody answered in a review": (
        review_that_nobody_answers, "user_archived", "technician", "", "Zugangsprüfung: Der Zugang von "),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEDS)
def test_it_is_in_the_trail_with_before_after_and_by_whom_and_every_owner_is_told(name, stage, post_office):
    deed, event, before, after, words = DEEDS[name]

    deed(stage)

    with stage.lab.at_work():
        entry = Entry.objects.filter(what=event).latest("at")
    facts = entry.changes
    assert (facts.get("before", facts.get("old")), facts.get("after", facts.get("new"))) == (before, after)
    assert entry.actor_id == (None if name == "nobody answered in a review" else stage.lab.owner.id)
    by = "DentaTool, weil bis zum Ende" if entry.actor_id is None else stage.lab.owner.display_name
    for owner in (stage.second, stage.lab.owner.sign_in_name):
        letter = post_office.wait_for(to=owner, subject=SUBJECT)
        assert words in letter.text
        assert f"Veranlasst von: {by}" in letter.text


def test_the_list_of_deeds_has_every_event_that_gives_or_takes_a_right():
    about_rights = {name for name, word in WORDS.items() if word.topic == Topic.RIGHTS and word.german}

    assert {event for _deed, event, *_ in DEEDS.values()} == about_rights - OWN - BESIDES


def test_the_person_is_told_as_well(stage, post_office):
    DEEDS["another role is given"][0](stage)

    assert "hat jetzt die Rolle „Annahme“" in post_office.wait_for(to=stage.lab.technician.sign_in_name).text


def test_what_is_refused_or_changes_nothing_is_told_to_nobody(stage, post_office):
    client = stage.lab.client("office")

    assert client.post(f"/team/{stage.lab.technician.id}/rolle/", {"role": "owner"}).status_code == 403
    post("/labor/sicherheit/", factor_rule="optional")(stage)
    post("/team/{technician}/rolle/", role="technician")(stage)

    post_office.deliver()
    assert post_office.to(stage.second) == []
