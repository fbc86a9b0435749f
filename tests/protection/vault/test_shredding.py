"""The end of a laboratory's keys: nothing of it is readable any more, in the database or in what is restored later."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from dentatool.protection.key_rotation import rotate
from dentatool.protection.shredding import apply_again, destroyed, shred
from dentatool.protection.vault import DecryptError
from dentatool.protection.vault.internal import keys, lab_secrets
from dentatool.protection.vault.internal.rootkey import RootKeyError
from harness.database import in_role


@pytest.fixture
def stolen(anna: Any, specimens: Any, superuser: psycopg.Connection) -> list[Any]:
    """What a backup from before holds of Anna's keys."""
    with anna.at_work():
        specimens.objects.create(name="Otto Müller")
    return superuser.execute("select * from protection_labkey where lab_id = %s", [anna.lab_id]).fetchall()


def test_a_shredded_laboratory_is_closed_its_sessions_over_and_nothing_of_it_readable(
    anna: Any, bert: Any, specimens: Any, stolen: list[Any], superuser: psycopg.Connection
) -> None:
    with bert.at_work():
        specimens.objects.create(name="Bodo")
    theirs, client = bert.client(), anna.client()
    assert client.get("/patienten/").status_code == 200

    with in_role("owner"):
        shred(anna.lab_id)
        shred(anna.lab_id)  # again: nothing more happens

    assert client.get("/patienten/").status_code == 302
    assert superuser.execute("select count(*) from protection_labkey where lab_id = %s", [anna.lab_id]).fetchone() == (
        0,
    )
    running = "select count(*) from protection_session where lab_id = %s and ended_at is null"
    assert superuser.execute(running, [anna.lab_id]).fetchone() == (0,)
    assert not lab_secrets.is_there(anna.lab_id) and anna.lab_id in destroyed()
    with anna.at_work(), pytest.raises(DecryptError):
        _ = specimens.objects.get().name
    with bert.at_work():
        assert specimens.objects.get().name == "Bodo"
    assert theirs.get("/patienten/").status_code == 200
    told = "select what from protection_entry where lab_id = %s and what = 'keys.shredded'"
    assert superuser.execute(told, [anna.lab_id]).fetchall() == [("keys.shredded",)]


def test_a_backup_restored_afterwards_opens_nothing_even_with_the_root_key(
    anna: Any, specimens: Any, stolen: list[Any], superuser: psycopg.Connection
) -> None:
    with in_role("owner"):
        shred(anna.lab_id)
    # The backup brings back the wrapped keys, and a laboratory that is open.
    columns = "({})".format(", ".join(["%s"] * len(stolen[0])))
    superuser.execute("set session_replication_role = replica")
    for row in stolen:
        superuser.execute(f"insert into protection_labkey values {columns}", row)
    superuser.execute("set session_replication_role = origin")
    superuser.execute("update protection_laboratory set active = true where id = %s", [anna.lab_id])
    keys.forget_keys()

    with anna.at_work(), pytest.raises(DecryptError, match="wurden vernichtet"):
        _ = specimens.objects.get().name
    with anna.at_work(), pytest.raises(RootKeyError, match="wurden vernichtet"):
        keys.add_key(anna.lab_id, "data", 2)
    (note,) = Path(settings.DENTATOOL_ROOT_KEY_FILE).parent.glob(f"labs/{anna.lab_id}.destroyed")
    kept = note.read_bytes()
    note.unlink()  # not even without the note
    with anna.at_work(), pytest.raises(DecryptError, match="fehlt"):
        _ = specimens.objects.get().name
    note.write_bytes(kept)
    note.chmod(0o600)

    with in_role("owner"):
        assert anna.lab_id in apply_again()
        assert anna.lab_id not in apply_again()
    assert superuser.execute("select active from protection_laboratory where id = %s", [anna.lab_id]).fetchone() == (
        False,
    )
    assert superuser.execute("select count(*) from protection_labkey where lab_id = %s", [anna.lab_id]).fetchone() == (
        0,
    )


def test_what_was_rotated_before_is_unreadable_as_well(
    anna: Any, specimens: Any, stolen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dentatool.protection import key_rotation

    monkeypatch.setattr(key_rotation, "LEASE_S", 0.0)
    with in_role("owner"):
        rotate(anna.lab_id)
        shred(anna.lab_id)

    with anna.at_work(), pytest.raises(DecryptError):
        _ = specimens.objects.get().name


def test_a_run_that_was_killed_in_between_is_ended_by_the_next(
    anna: Any, specimens: Any, stolen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_file: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(lab_secrets, "wipe", dies)
        with in_role("owner"), pytest.raises(KeyboardInterrupt):
            shred(anna.lab_id)
    keys.forget_keys()
    with anna.at_work(), pytest.raises(DecryptError, match="wurden vernichtet"):  # the note is enough
        _ = specimens.objects.get().name

    with in_role("owner"):
        apply_again()
    assert not lab_secrets.is_there(anna.lab_id)


def test_the_file_is_overwritten_before_it_goes(anna: Any, tmp_path: Path) -> None:
    file = lab_secrets._file(anna.lab_id)
    content = file.read_bytes()
    (twin := tmp_path / "twin").hardlink_to(file)

    lab_secrets.destroy(anna.lab_id)

    assert not file.exists()
    assert twin.stat().st_size == len(content)
    assert content[8:40] not in twin.read_bytes()
