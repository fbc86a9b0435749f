"""Once a week the owners get the signed checkpoint by mail, and what they get is one that proves something."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.utils import timezone

from dentatool.kit.models import Mail
from dentatool.protection.audit import Entry
from dentatool.protection.audit.sealing import checkpoint_note, sealer, trail_key
from dentatool.team.models import LaboratoryProfile
from dentatool.team.trail.proof_pages import VERIFIER
from dentatool.team.trail.witnessing import mail_checkpoint_when_due
from dentatool.values.checkpoint import open_checkpoint
from harness.database import in_role
from harness.smtp import PostOffice


def night(lab: Any) -> None:
    with in_role("worker"):
        sealer().round()
    with lab.at_work():
        mail_checkpoint_when_due()


def mailed(lab: Any) -> int:
    with lab.at_work():
        return Entry.objects.filter(what="trail.checkpoint_mailed").count()


def test_the_owner_gets_a_checkpoint_that_the_program_accepts(
    anna: Any, post_office: PostOffice, tmp_path: Path
) -> None:
    night(anna)

    letter = post_office.wait_for(to=anna.owner.sign_in_name, subject="Prüfpunkt Ihres Protokolls")

    told = letter.text.split("-" * 72)[1].strip() + "\n"
    with anna.at_work():
        assert told == checkpoint_note()
    assert open_checkpoint(told, trail_key().public, anna.lab_id).size > 3
    (tmp_path / "aus der mail.txt").write_bytes(told.replace("\n", "\r\n").encode())
    command = [
        sys.executable,
        "-I",
        str(VERIFIER),
        str(tmp_path / "aus der mail.txt"),
        "--key",
        trail_key().public.hex(),
    ]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert post_office.to(anna.technician.sign_in_name) == []


def test_it_comes_once_a_week(anna: Any, superuser: psycopg.Connection) -> None:
    night(anna)
    night(anna)
    assert mailed(anna) == 1
    superuser.execute(
        "update protection_entry set at = %s where lab_id = %s and what = 'trail.checkpoint_mailed'",
        [timezone.now() - timedelta(days=6, hours=20), anna.lab_id],
    )
    with anna.at_work():
        mail_checkpoint_when_due()
    assert mailed(anna) == 2


def test_a_laboratory_that_does_not_want_it_gets_none(anna: Any, bert: Any) -> None:
    client = anna.reading_trail("owner")
    assert client.post("/protokoll/pruefpunkt/post/").status_code == 302
    night(anna)
    assert "Per E-Mail kommt er nicht" in client.get("/protokoll/ausgabe/").content.decode()
    assert mailed(anna) == 0
    with bert.at_work():
        assert LaboratoryProfile.objects.get().checkpoint_mail is True
    assert anna.client("technician").post("/protokoll/pruefpunkt/post/").status_code == 403

    assert client.post("/protokoll/pruefpunkt/post/", {"wanted": "1"}).status_code == 302
    night(anna)
    assert mailed(anna) == 1
    with anna.at_work():
        assert Mail.objects.count() == 1


def test_before_the_first_seal_nothing_is_mailed(anna: Any) -> None:
    with anna.at_work():
        mail_checkpoint_when_due()

    assert mailed(anna) == 0
