"""A database that was set back behind what was told outside of it is named before anybody works in it."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from dentatool.operations.trails.heads import older_than_witnessed, told_older
from dentatool.protection.audit import record_event
from dentatool.protection.audit.sealing import sealer, trail_key, witness_folder
from dentatool.values.witness import WitnessFile, witnessed_heads
from harness.database import in_role


def seal() -> None:
    with in_role("worker"):
        sealer().round()


def own_var(tmp_path: Path, lab: UUID) -> Path:
    """This run's key, and the witness of this laboratory alone: other tests set theirs back."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "witness").mkdir()
    (tmp_path / "secrets" / "trail.key").symlink_to(Path(os.environ["DENTATOOL_VAR"]) / "secrets" / "trail.key")
    (tmp_path / "witness" / f"{lab}.jsonl").symlink_to(witness_folder() / f"{lab}.jsonl")
    return tmp_path


@pytest.fixture
def var(anna: Any, tmp_path: Path) -> Path:
    seal()
    with anna.at_work():
        record_event("authn_logout")
    seal()
    return own_var(tmp_path, anna.lab_id)


def test_what_was_sealed_is_not_older(var: Path, superuser: psycopg.Connection) -> None:
    assert older_than_witnessed(superuser, var) == []
    assert told_older([]) == []


def test_a_database_that_was_set_back_is_named_with_both_numbers(
    var: Path, anna: Any, superuser: psycopg.Connection
) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(
            "delete from protection_checkpoint c where lab_id = %s"
            " and size = (select max(size) from protection_checkpoint n where n.lab_id = c.lab_id)",
            [anna.lab_id],
        )
        (older,) = older_than_witnessed(superuser, var)

    assert older.tree == anna.lab_id and 0 < older.sealed < older.witnessed.size
    lines = told_older([older])
    assert lines[0].startswith("! ACHTUNG") and all(line.startswith("!") for line in lines)
    assert f"{older.sealed} versiegelte Einträge, bezeugt wurden" in lines[1] and "audit resume" in lines[2]


def test_another_trail_of_the_same_length_is_named_too(var: Path, anna: Any, superuser: psycopg.Connection) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(
            "update protection_checkpoint set signed = replace(signed, 'zeit 2', 'zeit 1') where lab_id = %s",
            [anna.lab_id],
        )
        assert [each.tree for each in older_than_witnessed(superuser, var)] == [anna.lab_id]
        superuser.execute("delete from protection_checkpoint where lab_id = %s", [anna.lab_id])
        assert [each.sealed for each in older_than_witnessed(superuser, var)] == [0]


@pytest.mark.parametrize("line", ["", "{", "[]", '{"checkpoint": 3}', '{"checkpoint": "x"}'])
def test_a_witness_file_that_is_not_ours_says_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / f"{UUID(int=5)}.jsonl").write_text(f"{line}\n")

    assert witnessed_heads(tmp_path, trail_key().public) == {}


def test_looking_while_a_line_is_being_written_cuts_nothing_off(var: Path, anna: Any) -> None:
    file = WitnessFile(witness_folder(), anna.lab_id)
    whole, note = file.path.read_bytes(), file.peek()

    file.path.write_bytes(whole + b'{"before": "01')
    assert file.peek() == note and file.path.read_bytes() != whole  # whoever only looks touches nothing
    assert file.last_note() == note and file.path.read_bytes() == whole  # the sealer cuts off what a crash left
    file.path.write_bytes(whole + b'{"checkpoint": "' + b"x" * 300_000 + b'"}\n')
    assert file.peek() == "x" * 300_000
    file.path.write_bytes(b'{"half')
    assert file.peek() is None
    file.path.write_bytes(whole)
