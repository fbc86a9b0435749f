"""A laboratory takes its sealed trail along, and whoever has it checks it without server and database."""

import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dentatool.kit.jobs import load_jobs, run_due_jobs
from dentatool.practices.models import Practice
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.sealing import checkpoint_note, sealer, trail_key
from dentatool.team.trail.models import TrailExport
from dentatool.values.checkpoint import open_checkpoint
from dentatool.values.trail_export import ExportError, check_export
from harness.database import in_role


def seal() -> None:
    with in_role("worker"):
        sealer().round()


@pytest.fixture
def taken_out(anna: Any, tmp_path: Path) -> Path:
    """The file that Anna's owner ordered and fetched."""
    load_jobs()
    with anna.at_work():
        Practice.objects.create(customer_number="1", name="Praxis am Inn", remarks="nur für uns")
    seal()
    client = anna.client("owner")
    client.post("/protokoll/zweck/", {"purpose": "pruefung"})
    assert client.post("/protokoll/ausgabe/", {"file_format": "siegel"}).status_code == 302
    run_due_jobs(anna.lab_id)
    with anna.at_work():
        ordered = TrailExport.objects.latest("created_at")
    file = tmp_path / "protokoll.zip"
    file.write_bytes(client.get(f"/protokoll/ausgabe/{ordered.pk}/").content)
    return file


def lines_of(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


def test_it_holds_what_was_sealed_and_is_found_unchanged(anna: Any, taken_out: Path) -> None:
    found = check_export(taken_out, trail_key().public)

    assert found.with_text == found.checkpoint.size == len(lines_of(taken_out)) - 1
    with anna.at_work():
        texts = {json.loads(json.loads(line)["text"])["id"] for line in lines_of(taken_out)[1:]}
        assert texts <= {str(pk) for pk in Entry.objects.values_list("pk", flat=True)}
    assert "nur für uns" not in "".join(lines_of(taken_out))


def test_the_command_needs_neither_server_nor_database(taken_out: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*(sys.executable, "-m", "dentatool.project.cli", "audit", "verify-export"),
         *(str(taken_out), "--key", trail_key().public.hex())],
        env={"PYTHONPATH": ":".join(sys.path), "DENTATOOL_VAR": str(tmp_path / "nothing")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "unverändert" in done.stdout


def test_every_change_of_the_file_is_found(taken_out: Path, tmp_path: Path) -> None:
    """A line taken out, doubled, swapped, a value changed, the end cut: 60 times at random."""
    dice, lines, changed = random.Random(6962), lines_of(taken_out), tmp_path / "changed.jsonl"
    for number in range(60):
        new = list(lines)
        place = dice.randrange(1, len(new))
        told = json.loads(new[place])
        match number % 6:
            case 0:
                del new[place]
            case 1:
                new.insert(place, new[place])
            case 2:
                other = dice.randrange(1, len(new) - 1)
                other += other >= place
                new[place], new[other] = new[other], new[place]
            case 3:
                told[dice.choice(["id", "day", "what", "content"])] = dice.choice(["2020-01-01", "00"])
                new[place] = json.dumps(told)
            case 4:
                told["text"] = told["text"].replace("insert", "delete").replace(told["id"][:8], "00000000")
                new[place] = json.dumps(told)
            case _:
                new = new[:place]
        changed.write_text("\n".join(new) + "\n")
        with pytest.raises(ValueError):  # noqa: PT011  (ExportError, or a value that is none)
            check_export(changed, trail_key().public)


def test_an_earlier_checkpoint_must_be_its_beginning(anna: Any, bert: Any, taken_out: Path) -> None:
    with anna.at_work():
        own = checkpoint_note()
        record_event("authn_logout")
    with bert.at_work():
        foreign = checkpoint_note()
    seal()
    with anna.at_work():
        later = checkpoint_note()

    check_export(taken_out, trail_key().public, own)
    with pytest.raises(ExportError, match="anderen Protokoll"):
        check_export(taken_out, trail_key().public, foreign)
    with pytest.raises(ExportError, match="frühere Prüfpunkt"):
        check_export(taken_out, trail_key().public, later)


def test_a_file_of_another_installation_and_no_file_at_all_are_told(taken_out: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="anderen Schlüssel"):
        check_export(taken_out, bytes(32))
    for content in (b"", b"{}", b"\xff\xfe", b"PK\x03\x04", b"[1]"):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ExportError):
            check_export(tmp_path / "x", trail_key().public)


def test_the_newest_checkpoint_is_fetched_and_that_is_in_the_trail(anna: Any, bert: Any) -> None:
    seal()

    answer = anna.client("owner").get("/protokoll/pruefpunkt/")

    assert answer.status_code == 200
    assert open_checkpoint(answer.content.decode(), trail_key().public, anna.lab_id).size > 5
    with anna.at_work():
        assert Entry.objects.filter(what="trail.checkpoint_fetched").count() == 1
    assert anna.client("technician").get("/protokoll/pruefpunkt/").status_code == 403


def test_before_the_first_seal_the_page_says_so(anna: Any) -> None:
    answer = anna.client("owner").get("/protokoll/pruefpunkt/")

    assert answer.status_code == 409
    assert "jede Minute" in answer.content.decode()
