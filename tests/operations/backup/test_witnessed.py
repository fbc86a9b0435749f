"""What the sealed trails were goes along with each backup, closed like everything in the target, and only the newest stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pyrage import x25519

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.chain import HEADS, Entry
from dentatool.operations.backup.generations import may_go
from dentatool.operations.backup.setup import Setup, setup_of
from dentatool.operations.backup.verifying import verify
from dentatool.operations.backup.witnessed import keep_heads, kept_heads
from dentatool.operations.secrets import ensure_secrets
from dentatool.values.checkpoint import Checkpoint, TrailKey
from dentatool.values.witness import WitnessFile

ANNA, BERT = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture
def setup(tmp_path: Path) -> tuple[Setup, x25519.Identity, TrailKey]:
    ensure_secrets(tmp_path / "var", "test")
    (tmp_path / "target").mkdir()
    made, identity = setup_of(tmp_path / "var", tmp_path / "target"), x25519.Identity.generate()
    made.keyring.add_recipient(str(identity.to_public()))
    return made, identity, TrailKey.from_file(tmp_path / "var" / "secrets" / "trail.key")


def tell(setup: Setup, key: TrailKey, tree: UUID, size: int) -> Checkpoint:
    head = Checkpoint(tree, size, bytes(32), NOON + timedelta(minutes=size), NOON)
    WitnessFile(setup.var / "witness", tree).append(key.sign(head), b"")
    return head


def test_the_newest_of_each_trail_comes_back(setup: tuple[Setup, x25519.Identity, TrailKey]) -> None:
    made, identity, key = setup
    assert kept_heads(made, [identity]) == {}
    tell(made, key, ANNA, 3)
    keep_heads(made)
    heads = {ANNA: tell(made, key, ANNA, 7), BERT: tell(made, key, BERT, 2)}

    entry = keep_heads(made)

    assert kept_heads(made, [identity]) == heads
    assert verify(made.chain).wrong == ()
    with made.target.read(entry.file) as file:
        content = file.read()
    assert str(ANNA).encode() not in content and b"dentatool.trail" not in content
    with pytest.raises(BackupError):
        kept_heads(made, [x25519.Identity.generate()])


def test_checkpoints_of_another_key_are_refused(setup: tuple[Setup, x25519.Identity, TrailKey]) -> None:
    made, identity, _key = setup
    tell(made, TrailKey(bytes(32)), ANNA, 3)
    keep_heads(made)

    with pytest.raises(BackupError, match="gelten nicht"):
        kept_heads(made, [identity])


def test_only_the_newest_is_kept() -> None:
    def entry(number: int, kind: str) -> Entry:
        facts = {"parent": None, "wal_first": "0" * 24, "wal_last": "0" * 24, "begun_at": NOON.isoformat(),
                 "ended_at": NOON.isoformat()}  # fmt: skip
        return Entry(number, kind, NOON, "", "", 1, "", facts if kind == "full" else {"trails": 1})

    assert may_go([entry(1, "full"), *(entry(n, HEADS) for n in (2, 3, 4))], NOON) == {2, 3}
