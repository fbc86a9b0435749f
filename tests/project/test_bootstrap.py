"""The first thing that runs on somebody's machine: whatever is missing there, it says so in words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SAID_BY_OLD_PYTHONS = "ist zu alt; DentaTool braucht 3.11 oder neuer."


def bootstrap(program: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, "run"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_says_that_it_is_too_old() -> None:
    done = bootstrap("import sys, bootstrap; sys.version_info = (3, 9, 2); sys.exit(bootstrap.main())")

    assert (done.returncode, done.stdout) == (1, "")
    assert f"Python 3.9 {SAID_BY_OLD_PYTHONS}" in done.stderr and "Traceback" not in done.stderr


def test_even_python_2_can_read_it_as_far_as_that() -> None:
    """Without a declared encoding, or with newer syntax, it would end in a SyntaxError instead of the sentence."""
    lines = (REPOSITORY / "bootstrap.py").read_text(encoding="utf-8").splitlines()

    assert "coding: utf-8" in lines[1]
    compile("\n".join(lines), "bootstrap.py", "exec", flags=0)
    assert not [
        line for line in lines if line.lstrip().startswith(('f"', "f'", "async ", "nonlocal ")) or " := " in line
    ]


def test_a_full_disk_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "bootstrap.py", tmp_path)
    shutil.copytree(REPOSITORY / "requirements", tmp_path / "requirements")

    done = bootstrap(
        "import sys, shutil, collections, bootstrap; usage = collections.namedtuple('usage', 'total used free');"
        "shutil.disk_usage = lambda _: usage(10**12, 10**12 - 12 * 10**6, 12 * 10**6); sys.exit(bootstrap.main())",
        tmp_path,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "sind nur 12 MB frei; für die Abhängigkeiten sind 450 MB nötig" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_without_network_it_says_so_in_words_alone(tmp_path: Path) -> None:
    """A package index on a port where nobody listens, an empty cache, and nowhere else to look."""
    shutil.copy(REPOSITORY / "bootstrap.py", tmp_path)
    shutil.copytree(REPOSITORY / "requirements", tmp_path / "requirements")
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = http://127.0.0.1:1/simple\nretries = 0\nno-cache-dir = true\n")

    done = subprocess.run(
        [sys.executable, "bootstrap.py", "run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": str(settings), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Fehler: Die Paketquelle ist nicht erreichbar.\n  Prüfen Sie das Netz")
    assert "WARNING" not in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 4


@pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
def test_without_any_python_make_says_so() -> None:
    done = subprocess.run(
        ["make", "run", "PYTHON=python-that-is-not-there"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "Fehler: Das Programm python-that-is-not-there fehlt; DentaTool braucht Python 3.11" in done.stderr
