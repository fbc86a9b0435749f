"""`dentatool keys` as a person types it: what it says, and what it refuses with a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dentatool.protection.vault.internal import lab_secrets
from harness.transit import key_service


def keys(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", "keys", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_status_names_versions_ages_and_who_needs_them(anna: Any, bert: Any) -> None:
    rotated = keys("rotate", "--lab", str(anna.lab_id), "--kind", "data", "--json")
    (done,) = json.loads(rotated.stdout)
    told = keys("status", "--usage", "--json")

    assert (done["versions"], done["resumed"], done["unreadable"]) == ({"data": 2}, False, 0)
    found = json.loads(told.stdout)
    assert found["root"][-1]["age_days"] == 0
    assert len(found["root"][-1]["fingerprint"]) == 19
    of = {
        each["lab_id"]: {(key["kind"], key["version"]): key for key in each["keys"]} for each in found["laboratories"]
    }
    hers, his = of[str(anna.lab_id)], of[str(bert.lab_id)]
    assert hers["data", 1]["retired_on"] and hers["data", 1]["stored"] == 0 and hers["data", 1]["in_trail"] > 0
    assert hers["data", 2]["stored"] == his["data", 1]["stored"] > 0
    shown = keys("status").stdout
    assert f"{anna.lab_id}  Werte 1 vom" in shown and "nur noch lesen" in shown and "Fingerabdruck" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rotate", "--lab", "01a207b4-54d1-7e07-a8ed-3e3dbb1b952b"), "dentatool tenant list"),
        (("rotate", "--all", "--rows-per-s", "0"), "größer als 0"),
        (("shred", "--lab", "01a207b4-54d1-7e07-a8ed-3e3dbb1b952b", "--yes-name", "x"), "dentatool tenant list"),
        (("rotate-root", "--old-key-to", "/etc/passwd"), "nicht überschrieben"),
    ],
)
def test_what_cannot_be_is_refused_in_german_and_changes_nothing(
    anna: Any, arguments: tuple[str, ...], said: str, superuser: psycopg.Connection
) -> None:
    question = "select lab_id, kind, key_version, wrapped from protection_labkey order by 1, 2, 3"
    before = superuser.execute(question).fetchall()

    done = keys(*arguments)

    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert superuser.execute(question).fetchall() == before


def test_shredding_asks_for_the_name_and_takes_no_other(anna: Any) -> None:
    lab = ("shred", "--lab", str(anna.lab_id))
    unasked, wrong = keys(*lab), keys(*lab, "--yes-name", "Dentallabor Bert")
    assert (unasked.returncode, wrong.returncode) == (1, 1)
    assert "--yes-name" in unasked.stderr
    assert "Der Name stimmt nicht. Nichts wurde geändert." in wrong.stderr
    assert lab_secrets.is_there(anna.lab_id)

    done = keys(*lab, "--yes-name", anna.name)

    assert done.returncode == 0, done.stderr
    assert "vernichtet" in done.stdout and f"{anna.lab_id}.key aus jeder aufgehobenen Kopie" in done.stdout
    assert not lab_secrets.is_there(anna.lab_id)
    assert str(anna.lab_id) not in keys("status").stdout


def test_a_start_tells_of_a_key_service_that_is_away_and_refuses_one_that_is_wrong(
    database: dict, tmp_path: Path
) -> None:
    def start(address: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "dentatool.project.cli", "migrate"],
            env={**os.environ, "DENTATOOL_KMS": address, "DENTATOOL_KMS_TOKEN_FILE": str(service.token_file),
                 "DENTATOOL_CA_FILE": str(service.certificate), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    with key_service(tmp_path / "kms") as service:
        service.ask("POST", "keys/rsa", {"type": "rsa-4096"})
        right, wrong = start(service.address), start(service.address.replace("dentatool", "rsa"))
        service.stop()
        away = start(service.address)

    assert (right.returncode, wrong.returncode, away.returncode) == (0, 1, 0)
    assert "Schlüsseldienst" not in right.stdout
    assert "DENTATOOL_KMS: Der Schlüssel rsa" in wrong.stderr and "Traceback" not in wrong.stderr
    assert "! Der Schlüsseldienst localhost antwortet nicht" in away.stdout
