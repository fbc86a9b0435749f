"""A laboratory takes the proof of an entry along, and the program that checks it; neither server nor DentaTool is needed."""

import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dentatool.kit.jobs import load_jobs, run_due_jobs
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.proving import proof_of
from dentatool.protection.audit.sealing import checkpoint_note, sealer, trail_key
from dentatool.team.trail.models import TrailExport
from dentatool.team.trail.proof_pages import VERIFIER
from dentatool.values.trail_export import check_export
from dentatool.values.trail_proof import check_proof
from harness.database import in_role


def seal() -> None:
    with in_role("worker"):
        sealer().round()


def newest(lab: Any) -> Entry:
    with lab.at_work():
        return Entry.objects.filter(what="protection_account").order_by("-at").first()  # type: ignore[return-value]


def verified(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """As on a computer on which there is nothing but Python: -I and no PYTHONPATH, -S and no installed packages."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), *map(str, arguments)]
    return subprocess.run(command, env={"PYTHONUTF8": "1"}, capture_output=True, text=True, check=False)


def test_whoever_may_take_the_trail_out_fetches_the_proof_of_an_entry_and_that_is_in_the_trail(anna: Any) -> None:
    with anna.at_work():
        record_event("authn_logout")
        entry = Entry.objects.get(what="authn_logout")
    seal()
    client = anna.reading_trail("owner")
    assert f'href="/protokoll/nachweis/{entry.pk}/"' in client.get("/protokoll/?what=authn_logout").content.decode()

    answer = client.get(f"/protokoll/nachweis/{entry.pk}/")

    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    proven = check_proof(answer.content.decode(), trail_key().public)
    assert proven.entry and proven.entry.id == entry.pk
    with anna.at_work():
        (told,) = Entry.objects.filter(what="trail.proof_fetched")
    assert told.changes == {"record": str(entry.pk)}


def test_without_purpose_right_or_entry_there_is_no_proof(anna: Any, bert: Any) -> None:
    seal()
    entry = newest(anna).pk

    assert anna.client("owner").get(f"/protokoll/nachweis/{entry}/").status_code == 302
    assert anna.client("technician").get(f"/protokoll/nachweis/{entry}/").status_code == 403
    assert bert.reading_trail("owner").get(f"/protokoll/nachweis/{entry}/").status_code == 404
    assert anna.reading_trail("owner").get(f"/protokoll/nachweis/{uuid4()}/").status_code == 404
    assert anna.client("technician").get("/protokoll/pruefprogramm/").status_code == 403


def test_an_entry_without_a_seal_has_no_proof_yet(anna: Any) -> None:
    seal()
    client = anna.reading_trail("owner")
    with anna.at_work():
        record_event("authn_logout")
        entry = Entry.objects.filter(what="authn_logout").get()

    answer = client.get(f"/protokoll/nachweis/{entry.pk}/")

    assert answer.status_code == 409 and "noch nicht versiegelt" in answer.content.decode()


def test_the_program_is_fetched_as_it_is(anna: Any) -> None:
    answer = anna.client("owner").get("/protokoll/pruefprogramm/")

    assert answer.content == VERIFIER.read_bytes()
    assert 'filename="protokoll_pruefen.py"' in answer["Content-Disposition"]


@pytest.fixture
def files(anna: Any, bert: Any, tmp_path: Path) -> Path:
    """What Anna's owner took along: an early checkpoint, a proof, an export; and Bert's checkpoint."""
    load_jobs()
    seal()
    with anna.at_work():
        (tmp_path / "early.txt").write_text(checkpoint_note() or "")
        record_event("authn_logout")
    with bert.at_work():
        (tmp_path / "bert.txt").write_text(checkpoint_note() or "")
    seal()
    with anna.at_work():
        (tmp_path / "proof.json").write_text(proof_of(newest_inside(), earlier=(tmp_path / "early.txt").read_text()))
        (tmp_path / "late.txt").write_text(checkpoint_note() or "")
    client = anna.reading_trail("owner")
    client.post("/protokoll/ausgabe/", {"file_format": "siegel"})
    run_due_jobs(anna.lab_id)
    with anna.at_work():
        ordered = TrailExport.objects.latest("created_at")
    (tmp_path / "export.zip").write_bytes(client.get(f"/protokoll/ausgabe/{ordered.pk}/").content)
    return tmp_path


def newest_inside() -> Any:
    found = Entry.objects.filter(what="authn_logout").order_by("-at").first()
    assert found is not None
    return found.pk


def test_the_program_says_that_all_is_well(files: Path) -> None:
    key = trail_key().public.hex()
    for name in ("export.zip", "proof.json", "early.txt"):
        done = verified(files / name, "--key", key)
        assert (done.returncode, done.stderr) == (0, ""), name
    done = verified(files / "export.zip", "--checkpoint", files / "early.txt")
    assert done.returncode == 0 and "kam nur etwas hinzu" in done.stdout


def test_with_nothing_to_compare_the_program_says_so_loudly(files: Path) -> None:
    for name in ("export.zip", "proof.json"):
        done = verified(files / name)
        assert done.returncode == 2 and "ACHTUNG" in done.stdout
    assert verified(files / "early.txt").returncode == 1


def test_a_foreign_key_another_trail_and_nonsense_are_told(files: Path) -> None:
    for name in ("export.zip", "proof.json", "late.txt"):
        assert verified(files / name, "--key", "00" * 32).returncode == 1
        assert "beschädigt" in verified(files / name, "--key", "quatsch").stderr
    for name in ("export.zip", "proof.json"):
        assert "anderen Protokoll" in verified(files / name, "--checkpoint", files / "bert.txt").stderr
    assert "lässt sich nicht öffnen" in verified(files / "away").stderr
    for content in (b"", b"{}", b"\xff\xfe", b"PK\x03\x04", b"[1]", b"[" * 100_000):
        (files / "x").write_bytes(content)
        done = verified(files / "x")
        assert done.returncode == 1 and "Traceback" not in done.stderr


def test_the_program_finds_every_change_that_dentatool_finds(files: Path) -> None:
    """The same random changes of export and proof, judged by both: a second pair of eyes that sees the same."""
    checks = _loaded()
    dice, public, wrong = random.Random(8032), trail_key().public, []
    with zipfile.ZipFile(files / "export.zip") as archive:
        export = archive.read(archive.namelist()[0])
    proof = (files / "proof.json").read_bytes()
    for number in range(300):
        content = bytearray(dice.choice([export, proof]))
        for _ in range(dice.choice([1, 1, 3])):
            content[dice.randrange(len(content))] = dice.choice(b'0123456789abcdefxyz"{}:, ')
        (files / "x").write_bytes(content)
        ours, theirs = _ours(files / "x", public), _theirs(checks, bytes(content), public.hex())
        if ours != theirs:
            wrong.append((number, ours, theirs))
    assert _ours(files / "proof.json", public) and _theirs(checks, proof, public.hex())
    assert _ours(files / "export.zip", public) and _theirs(checks, export, public.hex())

    assert wrong == []


def _ours(file: Path, public: bytes) -> bool:
    try:
        if b"trail-proof" in file.read_bytes()[:60]:
            check_proof(file.read_text(), public)
        else:
            check_export(file, public)
    except ValueError:
        return False
    return True


def _theirs(checks: Any, content: bytes, key: str) -> bool:
    try:
        checks["check"](content, key, None)
    except (checks["Wrong"], ValueError, KeyError, TypeError, AttributeError, IndexError, zipfile.BadZipFile):
        return False
    return True


def _loaded() -> Any:
    names: dict[str, Any] = {"__name__": "verifier"}
    exec(compile(VERIFIER.read_text(), VERIFIER.name, "exec"), names)  # noqa: S102 - as the laboratory runs it
    return names


def test_its_signatures_are_those_of_rfc_8032() -> None:
    """Section 7.1, tests 1 to 3; and what a lenient program lets pass: S beyond the order, a point that is none."""
    is_signed = _loaded()["is_signed"]
    vectors = [
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]  # fmt: skip
    order = 2**252 + 27742317777372353535851937790883648493
    for public, message, signature in vectors:
        facts = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
        assert is_signed(*facts)
        assert not is_signed(facts[0], facts[1] + b"x", facts[2])
        beyond = (int.from_bytes(facts[2][32:], "little") + order).to_bytes(32, "little")
        assert not is_signed(facts[0], facts[1], facts[2][:32] + beyond)
        assert not is_signed(b"\xff" * 32, facts[1], facts[2])
        assert not is_signed(facts[0], facts[1], facts[2] + b"\0")


def test_the_command_hands_out_the_same_and_a_key_that_was_not_known_is_told_loudly(
    anna: Any, files: Path, tmp_path: Path
) -> None:
    def dentatool(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
        import os

        command = [sys.executable, "-m", "dentatool.project.cli", "audit", *map(str, arguments)]
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)

    elsewhere, out = {"DENTATOOL_VAR": str(tmp_path / "nothing")}, tmp_path / "out.json"
    entry = json.loads((files / "proof.json").read_text())["entry"]["id"]

    done = dentatool("prove", "--lab", anna.lab_id, "--entry", entry, "--from", files / "early.txt", "--out", out)
    assert done.returncode == 0, done.stderr
    for given in (["--key", trail_key().public.hex()], ["--key", files / "early.txt"]):
        checked = dentatool("verify-proof", out, *given, **elsewhere)
        assert checked.returncode == 0 and "kam nur etwas hinzu" in checked.stdout
    alone = dentatool("verify-proof", out, **elsewhere)
    assert alone.returncode == 2 and "! ACHTUNG" in alone.stdout
    assert "anderen Protokoll" in dentatool("verify-proof", out, "--key", files / "bert.txt", **elsewhere).stderr
    with anna.at_work():
        assert Entry.objects.filter(what="trail.proof_fetched", changes__record=entry).count() == 1
    again = dentatool("prove", "--lab", anna.lab_id, "--entry", entry, "--out", out)
    assert again.returncode == 1 and "gibt es schon" in again.stderr
    missing = dentatool("prove", "--lab", anna.lab_id, "--entry", uuid4(), "--out", tmp_path / "no.json")
    assert missing.returncode == 1 and "gibt es nicht" in missing.stderr and not (tmp_path / "no.json").exists()
