"""Each finding of the doctor is shown to turn: the protection is broken, found, and mended."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import override_settings

from dentatool.kit.jobs import at_work
from dentatool.operations.certificate import ensure_certificate
from dentatool.operations.doctor import GOOD, WARNING, WRONG, examine
from dentatool.protection.audit.sealing import sealer
from harness.database import in_role
from harness.smtp import PostOffice, in_settings


@pytest.fixture
def var(database: dict) -> Path:
    """This run's installation, complete."""
    var = Path(os.environ["DENTATOOL_VAR"])
    ensure_certificate(var)
    with in_role("worker"):  # what other tests left behind
        sealer().round()
    return var


def _status(var: Path, what: str) -> str:
    (status,) = [finding.status for finding in examine(var, production=False) if finding.what == what]
    return status


def test_a_sound_installation_has_nothing_to_mend(var: Path, post_office: PostOffice) -> None:
    with at_work():
        findings = examine(var, production=False)

    # How full the disk is, that backups begin when a target is named, and which roles other tests have on the same
    # server, what other tests left waiting: none of it is this installation's fault.
    beside = (
        "Datenträger",
        "Sicherungen",
        "Zugänge des Betreibers",
        "Aufgabenliste",
        "Postausgang",
        "Programmfehler",
        "Auffälligkeit",
    )
    assert [finding for finding in findings if finding.status != GOOD and not finding.what.startswith(beside)] == []
    assert len([each for each in findings if "Auffälligkeit" not in each.what]) == 34


def test_a_mail_server_that_is_missing_away_or_without_a_known_certificate_is_named(
    var: Path, post_office: PostOffice
) -> None:
    assert _status(var, "Mailserver") == GOOD
    settings = in_settings(post_office)

    with override_settings(**settings | {"DENTATOOL_SMTP_URL": ""}):
        assert _status(var, "Mailserver") == WARNING
    for wrong in (
        {"DENTATOOL_CA_FILE": ""},
        {"DENTATOOL_SMTP_URL": post_office.url.replace("labor:", "fremd:")},
        {"DENTATOOL_SMTP_URL": "smtp://localhost:9"},
        {"DENTATOOL_MAIL_FROM": "niemand"},
    ):
        with override_settings(**settings | wrong):
            assert _status(var, "Mailserver") == WRONG, wrong


def test_whether_published_passwords_are_looked_up_is_told(var: Path, post_office: PostOffice, tmp_path: Path) -> None:
    file = tmp_path / "pwned.txt"
    file.write_text(f"{'0' * 40}:3\r\n")

    def found(named: Path | str, *, production: bool) -> list[tuple[str, str]]:
        with override_settings(DENTATOOL_PUBLISHED_PASSWORDS=str(named)):
            told = examine(var, production=production)
        return [(each.status, each.found) for each in told if each.what == "Veröffentlichte Passwörter"]

    assert found(file, production=True) == [(GOOD, f"{file} mit 0 MB")]
    assert found("", production=False) == [(GOOD, "keine Datei; geprüft wird gegen die 20.000 häufigsten")]
    assert found("", production=True)[0][0] == WARNING
    assert found(tmp_path / "away", production=True)[0][0] == WRONG


@pytest.mark.parametrize(
    ("what", "break_it", "mend_it", "status"),
    [
        (
            "Zeilenschutz",
            "alter table protection_account no force row level security",
            "alter table protection_account force row level security",
            WRONG,
        ),
        (
            "Rolle der Anwendung",
            "grant create on schema public to dentatool_app",
            "revoke create on schema public from dentatool_app",
            WRONG,
        ),
        pytest.param(
            "Rolle der Anwendung",
            "grant dentatool_doors to dentatool_app",
            "revoke dentatool_doors from dentatool_app",
            WRONG,
            marks=pytest.mark.alone,  # roles belong to the whole server, and other tests look at them
        ),
        (
            "Härtung",
            "grant execute on function pg_terminate_backend(int, bigint) to public",
            "revoke execute on function pg_terminate_backend(int, bigint) from public",
            WARNING,
        ),
        (
            "Härtung",
            "grant usage on language plpgsql to public",
            "revoke usage on language plpgsql from public",
            WARNING,
        ),
        (
            "Rolle der Sicherung",
            "grant insert on protection_account to dentatool_backup",
            "revoke insert on protection_account from dentatool_backup",
            WRONG,
        ),
        pytest.param(
            "Rolle der Sicherung",
            "alter role dentatool_backup nobypassrls",
            "alter role dentatool_backup bypassrls",
            WARNING,
            marks=pytest.mark.alone,  # roles belong to the whole server, and other tests look at them
        ),
    ],
)
def test_a_broken_protection_is_found(
    var: Path, superuser: psycopg.Connection, what: str, break_it: str, mend_it: str, status: str
) -> None:
    assert _status(var, what) == GOOD
    superuser.execute(break_it)
    try:
        assert _status(var, what) == status
    finally:
        superuser.execute(mend_it)
    assert _status(var, what) == GOOD


def test_rows_without_a_pass_are_found(var: Path, superuser: psycopg.Connection, anna: object) -> None:
    superuser.execute("create policy leak on protection_account for select using (true)")
    try:
        assert _status(var, "Ohne Laborausweis") == WRONG
    finally:
        superuser.execute("drop policy leak on protection_account")
    assert _status(var, "Ohne Laborausweis") == GOOD


def test_an_open_key_file_is_found(var: Path) -> None:
    key = var / "keys" / "root.key"
    key.chmod(0o644)
    try:
        assert _status(var, "Datei keys/root.key") == WRONG
    finally:
        key.chmod(0o600)
    assert _status(var, "Datei keys/root.key") == GOOD


def test_the_doctor_needs_nothing_that_is_set_up_to_be_called() -> None:
    """He looks at what is broken: his module must not load models, which need a database's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DENTATOOL_", "DJANGO_"))}
    clean["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", "import dentatool.operations.doctor"],
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-500:]


def test_a_root_key_that_is_gone_is_a_finding_and_ends_no_looking(var: Path, post_office: PostOffice) -> None:
    key = var / "keys" / "root.key"
    key.rename(key.with_suffix(".away"))
    try:
        findings = {finding.what: finding.status for finding in examine(var, production=False)}
    finally:
        key.with_suffix(".away").rename(key)
    assert findings["Datei keys/root.key"] == WRONG
    assert "Zugangsprüfung des Betreibers" in findings


def test_an_installation_that_was_never_started_says_how_to_start_it(tmp_path: Path) -> None:
    (database,) = [finding for finding in examine(tmp_path, production=False) if finding.what == "Datenbank"]

    assert (database.status, database.mend) == (WRONG, "Starten Sie einmal: make run")


def test_an_entry_that_is_kept_too_long_is_named(var: Path, anna: Any, superuser: Any) -> None:
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        " values (gen_random_uuid(), %s, now() - interval '100 days', 'work', '', '-', 'event', 'trail.viewed', '', '{}')",
        [anna.lab_id],
    )
    try:
        (finding,) = [each for each in examine(var, production=False) if each.what == "Aufbewahrung des Protokolls"]
    finally:
        superuser.execute("delete from protection_entry where at < now() - interval '99 days'")

    assert finding.status == WRONG
    assert "access: 1 Einträge" in finding.found


def test_keys_that_grow_too_old_are_named(var: Path, anna: Any, superuser: psycopg.Connection) -> None:
    def age(days: int) -> None:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "update protection_labkey set created_at = now() - make_interval(days => %s) where lab_id = %s and kind = 'data'",
            [days, anna.lab_id],
        )
        superuser.execute("set session_replication_role = origin")

    age(300)
    assert _status(var, "Schlüsselalter") == GOOD
    age(340)
    assert _status(var, "Schlüsselalter") == WARNING
    age(366)
    assert _status(var, "Schlüsselalter") == WRONG
    age(0)
    assert _status(var, "Schlüsselalter") == GOOD
