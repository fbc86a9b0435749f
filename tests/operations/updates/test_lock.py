"""How old the lock file is: from a real git, and unknown rather than guessed."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dentatool.operations.updates.installed import PYPI, Component
from dentatool.operations.updates.lock import lock

TEXT = "django==5.2.19 \\\n    --hash=sha256:" + "a" * 64 + "\nPyJWT==2.15.1 \\\n    --hash=sha256:" + "b" * 64 + "\n"


def git(folder: Path, *command: str, at: str = "2026-10-01T10:00:00+02:00") -> None:
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@labor.example", "-c", "commit.gpgsign=false"]
    environment = {"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at, "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    subprocess.run(["git", *identity, "-C", folder, *command], env=environment, check=True, capture_output=True)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    (folder / "requirements").mkdir(parents=True)
    (folder / "requirements" / "run.in").write_text("django==5.2.*\npyjwt[crypto]\n")
    for name in ("run", "dev"):
        (folder / "requirements" / f"{name}.lock").write_text(TEXT)
    return folder


def changed(program: Path) -> datetime | None:
    found = lock(program)
    assert found is not None
    return found.changed


def test_the_age_is_that_of_the_last_change_in_git(program: Path) -> None:
    git(program, "init")
    git(program, "add", ".")
    git(program, "commit", "-m", "Lock")
    (program / "other").touch()
    git(program, "add", ".")
    git(program, "commit", "-m", "Something else", at="2026-11-20T10:00:00+01:00")

    assert changed(program) == datetime(2026, 10, 1, 8, tzinfo=UTC)

    (program / "requirements" / "run.lock").write_text(TEXT + "\n")
    assert changed(program) is None  # edited, and nobody knows when

    git(program, "checkout", "--", ".")
    shallow = program.parent / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{program}", shallow], check=True, capture_output=True)
    assert changed(shallow) is None


def test_outside_of_git_a_note_of_the_build_counts_for_this_very_file(program: Path) -> None:
    assert changed(program) is None

    sha256 = hashlib.sha256(TEXT.encode()).hexdigest()
    note = program / "requirements" / "run.lock.changed"
    note.write_text(f"{sha256} 2026-10-01T10:00:00+02:00\n")
    assert changed(program) == datetime(2026, 10, 1, 8, tzinfo=UTC)

    for wrong in (f"{'0' * 64} 2026-10-01T10:00:00+02:00", sha256, "", f"{sha256} gestern"):
        note.write_text(wrong)
        assert changed(program) is None, wrong


def test_what_is_installed_otherwise_than_locked_is_named(program: Path) -> None:
    found = lock(program)
    assert found is not None
    here = [
        Component(PYPI, name, version) for name, version in (("django", "5.2.19"), ("pyjwt", "2.15.0"), ("evil", "1"))
    ]

    assert found.deviations([*here, Component(PYPI, "pip", "26.0")]) == ["pyjwt 2.15.0", "evil 1"]
    assert (found.chosen, found.hashes["pyjwt"]) == ({"django", "pyjwt"}, ["b" * 64])
    assert lock(program.parent) is None


def test_this_environment_is_what_its_lock_says() -> None:
    from dentatool.operations.updates.installed import installed

    found = lock()
    assert found is not None and found.deviations(installed("18.6")) == []
