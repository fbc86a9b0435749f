"""Of days that are over for a week one checkpoint stays, in the database and outside of it, and every change is found still."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from dentatool.protection.audit import record_event
from dentatool.protection.audit.internal.models import Checkpoint as Kept
from dentatool.protection.audit.proving import proof_of
from dentatool.protection.audit.sealing import Report, check_trail, sealer, trail_key, witness_folder
from dentatool.protection.tenancy import laboratory
from dentatool.values.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from dentatool.values.trail_proof import check_proof
from dentatool.values.witness import WitnessFile
from harness.database import connect_as, in_role

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


TIMES = [TODAY - timedelta(days=days) + timedelta(hours=hour) for days in (10, 9, 8, 2) for hour in range(3)]


def checked(tree: UUID) -> Report:
    with in_role("owner"), laboratory(tree):
        return check_trail(trail_key().public, witness_folder())


def thin(tree: UUID) -> int:
    with in_role("worker"):
        one = sealer()
        one._all_trails = lambda: [tree]  # type: ignore[method-assign]
        one._tick()
        return one.thin(tree.int % 28 + 1)


@pytest.fixture
def aged(anna: Any, superuser: psycopg.Connection) -> list[int]:
    """Anna's trail with three checkpoints on each of four days, three of them over a week ago; their sizes."""
    sizes = []
    for number in range(len(TIMES)):
        with anna.at_work():
            record_event("authn_logout", count=number)
        with in_role("worker"):
            one = sealer()
            one._unsealed_trails = one._all_trails = lambda: [anna.lab_id]  # type: ignore[method-assign]
            one.round()
    file, key = WitnessFile(witness_folder(), anna.lab_id), trail_key()
    lines = [json.loads(line) for line in file.path.read_text().splitlines()]
    file.path.unlink()
    for number, line in enumerate(lines):
        head = open_checkpoint(line["checkpoint"], key.public, anna.lab_id)
        at = TIMES[number]
        note = key.sign(Checkpoint(anna.lab_id, head.size, head.root, at, at))
        file.append(note, base64.b64decode(line["leaves"]))
        superuser.execute(
            "update protection_checkpoint set signed = %s, until = %s where lab_id = %s and size = %s",
            [note, at, anna.lab_id, head.size],
        )
        sizes.append(head.size)
    return sizes


def sizes_of(lab: Any) -> list[int]:
    with lab.at_work():
        return list(Kept.objects.order_by("size").values_list("size", flat=True))


def lines_of(lab: Any) -> list[str]:
    return (witness_folder() / f"{lab.lab_id}.jsonl").read_text().splitlines()


def test_each_old_day_keeps_its_last_checkpoint_and_the_last_week_all(anna: Any, aged: list[int]) -> None:
    before = lines_of(anna)
    assert checked(anna.lab_id).findings == []

    gone = thin(anna.lab_id)

    kept = sizes_of(anna)
    expected = [size for number, size in enumerate(aged) if number > 8 or number % 3 == 2]
    assert gone == len(aged) - len(kept) == len(before) - len(lines_of(anna)) == 6
    assert kept == expected and not {aged[0], aged[1], aged[3], aged[4]} & set(kept)
    report = checked(anna.lab_id)
    assert report.findings == [] and report.sealed == aged[-1]
    assert thin(anna.lab_id) == 0
    with anna.at_work():
        assert check_proof(proof_of(earlier=json.loads(before[1])["checkpoint"]), trail_key().public).earlier


def test_killed_between_database_and_witness_nothing_is_missed(anna: Any, aged: list[int], database: dict) -> None:
    thin_only_database(anna)
    assert len(sizes_of(anna)) < len(lines_of(anna))

    assert checked(anna.lab_id).findings == []


def thin_only_database(lab: Any) -> None:
    original = WitnessFile.thin
    WitnessFile.thin = lambda *_: 0  # type: ignore[method-assign,assignment]
    try:
        thin(lab.lab_id)
    finally:
        WitnessFile.thin = original  # type: ignore[method-assign]


def test_what_must_stay_is_missed_and_a_changed_entry_is_located_as_before(
    anna: Any, aged: list[int], superuser: psycopg.Connection
) -> None:
    thin(anna.lab_id)
    superuser.execute("delete from protection_checkpoint where lab_id = %s and size = %s", [anna.lab_id, aged[5]])
    assert "fehlt oder gilt nicht" in checked(anna.lab_id).findings[0].text
    superuser.execute(
        "update protection_entry e set action = 'x' from protection_leaf f where e.lab_id = %s and f.lab_id = e.lab_id"
        " and f.id = e.id and f.seq = 4",
        [anna.lab_id],
    )
    assert any(found.seq == 4 and "wurde geändert" in found.text for found in checked(anna.lab_id).findings)


def test_a_witness_that_was_tampered_with_is_not_written_anew(anna: Any, aged: list[int]) -> None:
    file = WitnessFile(witness_folder(), anna.lab_id)
    lines = lines_of(anna)
    file.path.write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")

    with pytest.raises(CheckpointError):
        file.thin(trail_key().public, datetime.now(UTC))

    assert lines_of(anna) == [*lines[:3], *lines[4:]]
    file.path.write_text("\n".join(lines) + "\n")


def test_neither_web_server_nor_anything_young_is_touched(anna: Any, aged: list[int], database: dict) -> None:
    with connect_as(database, "app") as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
        link.execute("select protection.thin_checkpoints()")
    thin(anna.lab_id)
    assert sizes_of(anna)[-3:] == aged[-3:]


def test_half_written_files_are_no_trails(tmp_path: Path) -> None:
    from dentatool.values.witness import witnessed_trails

    (tmp_path / f"{UUID(int=4)}.unfinished").write_text("x")
    assert witnessed_trails(tmp_path) == set()
