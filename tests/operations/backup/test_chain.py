"""What a kill leaves behind is finished or replaced by the next writer, and a foreign target is not touched."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import WAL, Chain
from dentatool.operations.backup.target import FolderTarget
from dentatool.operations.backup.verifying import verify
from operations.backup.test_manipulations import write

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    for name in ("target", "memory"):
        (tmp_path / name).mkdir()
    return Chain(FolderTarget(tmp_path / "target"), tmp_path / "memory", KEY)


def segment(chain: Chain, position: int):
    return write(chain, WAL, {"name": f"{1:08X}{0:08X}{position:08X}"}, b"x" * 100)


def test_a_kill_after_the_entry_is_caught_up_with(chain: Chain, tmp_path: Path) -> None:
    segment(chain, 1)
    remembered = (tmp_path / "memory/head.json").read_bytes()
    segment(chain, 2)
    (tmp_path / "memory/head.json").write_bytes(remembered)  # killed before the head was remembered

    assert segment(chain, 3).number == 3
    assert verify(chain).wrong == ()


def test_a_kill_after_the_file_leaves_nothing_behind(chain: Chain, tmp_path: Path) -> None:
    segment(chain, 1)
    (tmp_path / "target/00000002.age").write_bytes(b"age-encryption.org/v1\nhalf a thought")

    assert verify(chain).wrong == ()
    assert segment(chain, 2).number == 2
    assert verify(chain).wrong == ()


def test_a_failed_writer_leaves_no_file(chain: Chain, tmp_path: Path) -> None:
    def fill(file) -> tuple[int, str]:
        file.write(b"age-encryption.org/v1\n")
        raise OSError("disk full")

    with pytest.raises(BackupError, match="disk full"):
        chain.write(fill, lambda: (WAL, {}))

    assert list((tmp_path / "target").iterdir()) == []


def test_a_target_of_another_installation_is_refused(chain: Chain, tmp_path: Path) -> None:
    segment(chain, 1)
    segment(chain, 2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "target").iterdir()}
    (tmp_path / "other").mkdir()

    with pytest.raises(BackupError, match="dieser Rechner nicht kennt"):
        segment(Chain(FolderTarget(tmp_path / "target"), tmp_path / "other", Ed25519PrivateKey.generate()), 1)

    assert {path.name: path.read_bytes() for path in (tmp_path / "target").iterdir()} == before


def test_whoever_damages_the_newest_entry_does_not_stop_what_follows(chain: Chain, tmp_path: Path) -> None:
    segment(chain, 1)
    segment(chain, 2)
    (tmp_path / "target/00000002.json").unlink()

    assert segment(chain, 3).number == 3
    assert [wrong.file for wrong in verify(chain).wrong] == ["00000002.json", "00000002.age"]


def test_a_missing_target_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="eingehängt"):
        FolderTarget(tmp_path / "not-mounted").require()


def test_a_target_set_back_to_an_earlier_state_is_found(chain: Chain, tmp_path: Path) -> None:
    segment(chain, 1)
    shutil.copytree(tmp_path / "target", tmp_path / "earlier")
    segment(chain, 2)

    seen = verify(Chain(FolderTarget(tmp_path / "earlier"), tmp_path / "memory", KEY))

    assert [str(wrong) for wrong in seen.wrong] == ["00000002.json: fehlt"]
