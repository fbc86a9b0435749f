"""Keys are made once, kept, and readable by nobody else."""

import json
import stat
from pathlib import Path

from dentatool.operations.secrets import ensure_database_file, ensure_secrets


def _files(var: Path) -> dict[str, str]:
    return {str(path.relative_to(var)): path.read_text() for path in var.rglob("*") if path.is_file()}


def test_every_key_is_made_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, "test")

    assert sorted(_files(tmp_path)) == [
        "keys/root.key",
        "secrets/django.key",
        "secrets/pass.key",
        "secrets/signing.key",
        "secrets/superuser.key",
        "secrets/trail.key",
    ]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert len(bytes.fromhex((tmp_path / "secrets" / "pass.key").read_text())) == 32


def test_a_second_call_changes_no_key(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, "test")
    ensure_database_file(tmp_path, host="/run/a", port=5432, name="dentatool")
    before = _files(tmp_path)

    ensure_secrets(tmp_path, "test")
    ensure_database_file(tmp_path, host="/run/a", port=5432, name="dentatool")

    assert _files(tmp_path) == before


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    for name in ("one", "two"):
        ensure_secrets(tmp_path / name, "test")
        ensure_database_file(tmp_path / name, host="/run/a", port=5432, name="dentatool")

    assert not set(_files(tmp_path / "one").values()) & set(_files(tmp_path / "two").values())


def test_a_moved_database_keeps_its_passwords(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, "test")
    before = ensure_database_file(tmp_path, host="/run/a", port=5432, name="dentatool")

    after = ensure_database_file(tmp_path, host="db.example", port=5433, name="dentatool", sslmode="verify-full")

    assert after == {**before, "host": "db.example", "port": 5433, "sslmode": "verify-full"}
    assert json.loads((tmp_path / "secrets" / "database.json").read_text()) == after


def test_a_key_that_others_may_read_is_closed_again(tmp_path: Path) -> None:
    ensure_secrets(tmp_path, "test")
    (tmp_path / "keys" / "root.key").chmod(0o644)

    ensure_secrets(tmp_path, "test")

    assert stat.S_IMODE((tmp_path / "keys" / "root.key").stat().st_mode) == 0o600
