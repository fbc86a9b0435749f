"""A copy of the keys apart from the machine: complete, closed to others, and told of when it grows old."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dentatool.operations.key_copy import copy_keys, told


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keys of an installation with the laboratories a and b."""
    monkeypatch.delenv("DENTATOOL_ROOT_KEY_FILE", raising=False)
    (tmp_path / "keys" / "labs").mkdir(parents=True)
    for name in ("root.key", "labs/a.key", "labs/b.key"):
        (tmp_path / "keys" / name).write_text(f"geheim {name}")
    return tmp_path


def status(var: Path, *, production: bool = True) -> str:
    (finding,) = told(var, production=production)
    assert (finding[1] == "gut") is (finding[3] == "")
    return finding[1]


def test_a_copy_is_complete_and_for_its_owner_alone(var: Path, tmp_path: Path) -> None:
    done = copy_keys(var / "keys", tmp_path / "stick" / "keys")

    assert (done.files, done.removed) == (3, [])
    for name in ("root.key", "labs/a.key", "labs/b.key"):
        copied = tmp_path / "stick" / "keys" / name
        assert copied.read_text() == f"geheim {name}"
        assert stat.S_IMODE(copied.stat().st_mode) == 0o600


def test_production_without_a_copy_or_with_an_old_one_is_told_and_a_new_copy_mends_it(
    var: Path, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    assert (status(var), status(var, production=False)) == ("fehler", "gut")

    copy_keys(var / "keys", stick)
    assert status(var) == "gut"

    (var / "keys/labs/c.key").write_text("a new laboratory")
    assert (status(var), status(var, production=False)) == ("fehler", "warnung")
    copy_keys(var / "keys", stick)
    assert status(var) == "gut"

    (var / "keys/root.key").write_text("a new root key")
    assert status(var) == "fehler"


def test_what_was_destroyed_here_goes_from_the_copy_too(var: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    copy_keys(var / "keys", stick)
    (twin := tmp_path / "twin").hardlink_to(stick / "labs/a.key")
    (var / "keys/labs/a.key").unlink()
    (var / "keys/labs/a.destroyed").write_text("{}")
    assert status(var) == "fehler"

    done = copy_keys(var / "keys", stick)

    assert done.removed == ["a.key"]
    assert not (stick / "labs/a.key").exists() and (stick / "labs/b.key").exists()
    assert b"geheim" not in twin.read_bytes()
    assert status(var) == "gut"


def test_the_folder_itself_is_no_copy(var: Path) -> None:
    for wrong in (var / "keys", var / "keys" / "labs"):
        with pytest.raises(OSError, match="selbst"):
            copy_keys(var / "keys", wrong)
