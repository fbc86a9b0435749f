"""The trail leaves the house only in the right hands, harmless for spreadsheets, and not unseen."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from dentatool.kit.jobs import MOST_ATTEMPTS, load_jobs, run_due_jobs
from dentatool.kit.models import Job
from dentatool.practices.models import Practice
from dentatool.protection.access import Account
from dentatool.protection.access.internal.models import Session
from dentatool.protection.access.sessions import end_everything_of
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.tenancy import laboratory
from dentatool.team.trail import exporting
from dentatool.team.trail.exporting import forget_exports, harmless
from dentatool.team.trail.models import TrailExport, TrailExportPart


@pytest.fixture
def work():
    """`work(anna)`: the background does what is due."""
    load_jobs()
    return lambda lab: run_due_jobs(lab.lab_id)


def order(client, **chosen):
    answer = client.post("/protokoll/ausgabe/", {"file_format": "csv", **chosen})
    assert answer.status_code == 302
    return answer


def ordered(lab):
    with lab.at_work():
        return TrailExport.objects.latest("created_at")


def fetch(client, lab):
    return client.get(f"/protokoll/ausgabe/{ordered(lab).pk}/")


def unpacked(answer):
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name).decode("utf-8-sig")


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(unpacked(answer)), delimiter=";"))


def test_a_table_with_everything_that_the_filter_shows(anna, work):
    with anna.at_work("technician"):
        Practice.objects.create(customer_number="1", name="Praxis am Inn")
    client = anna.reading_trail()

    order(client, topic="stammdaten")
    work(anna)
    rows = rows_of(fetch(client, anna))

    with anna.at_work():
        expected = [
            str(e.pk)
            for e in Entry.objects.filter(what__in=["practices_practice", "team_laboratoryprofile"]).order_by("at")
        ]
    assert [row["Eintrag"] for row in rows] == expected
    practice = next(row for row in rows if row["Was"] == "Praxis")
    assert (practice["Person"], practice["Handlung"]) == (anna.technician.display_name, "angelegt")
    assert "Praxis: Praxis am Inn" in practice["Änderung"]


def test_lines_of_json_with_the_bare_facts(anna, work):
    with anna.at_work():
        record_event("trail.viewed", entries=7)
    client = anna.reading_trail()

    order(client, what="trail.viewed", file_format="jsonl")
    work(anna)
    (line,) = [json.loads(line) for line in unpacked(fetch(client, anna)).splitlines()]

    assert (line["what"], line["changes"], line["actor_id"]) == ("trail.viewed", {"entries": 7}, str(anna.owner.id))


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_sealed_values_stay_sealed(anna, work, file_format):
    with anna.at_work():
        account = Account.objects.get(pk=anna.technician.id)
        account.display_name = "Geheimrat Unsichtbar"
        account.save()
        account.display_name = "Wieder Offen"
        account.save()
    client = anna.reading_trail()

    order(client, what="protection_account", file_format=file_format)
    work(anna)
    text = unpacked(fetch(client, anna))

    assert "Unsichtbar" not in text
    assert "\\x01" not in text
    assert "versiegelt" in text


@pytest.mark.parametrize("evil", [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "  =cmd|' /C calc'!A0", "'=1", '"=1', "|x", "%x",
    "=HYPERLINK(\"http://x\")",
])  # fmt: skip
def test_no_cell_begins_a_formula(evil):
    assert harmless(evil).startswith("'")


@pytest.mark.parametrize("plain", ["Praxis am Inn", "12,50", "", "a=b", "Name: =1"])
def test_plain_words_stay_as_they_are(plain):
    assert harmless(plain) == plain


def test_a_formula_in_the_trail_is_text_in_the_table(anna, work):
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).first()
        account = Account.objects.get(pk=anna.technician.id)
        account.display_name = '=HYPERLINK("http://evil.example";"x")'
        account.save()
    with anna.at_work("technician"):
        record_event("authn_logout")
    client = anna.reading_trail()

    order(client, what="authn_logout")
    work(anna)

    assert [row["Person"] for row in rows_of(fetch(client, anna))] == ['\'=HYPERLINK("http://evil.example";"x")']


def test_the_export_is_in_the_trail_with_filter_number_and_checksum(anna, work):
    client = anna.reading_trail()
    order(client, topic="rechte", person=str(anna.owner.id))
    work(anna)

    content = fetch(client, anna).content

    with anna.at_work():
        exported = Entry.objects.get(what="trail.exported")
        fetched = Entry.objects.get(what="trail.export_fetched")
    assert exported.changes["sha256"] == fetched.changes["sha256"] == hashlib.sha256(content).hexdigest()
    assert (exported.changes["topic"], exported.changes["account"]) == ("rechte", str(anna.owner.id))
    assert exported.changes["purpose"] == "routine"
    assert exported.changes["entries"] == fetched.changes["entries"] == ordered(anna).entries


def test_only_who_may_export_can_order(anna):
    for role in ("office", "technician", "courier", "reader"):
        assert anna.client(role).post("/protokoll/ausgabe/", {"file_format": "csv"}).status_code == 403
    with anna.at_work():
        assert not TrailExport.objects.exists()


def test_nobody_else_fetches_it(anna, bert, new_laboratory, work):
    order(anna.reading_trail())
    work(anna)
    with anna.at_work():
        Account.objects.filter(pk=anna.technician.id).update(role="owner")

    assert fetch(anna.client("technician"), anna).status_code == 404
    assert fetch(bert.client(), anna).status_code == 404
    assert fetch(anna.client(), anna).status_code == 200


@pytest.mark.parametrize("loss", [{"active": False}, {"role": "office"}])
def test_who_lost_the_right_before_the_work_began_gets_nothing(anna, work, loss):
    order(anna.reading_trail())
    with laboratory(anna.lab_id):
        Account.objects.filter(pk=anna.technician.id).update(role="owner")  # the last one could not go
        Account.objects.filter(pk=anna.owner.id).update(**loss)

    work(anna)

    assert (ordered(anna).state != "ready", ordered(anna).entries) == (True, 0)  # the job itself may be refused
    with anna.at_work():
        assert not TrailExportPart.objects.exists()
        assert not Entry.objects.filter(what="trail.exported").exists()


def test_who_loses_the_right_in_the_middle_gets_nothing_either(anna, monkeypatch):
    """The right is asked again and again; here it goes after the first ten entries."""
    with anna.at_work():
        for _ in range(30):
            record_event("authn_logout")
    order(anna.reading_trail(), what="authn_logout")
    answers = iter([True, True, False])
    monkeypatch.setattr(exporting, "_BATCH", 10)
    monkeypatch.setattr(exporting, "may", lambda *_: next(answers))

    load_jobs()
    run_due_jobs(anna.lab_id)

    assert ordered(anna).state == "refused"
    with anna.at_work():
        assert not TrailExportPart.objects.exists()


def test_what_is_too_much_says_so(anna, work, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ENTRIES", 3)
    client = anna.reading_trail()
    order(client)

    work(anna)

    assert ordered(anna).state == "too_large"
    assert "Zeitraum enger wählen" in client.get("/protokoll/ausgabe/").content.decode()
    assert fetch(client, anna).status_code == 404


def test_a_long_file_is_kept_in_sealed_parts_and_comes_back_whole(anna, work, monkeypatch):
    monkeypatch.setattr(exporting, "_PIECE", 500)
    client = anna.reading_trail()
    order(client, file_format="jsonl")
    work(anna)

    lines = unpacked(fetch(client, anna)).splitlines()

    assert len(lines) == ordered(anna).entries > 5
    with anna.at_work():
        assert TrailExportPart.objects.count() > 1


def test_after_a_day_the_file_is_gone_and_the_trail_still_tells(anna, work):
    client = anna.reading_trail()
    order(client)
    work(anna)
    with anna.at_work():
        TrailExport.objects.update(expires_at=timezone.now())

    assert fetch(client, anna).status_code == 404
    with anna.at_work():
        forget_exports()
        assert not TrailExportPart.objects.exists()
        assert Entry.objects.filter(what="trail.exported").count() == 1


def test_of_a_person_whose_access_ended_meanwhile_the_export_says_that_it_will_not_come(anna, work):
    client = anna.reading_trail("owner")
    order(client)
    with laboratory(anna.lab_id):
        end_everything_of(anna.owner.id, "role")

    work(anna)

    assert ordered(anna).state == "broken_off"
    page = anna.reading_trail("owner").get("/protokoll/ausgabe/").content.decode()
    assert "abgebrochen" in page and "Bitte neu bestellen." in page
    assert "wird vorbereitet" not in page


def test_an_export_that_fails_for_good_says_so_too(anna, work):
    client = anna.reading_trail()
    order(client)
    with laboratory(anna.lab_id):
        Job.objects.filter(name="trail.export").update(attempts=MOST_ATTEMPTS)  # each of them killed its process

    work(anna)

    assert ordered(anna).state == "broken_off"


def test_an_old_confirmation_does_not_suffice(anna):
    client = anna.reading_trail()
    with anna.at_work():
        Session.objects.update(confirmed_at=timezone.now() - timedelta(minutes=11))

    assert client.post("/protokoll/ausgabe/", {"file_format": "csv"}).status_code in (302, 403)
    with anna.at_work():
        assert not TrailExport.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [{}, {"file_format": "exe"}, {"file_format": "csv", "since": "nie"}, {"file_format": "csv", "what": "pg_class"}],
)
def test_bad_input_is_refused_with_words(anna, sent):
    assert anna.reading_trail().post("/protokoll/ausgabe/", sent).status_code == 422
    with anna.at_work():
        assert not TrailExport.objects.exists()


def test_who_does_not_say_why_takes_nothing_out(anna):
    answer = anna.client().post("/protokoll/ausgabe/", {"file_format": "csv"})

    assert answer.headers["Location"].startswith("/protokoll/zweck/?weiter=%2Fprotokoll%2Fausgabe")
    with anna.at_work():
        assert not TrailExport.objects.exists()


def test_the_page_that_asks_for_itself_keeps_nobody_signed_in(anna, superuser):
    client = anna.client()
    superuser.execute(
        "set session_replication_role = replica;"
        f"update protection_session set last_action_at = now() - interval '9 minutes' where lab_id = '{anna.lab_id}'"
    )
    asked = "select max(last_action_at) from protection_session where lab_id = %s"
    before = superuser.execute(asked, [anna.lab_id]).fetchone()

    assert client.get("/protokoll/ausgabe/stand/").status_code == 200
    assert client.post("/csp-bericht/", b"{}", content_type="application/csp-report").status_code == 400

    assert superuser.execute(asked, [anna.lab_id]).fetchone() == before
