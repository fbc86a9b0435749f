"""Every half year somebody asks whether each access is still needed, and silence means no."""

import hashlib
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.utils import timezone

from dentatool.kit.errors import NotAllowed, NotYet
from dentatool.kit.models import Mail
from dentatool.protection.access import Account, Role
from dentatool.protection.access.internal.models import LaboratoryRole
from dentatool.protection.audit import Entry
from dentatool.team.models import AccessReview, ReviewItem
from dentatool.team.reviews.actions import close_review, decide, open_review
from dentatool.team.reviews.models import Decision
from dentatool.team.reviews.nightly import look_after_reviews

OTHERS = ("office", "technician", "courier", "reader", "practice")


def night(lab, days=0):
    """What the night does, that many days from now."""
    from dentatool.protection.tenancy import laboratory

    with time_machine.travel(timezone.now() + timedelta(days=days), tick=True), laboratory(lab.lab_id):
        look_after_reviews()


def opened(lab, role="owner"):
    with lab.at_work(role):
        return open_review(by=person(lab, role))


def person(lab, role):
    return Account.objects.get(pk=lab.member(role).id)


def item_of(lab, role):
    return ReviewItem.objects.get(account_id=lab.member(role).id)


def decisions(lab):
    with lab.at_work():
        found = ReviewItem.objects.select_related("account")
        return {item.account.role: item.decision for item in found}


def second_reviewer(lab, role="office"):
    """A colleague who may decide, by a role of the laboratory's own."""
    with lab.at_work():
        LaboratoryRole.objects.create(key="pruefung", name="Prüfung", permissions=["review:decide", "team:view"])
        Account.objects.filter(pk=lab.member(role).id).update(role="pruefung")


@pytest.mark.parametrize(("days", "reviews"), [(179, 0), (181, 1)])
def test_a_review_is_due_after_half_a_year(anna, days, reviews):
    night(anna, days)

    with anna.at_work():
        assert AccessReview.objects.count() == reviews


def test_the_next_half_year_counts_from_the_last_review(anna):
    night(anna, 181)
    with anna.at_work():
        for role in OTHERS:
            decide(item_of(anna, role), Decision.KEPT, by=person(anna, "owner"))
        close_review(AccessReview.objects.get(), by=person(anna, "owner"))

    night(anna, 181 + 179)
    with anna.at_work():
        assert AccessReview.objects.count() == 1

    night(anna, 181 + 181)
    with anna.at_work():
        assert AccessReview.objects.count() == 2


def test_the_snapshot_says_who_could_do_what(anna):
    anna.client("technician")
    opened(anna)

    with anna.at_work():
        item, unused = item_of(anna, "technician"), item_of(anna, "courier")
        assert (item.person, item.role, item.tokens) == (anna.technician.display_name, "Zahntechnik", 0)
    assert "orders:change" in item.permissions
    assert "billing:issue" not in item.permissions
    assert item.last_sign_in is not None
    assert unused.last_sign_in is None


def test_what_changes_afterwards_does_not_change_the_snapshot(anna):
    opened(anna)
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(role="office")

    with anna.at_work():
        assert item_of(anna, "technician").role == "Zahntechnik"


def test_nobody_decides_about_themselves(anna):
    opened(anna)

    with pytest.raises(NotAllowed, match="entscheidet jemand anderes"), anna.at_work():
        decide(item_of(anna, "owner"), Decision.KEPT, by=person(anna, "owner"))

    assert decisions(anna)["owner"] == ""


def test_nobody_decides_about_themselves_by_hand_either_and_the_try_is_noted(anna):
    opened(anna)
    with anna.at_work():
        own = item_of(anna, "owner")

    answer = anna.client().post(f"/team/pruefung/zugang/{own.pk}/", {"decision": "kept"})

    assert answer.status_code == 403
    assert decisions(anna)["owner"] == ""
    with anna.at_work():
        assert Entry.objects.filter(what="authz_fail", actor_id=anna.owner.id).count() == 1


def test_a_revoked_access_is_dead_at_once(anna):
    technician = anna.client("technician")
    assert technician.get("/auftraege/").status_code == 200
    opened(anna)

    with anna.at_work():
        decide(item_of(anna, "technician"), Decision.REVOKED, by=person(anna, "owner"), comment="nicht mehr im Haus")

    assert technician.get("/auftraege/").status_code == 302
    assert decisions(anna)["technician"] == "revoked"


def test_an_access_that_nobody_answered_for_is_gone_after_fifteen_days(anna):
    technician = anna.client("technician")
    opened(anna)

    night(anna, 13)
    assert technician.get("/auftraege/").status_code == 200
    assert decisions(anna)["technician"] == ""

    night(anna, 15)
    assert technician.get("/auftraege/").status_code == 302
    assert decisions(anna) == {"owner": "alone", **dict.fromkeys(OTHERS, "expired")}
    with anna.at_work():
        assert AccessReview.objects.get().closed_at is not None
        assert person(anna, "owner").active


def test_the_only_person_who_may_decide_is_marked_as_reviewed_by_nobody(anna):
    review = opened(anna)
    with anna.at_work():
        for role in OTHERS:
            decide(item_of(anna, role), Decision.KEPT, by=person(anna, "owner"))
    html = anna.client().get(f"/team/pruefung/{review.pk}/").content.decode()
    assert "nicht prüfbar durch andere" in html

    with anna.at_work():
        close_review(review, by=person(anna, "owner"))

    assert decisions(anna)["owner"] == "alone"


def test_where_another_could_decide_the_last_owner_stays_open_and_red(anna):
    second_reviewer(anna)
    review = opened(anna)
    with anna.at_work():
        for role in OTHERS:
            decide(item_of(anna, role), Decision.KEPT, by=person(anna, "owner"))

    night(anna, 15)

    assert decisions(anna)["owner"] == ""
    with anna.at_work():
        assert AccessReview.objects.get().closed_at is None
        assert person(anna, "owner").active
    with pytest.raises(NotYet, match="Über 1 Zugang"), anna.at_work():
        close_review(review, by=person(anna, "owner"))


def test_the_other_reviewer_decides_about_the_owner(anna):
    second_reviewer(anna)
    opened(anna)

    with anna.at_work("office"):
        decide(item_of(anna, "owner"), Decision.KEPT, by=person(anna, "office"))

    assert decisions(anna)["owner"] == "kept"


def test_who_holds_less_can_keep_an_access_but_not_end_it(anna):
    second_reviewer(anna)
    opened(anna)

    with pytest.raises(NotAllowed, match="mehr als Ihrer"), anna.at_work("office"):
        decide(item_of(anna, "technician"), Decision.REVOKED, by=person(anna, "office"), comment="soll gehen")

    with anna.at_work():
        assert person(anna, "technician").active


def test_the_last_owner_is_not_revoked_by_another_owner_who_left_meanwhile(anna):
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(role=Role.OWNER)
    opened(anna)
    with anna.at_work("technician"):
        decide(item_of(anna, "owner"), Decision.REVOKED, by=person(anna, "technician"), comment="im Ruhestand")

    with pytest.raises(NotYet, match="letzte Inhaberin"), anna.at_work("owner"):
        decide(item_of(anna, "technician"), Decision.REVOKED, by=person(anna, "owner"), comment="auch der")

    with anna.at_work():
        assert person(anna, "technician").active


def test_an_account_closed_meanwhile_needs_no_decision(anna):
    opened(anna)
    with anna.at_work():
        Account.objects.filter(pk=anna.courier.id).update(active=False)

    night(anna, 15)

    assert decisions(anna)["courier"] == "left"


def test_only_one_review_runs_at_a_time(anna):
    opened(anna)

    with pytest.raises(NotYet, match="läuft schon"):
        opened(anna)


@pytest.mark.parametrize(("decision", "comment", "reason"), [
    ("revoked", "", "begründen"), ("", "x", "entscheiden, ob"), ("expired", "xxx", "entscheiden, ob"),
    ("alone", "xxx", "entscheiden, ob"),
])  # fmt: skip
def test_a_decision_that_is_none_is_refused(anna, decision, comment, reason):
    opened(anna)

    with pytest.raises(NotYet, match=reason), anna.at_work():
        decide(item_of(anna, "technician"), decision, by=person(anna, "owner"), comment=comment)


def test_a_revoked_access_is_not_kept_afterwards(anna):
    opened(anna)
    with anna.at_work():
        decide(item_of(anna, "technician"), Decision.REVOKED, by=person(anna, "owner"), comment="ausgeschieden")

    with pytest.raises(NotYet, match="schon entzogen"), anna.at_work():
        decide(item_of(anna, "technician"), Decision.KEPT, by=person(anna, "owner"))


@pytest.fixture
def closed(anna):
    review = opened(anna)
    with anna.at_work():
        for role in OTHERS:
            decide(item_of(anna, role), Decision.KEPT, by=person(anna, "owner"))
        return close_review(review, by=person(anna, "owner"))


@pytest.mark.parametrize("change", [
    lambda: ReviewItem.objects.update(decision="revoked"),
    lambda: ReviewItem.objects.all().delete(),
    lambda: AccessReview.objects.update(report_sha256="0" * 64),
    lambda: AccessReview.objects.update(closed_at=None),
    lambda: AccessReview.objects.all().delete(),
])  # fmt: skip
def test_a_closed_review_never_changes(anna, closed, change):
    with pytest.raises(DatabaseError), anna.at_work():
        change()


def test_nothing_is_added_to_a_closed_review(anna, closed):
    with pytest.raises(DatabaseError), anna.at_work():
        ReviewItem.objects.create(review=closed, account=person(anna, "owner"), person="X", role="X")


def test_a_closed_review_is_decided_no_more(anna, closed):
    with pytest.raises(NotYet, match="abgeschlossen"), anna.at_work():
        decide(item_of(anna, "technician"), Decision.KEPT, by=person(anna, "owner"))


def test_reminders_go_to_who_may_decide_and_not_every_night(anna):
    night(anna, 181)
    for days in (182, 183, 184, 185, 188):
        night(anna, days)

    with anna.at_work():
        sent = list(Mail.objects.all())
        assert {mail.address for mail in sent} == {anna.owner.sign_in_name}
        assert len(sent) == 3
        assert sent[0].subject.startswith("Zugänge prüfen bis ")


def test_berts_reviews_are_not_annas(anna, bert, closed):
    assert bert.client().get(f"/team/pruefung/{closed.pk}/").status_code == 404
    assert bert.client().get(f"/team/pruefung/{closed.pk}/bericht/").status_code == 404
    with bert.at_work():
        assert not AccessReview.objects.exists()


@pytest.mark.parametrize("role", ["office", "technician", "courier", "reader"])
def test_only_who_may_decide_sees_reviews(anna, role):
    assert anna.client(role).get("/team/pruefung/").status_code == 403
    assert anna.client(role).post("/team/pruefung/neu/").status_code == 403


def test_a_review_from_beginning_to_end_on_its_pages(anna):
    client = anna.client()
    assert "von selbst eröffnet" in client.get("/team/pruefung/").content.decode()

    begun = client.post("/team/pruefung/neu/")
    with anna.at_work():
        items = {item.account.role: item for item in ReviewItem.objects.select_related("account")}
    for role in set(OTHERS) - {"technician"}:
        assert client.post(f"/team/pruefung/zugang/{items[role].pk}/", {"decision": "kept"}).status_code == 302
    unfounded = client.post(f"/team/pruefung/zugang/{items['technician'].pk}/", {"decision": "revoked"})
    early = client.post(begun.headers["Location"] + "abschluss/")
    founded = {"decision": "revoked", "comment": "zum Monatsende ausgeschieden"}
    assert client.post(f"/team/pruefung/zugang/{items['technician'].pk}/", founded).status_code == 302
    ended = client.post(begun.headers["Location"] + "abschluss/")
    report = client.get(begun.headers["Location"] + "bericht/")

    assert unfounded.status_code == 409
    assert "begründen" in unfounded.content.decode()
    assert early.status_code == 409
    assert ended.status_code == 302
    assert report.content.startswith(b"%PDF")
    html = client.get(begun.headers["Location"]).content.decode()
    assert "zum Monatsende ausgeschieden" in html
    assert "Abgeschlossen am" in html
    with anna.at_work():
        told = [e.what for e in Entry.objects.filter(what__startswith="review.").order_by("at")]
    assert told == ["review.closed", "review.report_fetched"]


def test_the_report_is_verified_by_command_and_a_changed_one_is_not(anna, closed, tmp_path):
    with anna.at_work():
        report = AccessReview.objects.get().report
    whole, changed = tmp_path / "bericht.pdf", tmp_path / "geaendert.pdf"
    whole.write_bytes(report)
    changed.write_bytes(report.replace(b"%PDF-1.7", b"%PDF-1.4"))

    good, bad = verified(whole), verified(changed)

    assert (good.returncode, bad.returncode) == (0, 1), good.stderr
    assert f"laboratory {anna.lab_id}" in good.stdout
    assert "verändert" in bad.stderr
    assert hashlib.sha256(report).hexdigest() == closed.report_sha256


def verified(file):
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "reviews", "verify", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
