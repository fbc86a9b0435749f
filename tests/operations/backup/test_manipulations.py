"""Whoever can write to the target is found out: sixty random manipulations here, three hundred in `make soak`."""

import os
import random
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyrage import x25519

from dentatool.operations.backup.chain import FULL, INCREMENTAL, PRUNE, WAL, Chain, Entry
from dentatool.operations.backup.sealing import seal
from dentatool.operations.backup.target import FolderTarget
from dentatool.operations.backup.verifying import verify

ROUNDS = 300 if os.environ.get("DENTATOOL_SOAK") else 60
KEY = Ed25519PrivateKey.generate()
RECIPIENT = x25519.Identity.generate().to_public()


def write(chain: Chain, kind: str, facts: dict, content: bytes) -> Entry:
    def fill(file) -> tuple[int, str]:
        done = seal(BytesIO(content), file, [RECIPIENT])
        return done.size, done.sha256

    return chain.write(fill, lambda: (kind, facts))


def backup(chain: Chain, kind: str, parent: int | None, first: int, last: int) -> Entry:
    facts = {"parent": parent, "wal_first": f"{1:08X}{0:08X}{first:08X}", "wal_last": f"{1:08X}{0:08X}{last:08X}"}
    return write(chain, kind, facts, os.urandom(3000))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Path]]:
    """A target with two generations, one of them deleted on purpose; var/backup; and earlier states of the target."""
    base = tmp_path_factory.mktemp("chain")
    (base / "target").mkdir()
    (base / "memory").mkdir()
    chain = Chain(FolderTarget(base / "target"), base / "memory", KEY)
    earlier, last = [], 0
    for round_ in range(3):
        for position in range(round_ * 4, round_ * 4 + 4):
            write(chain, WAL, {"name": f"{1:08X}{0:08X}{position:08X}"}, os.urandom(800))
        made = backup(
            chain, FULL if round_ != 2 else INCREMENTAL, None if round_ != 2 else last, round_ * 4, round_ * 4 + 1
        )
        last = made.number
        if round_ == 1:
            chain.enter(PRUNE, {"absent": [[1, 5]]})
            for number in range(1, 6):
                for ending in ("age", "json"):
                    chain.target.remove(f"{number:08}.{ending}")
        earlier.append(base / f"earlier-{round_}")
        shutil.copytree(base / "target", earlier[-1])
    return base / "target", base / "memory", earlier[:-1]


def test_an_untouched_target_passes(written) -> None:
    target, memory, _earlier = written

    seen = verify(Chain(FolderTarget(target), memory, KEY))

    assert (seen.wrong, seen.files) == ((), 11)
    assert seen.bytes == sum(path.stat().st_size for path in target.glob("*.age"))


def files(target: Path, dice: random.Random, ending: str = "*", most: int = 1) -> list[Path]:
    return dice.sample(sorted(target.glob(f"*.{ending}")), most)


def flip(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    """One bit of one byte."""
    (file,) = files(target, dice)
    content = bytearray(file.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    file.write_bytes(content)


def cut(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    (file,) = files(target, dice)
    file.write_bytes(file.read_bytes()[: dice.randrange(file.stat().st_size)])


def lengthen(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    (file,) = files(target, dice)
    file.write_bytes(file.read_bytes() + dice.choice([b"\0", b"\n", os.urandom(20)]))


def swap(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    one, other = files(target, dice, dice.choice(["age", "json"]), 2)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def swap_pairs(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    """File and entry together, so that they still fit each other."""
    one, other = files(target, dice, "age", 2)
    for ending in (".age", ".json"):
        first, second = one.with_suffix(ending), other.with_suffix(ending)
        between = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(between)


def lose(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    (file,) = files(target, dice)
    file.unlink()


def drop_newest(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    for file in sorted(target.glob("*"))[-2 * dice.randint(1, 5) :]:
        file.unlink()


def older_for_newer(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    old, new = sorted(files(target, dice, "age", 2))
    for ending in dice.choice([(".age",), (".json",), (".age", ".json")]):
        shutil.copyfile(old.with_suffix(ending), new.with_suffix(ending))


def earlier_state(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    """The whole target as it was once: everything in it is genuine."""
    shutil.rmtree(target)
    shutil.copytree(dice.choice(earlier), target)


def bring_back(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    """What was deleted on purpose is there again."""
    shutil.copyfile(earlier[0] / "00000003.age", target / "00000003.age")


def plaintext(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    (target / dice.choice(["dump.sql", "00000001.age", "base.tar"])).write_text("create table patient")


def signed_by_another(target: Path, dice: random.Random, earlier: list[Path]) -> None:
    (file,) = files(target, dice, "json")
    entry = Entry.read(file.read_bytes(), Chain(FolderTarget(target), target, KEY).instance)
    file.write_bytes(entry.signed(Ed25519PrivateKey.generate()))


MANIPULATIONS: list[Callable[[Path, random.Random, list[Path]], None]] = [
    flip, cut, lengthen, swap, swap_pairs, lose, drop_newest, older_for_newer, earlier_state, bring_back, plaintext,
    signed_by_another,
]  # fmt: skip


@pytest.mark.parametrize("manipulate", MANIPULATIONS, ids=lambda each: each.__name__)
def test_every_manipulation_is_found(manipulate, written, tmp_path: Path) -> None:
    target, memory, earlier = written
    missed = []

    for seed in range(ROUNDS // len(MANIPULATIONS)):
        copy = tmp_path / str(seed)
        shutil.copytree(target, copy)
        manipulate(copy, random.Random(seed), earlier)
        if not verify(Chain(FolderTarget(copy), memory, KEY)).wrong:
            missed.append(seed)

    assert missed == []
