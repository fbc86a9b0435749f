"""Development, test and production are kept apart: keys and data of one open in no other (TOM 15)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from dentatool.operations.doctor import GOOD, WRONG, examine
from dentatool.operations.environment import NotFit, require_fit, why_not
from dentatool.protection.environment import ENVIRONMENTS, Elsewhere, belonging

SOUND = {"DENTATOOL_URL": "https://labor.example", "DENTATOOL_HOSTS": "labor.example"}


@pytest.fixture
def var(database: dict, tmp_path: Path) -> Path:
    """The secrets of this run's installation, to be spoilt."""
    copy = tmp_path / "var"
    copy.mkdir()
    for folder in ("secrets", "keys"):
        shutil.copytree(Path(os.environ["DENTATOOL_VAR"]) / folder, copy / folder)
    return copy


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("database_of", ENVIRONMENTS)
@pytest.mark.parametrize("process_of", ENVIRONMENTS)
def test_of_nine_pairs_of_process_and_database_only_the_three_equal_ones_start(
    superuser: psycopg.Connection, var: Path, process_of: str, database_of: str
) -> None:
    key = var / "secrets" / "signing.key"
    ours = belonging(process_of, key)
    with superuser.transaction(force_rollback=True):
        superuser.execute("update protection.environment set name = %s", [database_of])
        if process_of == database_of:
            ours.require(superuser.cursor())
        else:
            with pytest.raises(Elsewhere, match=f"DENTATOOL_MODE={database_of}"):
                ours.require(superuser.cursor())
            with pytest.raises(Elsewhere):
                ours.adopt(superuser.cursor())


@pytest.mark.parametrize("what", [("serve",), ("worker",), ("migrate",)])
@pytest.mark.parametrize("mode", ["development", "production"])
def test_nothing_of_another_environment_starts_on_this_database(
    database: dict, what: tuple[str, ...], mode: str
) -> None:
    done = command(*what, DENTATOOL_MODE=mode)

    assert done.returncode == 1
    assert "Umgebung Test (test)" in done.stderr and "Traceback" not in done.stderr


def test_another_installation_leaves_the_database_its_roles_and_their_passwords_alone(
    database: dict, superuser: psycopg.Connection, superuser_dsn: str, passable_folder: Path
) -> None:
    asked = "select rolname, rolpassword from pg_authid where rolname like 'dentatool%' order by 1"
    before = superuser.execute(asked).fetchall()
    url = psycopg.conninfo.conninfo_to_dict(superuser_dsn)
    address = f"postgresql://{url['user']}:{url['password']}@/{database['name']}?host={url['host']}&port={url['port']}"

    for mode in ENVIRONMENTS:
        done = command(
            "run", "--no-demo",
            DENTATOOL_VAR=str(passable_folder / f"var-{mode}"), DENTATOOL_MODE=mode, DENTATOOL_PORT="18743",
            DATABASE_URL=address,
        )  # fmt: skip
        assert done.returncode == 1 and "einer anderen DentaTool-Installation" in done.stderr, done.stderr
        assert url["password"] not in done.stdout + done.stderr

    assert superuser.execute(asked).fetchall() == before


def test_keys_sealed_in_one_environment_open_in_no_other_even_with_the_file_rewritten(anna, var: Path) -> None:
    file = var / "keys" / "root.key"
    assert json.loads(file.read_text())["environment"] == "test"
    for mode in ("development", "production"):
        told = command("keys", "status", DENTATOOL_MODE=mode).stderr
        assert "Hauptschlüssel der Umgebung „test“" in told

        rewritten = json.loads(file.read_text()) | {"environment": mode}
        file.write_text(json.dumps(rewritten))
        done = command("keys", "status", DENTATOOL_MODE=mode, DENTATOOL_ROOT_KEY_FILE=str(file))
        assert done.returncode == 1 and f"{anna.lab_id}" in done.stdout
        assert "NICHT ZU ÖFFNEN" in done.stdout and "  offen" not in done.stdout


def test_the_app_cannot_move_the_database_to_another_environment(app_connection: psycopg.Connection) -> None:
    assert app_connection.execute("select name from protection.environment").fetchone() == ("test",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute("update protection.environment set name = 'production'")


def test_a_sound_installation_is_fit_for_production(var: Path) -> None:
    assert why_not(var, "production", SOUND) == []
    assert why_not(var, "production", {}) == []  # tried on one's own computer: https and localhost are the defaults


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DENTATOOL_URL", "http://labor.example", "DENTATOOL_URL muss mit https:// beginnen"),
        ("DENTATOOL_ORIGINS", "https://a.example, http://b.example", "nennt http://b.example"),
        ("DENTATOOL_ORIGINS", "https://*.example", "nennt https://*.example"),
        ("DENTATOOL_HOSTS", "labor.example,*", "DENTATOOL_HOSTS nennt *"),
        ("DENTATOOL_HOSTS", ".example", "DENTATOOL_HOSTS nennt .example"),
    ],
)
def test_production_refuses_addresses_anybody_may_claim(var: Path, name: str, value: str, reason: str) -> None:
    (why,) = why_not(var, "production", SOUND | {name: value})

    assert reason in why
    assert why_not(var, "development", SOUND | {name: value}) == []


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("pass.key", lambda file: file.write_text("0" * 64), "erratbarer Schlüssel"),
        ("django.key", lambda file: file.write_text("not-set-up"), "erratbarer Schlüssel"),
        ("trail.key", lambda file: file.write_text("0123456789abcdef"), "erratbarer Schlüssel"),
        ("django.key", Path.unlink, "fehlt"),
        ("pass.key", lambda file: file.chmod(0o644), "für andere lesbar"),
    ],
)
def test_production_refuses_guessable_missing_and_open_keys(
    var: Path, name: str, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(var / "secrets" / name)

    (why,) = why_not(var, "production", SOUND)

    assert name in why and reason in why


def test_production_refuses_a_database_that_held_demo_laboratories(var: Path, superuser: psycopg.Connection) -> None:
    superuser.execute("update protection.environment set demo = true")
    try:
        (why,) = why_not(var, "production", SOUND)
    finally:
        superuser.execute("update protection.environment set demo = false")

    assert "Demolabore" in why


def test_an_unencrypted_way_to_a_database_on_another_machine_is_refused(var: Path) -> None:
    file = var / "secrets" / "database.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "host": "192.0.2.1", "port": 9}))
    why = " ".join(why_not(var, "production", SOUND))

    assert "auf 192.0.2.1 ist unverschlüsselt" in why


def test_what_is_wrong_is_told_whole_before_anything_starts(var: Path) -> None:
    (var / "secrets" / "pass.key").write_text("0" * 64)
    with pytest.raises(NotFit) as refused:
        require_fit(var, "production", {"DENTATOOL_URL": "http://labor.example"})

    told = str(refused.value)
    assert told.startswith("DentaTool startet nicht als Produktion:\n")
    assert "Umgebung Test" in told and "pass.key" in told and "https://" in told


def test_the_doctor_tells_the_environment(database: dict, var: Path) -> None:
    (good,) = [each for each in examine(var, production=False) if each.what == "Umgebung"]
    (wrong,) = [each for each in examine(var, production=True) if each.what == "Umgebung"]

    assert (good.status, wrong.status) == (GOOD, WRONG)
    assert "Test" in good.found


@pytest.mark.alone
@pytest.mark.parametrize("role", ["dentatool_app", "dentatool_worker"])
@pytest.mark.parametrize(
    ("give", "take"),
    [
        ("alter role {} createrole", "alter role {} nocreaterole"),
        ("alter role {} bypassrls", "alter role {} nobypassrls"),
        ("alter role {} superuser", "alter role {} nosuperuser"),
        ("grant dentatool_owner to {}", "revoke dentatool_owner from {}"),
        ("grant dentatool_keys to {}", "revoke dentatool_keys from {}"),
    ],
)
def test_production_refuses_a_database_role_that_may_do_more(
    var: Path, superuser: psycopg.Connection, role: str, give: str, take: str
) -> None:
    superuser.execute(give.format(role))
    try:
        why = why_not(var, "production", SOUND)
    finally:
        superuser.execute(take.format(role))

    assert any(f"{role} darf mehr" in each for each in why)
    assert why_not(var, "production", SOUND) == []
