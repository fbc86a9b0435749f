"""The commands beside `run`: German, repeatable, and honest in their exit code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dentatool.project.cli import COMMANDS


def dentatool(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, on this run's installation."""
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


_LOOKING = (
    "doctor", "monitor status", "keys status", "updates status", "backup status", "backup list", "audit verify", "tenant list",
    "reviews show", "serve", "worker", "migrate",
)  # fmt: skip


@pytest.mark.parametrize("command", _LOOKING)
def test_where_nothing_was_set_up_every_command_says_so_in_german(command: str, tmp_path: Path) -> None:
    done = dentatool(*command.split(), DENTATOOL_VAR=str(tmp_path / "var"))

    told = done.stdout + done.stderr
    assert "Traceback" not in told and told.strip()
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("command", _LOOKING)
def test_while_the_database_is_away_every_command_says_so_in_german(
    command: str, database: dict, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    for folder in ("secrets", "keys"):
        shutil.copytree(Path(os.environ["DENTATOOL_VAR"]) / folder, var / folder)
    (var / "secrets/database.json").write_text(json.dumps({**database, "host": str(tmp_path)}))

    done = dentatool(*command.split(), DENTATOOL_VAR=str(var))

    told = done.stdout + done.stderr
    assert "Traceback" not in told and told.strip()
    assert done.returncode in (0, 1)


def test_the_doctor_on_the_command_line_gives_every_finding(database: dict) -> None:
    done = dentatool("doctor", "--json")

    assert done.returncode in (0, 1), done.stderr
    assert {"Umgebung", "Mandantenschutz", "Hintergrundaufgaben"} <= {each["what"] for each in json.loads(done.stdout)}


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"manage"}))
def test_every_listed_command_explains_itself(command: str) -> None:
    done = dentatool(command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert COMMANDS[command][1][:40] in " ".join(done.stdout.split())


def test_an_unknown_command_is_refused() -> None:
    assert dentatool("frobnicate").returncode == 2
    assert dentatool("serve", "--fast").returncode == 2


def test_without_set_up_a_command_says_what_to_do(tmp_path: Path) -> None:
    done = dentatool("tenant", "list", DENTATOOL_VAR=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Fehler: DentaTool ist noch nicht eingerichtet. Starten Sie zuerst: make run\n"


def test_xml_check_needs_no_installation_and_no_django(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("kein XML")

    done = dentatool("xml", "check", str(tmp_path / "a.xml"), DENTATOOL_VAR=str(tmp_path / "none"))
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dentatool.project.cli", "xml", "check", str(tmp_path / "a.xml")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        capture_output=True,
        text=True,
        check=False,
    ).stderr

    assert done.returncode == 1
    assert "nicht in Ordnung" in done.stdout
    assert re.search(r"\| +lxml", loaded) is not None
    assert re.search(r"\| +(django|psycopg)", loaded) is None
    assert not (tmp_path / "none").exists()


def test_a_new_laboratory_is_listed_and_its_keys_open(database: dict) -> None:
    made = dentatool(
        *("tenant", "create", "Dentallabor Cäsar", "--region", "nr", "--place", "D-Köln"),
        *("--owner", "Cäsar Römer", "--sign-in", "caesar@caesar.example"),
    )
    assert (made.returncode, made.stderr) == (0, "")
    lab_id = made.stdout.split()[2]

    assert f"{lab_id}  Dentallabor Cäsar" in dentatool("tenant", "list").stdout.splitlines()
    status = dentatool("keys", "status")
    # Only this laboratory's line: tests of the vault leave laboratories behind whose keys are spoilt on purpose.
    (line,) = [line for line in status.stdout.splitlines() if str(lab_id) in line]
    assert re.search(r"Werte 1 vom .*, Dateien 1 vom .*, Suche 1 vom ", line)
    assert "NICHT ZU ÖFFNEN" not in line


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (("--region", "XX", "--sign-in", "a@b.example"), "Abrechnungsbereich 'XX'"),
        (("--region", "NR", "--sign-in", "keine-adresse"), "E-Mail-Adresse"),
    ],
)
def test_a_laboratory_with_wrong_particulars_is_not_made(database: dict, wrong: tuple[str, ...], reason: str) -> None:
    before = dentatool("tenant", "list").stdout

    done = dentatool("tenant", "create", "Labor", "--place", "D-Köln", "--owner", "A B", *wrong)

    assert done.returncode == 1
    assert reason in done.stderr
    assert dentatool("tenant", "list").stdout == before


def test_keys_that_the_root_key_does_not_open_are_named(database: dict, anna: object, tmp_path: Path) -> None:
    foreign = tmp_path / "root.key"
    foreign.write_text('{"environment": "test", "1": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}')
    foreign.chmod(0o600)

    done = dentatool("keys", "status", DENTATOOL_ROOT_KEY_FILE=str(foreign))

    assert done.returncode == 1
    assert f"{anna.lab_id}  Werte 1 vom" in done.stdout
    assert "NICHT ZU ÖFFNEN" in done.stdout
    assert "ist ein Schlüssel nicht zu öffnen" in done.stderr


def test_prices_for_an_unknown_laboratory_are_refused(database: dict, tmp_path: Path) -> None:
    for lab in ("unsinn", "01a207b4-54d1-7e07-a8ed-3e3dbb1b952b"):
        done = dentatool("prices", "import", str(tmp_path / "list.csv"), "--lab", lab)

        assert done.returncode == 1
        assert "dentatool tenant list" in done.stderr
