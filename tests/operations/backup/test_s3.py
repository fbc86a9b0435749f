"""Backups in an S3-compatible storage: the same promises as in a folder, against a server that checks every signature."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from pyrage import x25519

from dentatool.operations.backup import BackupError, s3_link
from dentatool.operations.backup.chain import FULL, INCREMENTAL, Chain
from dentatool.operations.backup.pruning import prune
from dentatool.operations.backup.restoring import Wanted, restore
from dentatool.operations.backup.s3_target import S3Target
from dentatool.operations.backup.setup import setup_of, target_named
from dentatool.operations.backup.verifying import verify
from harness.object_store import BUCKET, KEY_ID, SECRET, Storage
from operations.backup.conftest import Backed
from operations.backup.test_manipulations import KEY, write


@pytest.fixture(autouse=True)
def _told(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in storage.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_link, "_FIRST_PAUSE_S", 0.01)


@pytest.fixture
def target(storage: Storage) -> S3Target:
    """With small parts, so that a small file has many."""
    found = target_named(storage.url())
    assert isinstance(found, S3Target)
    return S3Target(found.link, BUCKET, "anna", part=10_000)


@pytest.fixture
def chain(target: S3Target, tmp_path: Path) -> Chain:
    (tmp_path / "memory").mkdir()
    return Chain(target, tmp_path / "memory", KEY)


def put(target: S3Target, name: str, content: bytes) -> None:
    target.stage(lambda file: file.write(content) and None).commit(name)


@pytest.mark.parametrize("size", [0, 1, 9_999, 10_000, 10_001, 20_000, 123_456])
def test_what_was_written_is_read(target: S3Target, size: int) -> None:
    content = os.urandom(size)

    put(target, "00000001.age", content)
    put(target, "00000002.age", b"another")

    assert target.read("00000001.age").read() == content
    assert set(target.names()) == {"00000001.age", "00000002.age"}
    target.remove("00000001.age")
    target.remove("00000001.age")
    assert set(target.names()) == {"00000002.age"}
    with pytest.raises(FileNotFoundError):
        target.read("00000001.age")


def test_nothing_has_a_name_before_it_is_whole(target: S3Target, storage: Storage) -> None:
    def half(file) -> None:
        file.write(bytes(35_000))
        raise OSError("pg_basebackup died")

    with pytest.raises(OSError, match="died"):
        target.stage(half)
    assert storage.names() == []

    staged = target.stage(lambda file: file.write(bytes(35_000)) and None)
    assert len(storage.names("anna/parts/")) == 4 and list(target.names()) == []
    staged.discard()
    assert storage.names() == []


def test_what_a_kill_left_is_swept_and_what_has_a_name_is_not(target: S3Target, storage: Storage) -> None:
    put(target, "00000001.age", bytes(25_000))
    target.stage(lambda file: file.write(bytes(25_000)) and None)  # and killed before it had its name
    assert len(storage.names("anna/parts/")) == 3 + 1 + 3

    target.tidy(3600)
    assert len(storage.names("anna/parts/")) == 7  # it might still be at work
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        target.tidy(500)

    assert len(storage.names("anna/parts/")) == 4
    assert target.read("00000001.age").read() == bytes(25_000)
    storage.file("anna/00000001.age").unlink()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        target.tidy(500)
    assert storage.names() == []


def test_more_names_than_a_page_holds_are_all_listed(chain: Chain) -> None:
    for n in range(12):
        write(chain, "wal", {"name": f"{1:08X}{0:08X}{n:08X}"}, os.urandom(100))

    assert [entry.number for entry in chain.entries()] == list(range(1, 13))
    assert verify(chain).wrong == ()


def test_hiccups_are_ridden_out_and_a_storage_that_is_away_is_told(
    chain: Chain, target: S3Target, storage: Storage
) -> None:  # fmt: skip
    storage.faults(fail=3, cut=2)
    write(chain, "wal", {"name": f"{1:08X}{0:08X}{1:08X}"}, os.urandom(50_000))
    storage.faults(cut=3)
    assert verify(chain).wrong == ()

    storage.faults(fail=100)
    with pytest.raises(BackupError, match=r"antwortet mit 503 SlowDown. Es wird von selbst wieder versucht"):
        target.require()
    away = S3Target(s3_link.Link("localhost", 9, target.link.credentials), BUCKET)
    with pytest.raises(BackupError, match="ist nicht erreichbar"):
        away.require()


@pytest.mark.parametrize(
    ("manipulate", "told"),
    [
        (lambda files: files["part"].write_bytes(files["part"].read_bytes()[:-1] + b"!"), "ist verändert oder vertauscht"),
        (lambda files: files["part"].write_bytes(files["part"].read_bytes()[:-1]), "statt"),
        (lambda files: files["part"].unlink(), "fehlt"),
        (lambda files: files["list"].write_bytes(b"dentatool parts v1\n{}"), "statt"),
        (lambda files: files["list"].write_bytes(files["list"].read_bytes().replace(b'parts": ', b'parts": 1')), "fehlt"),
        (lambda files: files["list"].unlink(), "fehlt"),
        (lambda files: files["entry"].unlink(), "fehlt"),
    ],
)  # fmt: skip
def test_a_manipulation_is_found(chain: Chain, storage: Storage, manipulate, told: str) -> None:
    write(chain, "wal", {"name": f"{1:08X}{0:08X}{1:08X}"}, os.urandom(50_000))
    files = {"part": storage.file(storage.names("anna/parts/")[1]), "list": storage.file("anna/00000001.age")}

    manipulate({**files, "entry": storage.file("anna/00000001.json")})

    assert told in str(verify(chain).wrong[0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "AKIAOTHER"}, "erste Zeile der Zugangsdatei"),
        ({"secret": "falsch"}, "zweite Zeile der Zugangsdatei"),
        ({"DENTATOOL_BACKUP_S3_REGION": "us-east-1"}, r"Die Region stimmt nicht.*dort: eu-central-1"),
        ({"bucket": "anderer"}, "Den Bucket gibt es nicht"),
        ({"DENTATOOL_CA_FILE": ""}, "Das Zertifikat von localhost ist nicht gültig"),
        ({"mode": 0o644}, "für andere lesbar"),
        ({"lines": 1}, "nicht zwei Zeilen"),
        ({"DENTATOOL_BACKUP_S3_CREDENTIALS": ""}, "auf eine Datei mit zwei Zeilen"),
        ({"DENTATOOL_BACKUP_TARGET": "http://localhost/sicherung"}, "immer https"),
        ({"DENTATOOL_BACKUP_TARGET": "https://localhost:port/x"}, "keine Adresse"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_settings_is_told(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict, told: str
) -> None:  # fmt: skip
    file = tmp_path / "s3.credentials"
    file.write_text("\n".join([change.get("key", KEY_ID), change.get("secret", SECRET)][: change.get("lines", 2)]))
    file.chmod(change.get("mode", 0o600))
    if "bucket" in change:
        change = {"DENTATOOL_BACKUP_TARGET": storage.url().replace(BUCKET, change["bucket"])}
    for name, value in change.items():
        if name.startswith("DENTATOOL"):
            monkeypatch.setenv(name, value)

    with pytest.raises(BackupError, match=told):
        target_named(os.environ["DENTATOOL_BACKUP_TARGET"]).require()


def test_a_clock_that_goes_wrong_is_told(target: S3Target) -> None:
    with (
        time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True),
        pytest.raises(BackupError, match="Die Uhr dieses Rechners geht falsch"),
    ):
        target.require()


def test_a_full_storage_is_told_and_keeps_what_it_has(chain: Chain, storage: Storage) -> None:
    write(chain, "wal", {"name": f"{1:08X}{0:08X}{1:08X}"}, os.urandom(50_000))
    before = storage.names()
    storage.faults(full=True)

    with pytest.raises(BackupError, match=r"kein Platz mehr.*alte Sicherungen bleiben unangetastet"):
        write(chain, "wal", {"name": f"{1:08X}{0:08X}{2:08X}"}, os.urandom(50_000))

    assert storage.names() == before and verify(chain).wrong == ()


def test_a_bucket_without_versions_is_hinted_at(target: S3Target, storage: Storage) -> None:
    assert "hebt keine Versionen auf" in target.hint()

    storage.faults(versioning="Enabled")

    assert target.hint() == ""


def test_a_database_is_backed_up_pruned_and_brought_back_from_there(
    storage: Storage, passable_folder: Path
) -> None:  # fmt: skip
    backed = Backed(passable_folder)
    backed.setup = setup_of(backed.var)
    backed.start()
    backed.do("create table work (n int)", "insert into work values (1)")
    backed.create(FULL)
    backed.do("insert into work values (2)")
    backed.create(INCREMENTAL)
    backed.do("insert into work values (3)")
    backed.stop()

    assert backed.told == []
    assert verify(backed.setup.chain).wrong == ()
    assert prune(backed.setup.chain, datetime.now(UTC)) > 0  # segments from before the first backup
    assert verify(backed.setup.chain).wrong == ()
    restored = restore(backed.setup, Wanted(), passable_folder / "back", [backed.identity])
    rows = backed.ask(restored, "select n from work order by n")
    restored.stop()
    assert rows == [(1,), (2,), (3,)]
    sealed = [storage.file(key).read_bytes() for key in storage.names() if not key.endswith(".json")]
    assert len(sealed) > 4 and all(content.startswith(b"age-encryption.org/v1\n") for content in sealed)
    backed.start()
    storage.faults(full=True)
    with pytest.raises(BackupError, match=r"Seit \d+ s kommen die Protokollabschnitte nicht .* kein Platz mehr"):
        backed.create(FULL)  # PostgreSQL itself would wait for ever
    storage.faults()
    backed.stop()
    with pytest.raises(BackupError, match="anderen Schlüssel"):
        restore(backed.setup, Wanted(), passable_folder / "other", [x25519.Identity.generate()])
