"""A new root key: both open while it runs, the old one leaves only when nothing needs it, and old backups are told of."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings

from dentatool.protection import key_root
from dentatool.protection.key_root import let_old_go, rotate_root, versions
from dentatool.protection.vault.internal import keys, lab_secrets
from dentatool.protection.vault.internal.rootkey import RootKeyError
from harness.database import in_role


@pytest.fixture
def root(anna: Any, bert: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this run's keys, and no other laboratories than Anna's and Bert's."""
    folder = Path(settings.DENTATOOL_ROOT_KEY_FILE).parent
    shutil.copytree(folder, tmp_path / "keys")
    monkeypatch.setattr(settings, "DENTATOOL_ROOT_KEY_FILE", str(tmp_path / "keys" / "root.key"))
    both = [(each.lab_id, each.name, True) for each in (anna, bert)]
    monkeypatch.setattr(key_root, "every_laboratory", lambda: both)
    return tmp_path / "keys" / "root.key"


@pytest.fixture
def said(anna: Any, specimens: Any) -> Callable[[], str]:
    """A name that Anna has stored, read by a process that remembers no key."""
    with anna.at_work():
        row = specimens.objects.create(name="Otto")

    def read() -> str:
        keys.forget_keys()
        with anna.at_work():
            return str(specimens.objects.get(pk=row.pk).name)

    return read


def root_version_of(superuser: psycopg.Connection, lab_id: UUID) -> set[int]:
    rows = superuser.execute("select wrapped from protection_labkey where lab_id = %s", [lab_id]).fetchall()
    return {int.from_bytes(wrapped[:4], "big") for (wrapped,) in rows}


def test_all_keys_are_wrapped_anew_and_everything_stays_readable(
    anna: Any, bert: Any, root: Path, said: Any, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    before = root.read_bytes()
    with in_role("owner"):
        done = rotate_root()

    assert (done.version, done.keys, done.resumed, done.failed) == (2, 6, False, {})
    assert root_version_of(superuser, anna.lab_id) == root_version_of(superuser, bert.lab_id) == {2}
    assert (said(), [each.version for each in versions()]) == ("Otto", [1, 2])

    told = "select count(*) from protection_entry where lab_id = %s and what = 'keys.rewrapped'"
    assert superuser.execute(told, [anna.lab_id]).fetchone() == (1,)

    with in_role("owner"):
        (gone,) = let_old_go(tmp_path / "stick.key")
    assert (said(), [each.version for each in versions()]) == ("Otto", [2])
    old = json.loads(before)
    kept = json.loads((tmp_path / "stick.key").read_text())
    assert (kept["1"], kept["environment"], gone.version) == (old["1"], old["environment"], 1)
    assert old["1"] not in root.read_text()
    assert (tmp_path / "stick.key").stat().st_mode & 0o077 == 0
    with in_role("owner"), pytest.raises(RootKeyError, match="nicht überschrieben"):
        rotate_root()
        let_old_go(tmp_path / "stick.key")
    assert said() == "Otto"


def test_a_run_that_was_killed_is_taken_up_with_the_same_version(
    anna: Any, bert: Any, root: Path, said: Any, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = key_root._rewrap

    def dies_at_the_second(lab_id: UUID, version: int) -> int:
        if lab_id == max(anna.lab_id, bert.lab_id):
            raise KeyboardInterrupt
        return real(lab_id, version)

    monkeypatch.setattr(key_root, "_rewrap", dies_at_the_second)
    with in_role("owner"), pytest.raises(KeyboardInterrupt):
        rotate_root()
    assert said() == "Otto"
    with in_role("owner"), pytest.raises(RootKeyError, match="noch ein Schlüssel"):
        let_old_go(None)
    monkeypatch.setattr(key_root, "_rewrap", real)

    with in_role("owner"):
        done = rotate_root()

    assert (done.version, done.resumed, done.keys) == (2, True, 3)
    assert root_version_of(superuser, anna.lab_id) | root_version_of(superuser, bert.lab_id) == {2}


def test_a_laboratory_whose_key_does_not_open_keeps_the_old_root_key_here(
    anna: Any, bert: Any, root: Path, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update protection_labkey set wrapped = set_byte(wrapped, 30, get_byte(wrapped, 30) # 1) where lab_id = %s and kind = 'data'",
        [bert.lab_id],
    )
    superuser.execute("set session_replication_role = origin")

    with in_role("owner"):
        done = rotate_root()
        assert list(done.failed) == [bert.lab_id]
        assert "passt nicht zum Hauptschlüssel" in done.failed[bert.lab_id]
        with pytest.raises(RootKeyError, match="noch ein Schlüssel"):
            let_old_go(None)
    assert root_version_of(superuser, anna.lab_id) == {2}
    superuser.execute("delete from protection_labkey where lab_id = %s", [bert.lab_id])


def test_other_processes_have_the_new_root_key_at_once(
    anna: Any, root: Path, said: Any, superuser: psycopg.Connection
) -> None:
    assert said() == "Otto"  # this process has read the file
    with in_role("owner"):
        rotate_root()
        let_old_go(None)

    assert said() == "Otto"
    with anna.at_work():
        keys.add_key(anna.lab_id, "data", 2)
    assert root_version_of(superuser, anna.lab_id) == {2}


def test_keys_from_before_laboratories_had_secrets_are_covered_by_one(
    anna: Any, root: Path, said: Any, superuser: psycopg.Connection
) -> None:
    from dentatool.protection.vault.internal import rootkey

    superuser.execute("set session_replication_role = replica")
    rows = superuser.execute(
        "select id, kind, key_version, wrapped from protection_labkey where lab_id = %s", [anna.lab_id]
    ).fetchall()
    for pk, kind, version, wrapped in rows:
        plain = rootkey.unwrap(wrapped, anna.lab_id, kind, version)
        older = rootkey.root_key().seal(plain, rootkey._about(anna.lab_id, kind, version))
        superuser.execute("update protection_labkey set wrapped = %s where id = %s", [older, pk])
    superuser.execute("set session_replication_role = origin")
    lab_secrets._file(anna.lab_id).unlink()
    assert said() == "Otto"

    with in_role("owner"):
        rotate_root()

    assert said() == "Otto"
    lab_secrets._file(anna.lab_id).rename(root.parent / "away")
    with pytest.raises(Exception, match="Schlüssel nicht zu öffnen"):
        said()
    with in_role("owner"):
        assert list(rotate_root().failed) == []  # wrapping needs no secret, and makes no second one
    assert not lab_secrets.is_there(anna.lab_id)
