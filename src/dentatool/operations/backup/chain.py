"""One signed entry for each file in the target, each holding the hash of the one before.

`00000042.json` is the entry, `00000042.age` its file. The number and hash of the newest are remembered on this machine
(var/backup/head.json) and, with each backup, among the platform's events: so a target that was set back to an earlier
state, or lost its newest files, is found out although everything in it is genuine.
What is deleted on purpose is named by a signed entry of its own, which comes first: a gap without one is a loss.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dentatool.operations.backup import BackupError
from dentatool.operations.backup.segments import is_segment, position_of
from dentatool.operations.backup.target import Target, sync_folder
from dentatool.operations.secrets import write_secret
from dentatool.values.signed_file import private_key_in

FULL, INCREMENTAL, WAL, PRUNE = "full", "incremental", "wal", "prune"
HEADS = "heads"  # what the sealed trails were (witnessed.py)
BACKUPS = (FULL, INCREMENTAL)
NOTHING = "0" * 64
_CONTEXT = b"dentatool backup entry v1\n"  # the same key signs reports: neither passes for the other
_AT_ONCE = 8
_ENTRY = re.compile(r"\d{8,}\.json")


class Untrue(ValueError):
    """An entry is not what this installation wrote."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one file. `facts` depend on the kind."""

    number: int
    kind: str
    made_at: datetime
    instance: str
    previous: str
    size: int
    sha256: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of what it describes."""
        return f"{self.number:08}.age"

    @property
    def position(self) -> int | None:
        """The place of a segment in the log; None for all else."""
        return position_of(name) if self.kind == WAL and is_segment(name := self.facts["name"]) else None

    @property
    def needed(self) -> range:
        """The places of all segments that a backup needs to become consistent."""
        return range(position_of(self.facts["wal_first"]), position_of(self.facts["wal_last"]) + 1)

    def signed(self, key: Ed25519PrivateKey) -> bytes:
        """As it stands in the target."""
        body = json.dumps(
            {
                "number": self.number, "kind": self.kind, "made_at": self.made_at.isoformat(), "instance": self.instance,
                "previous": self.previous, "size": self.size, "sha256": self.sha256, "facts": dict(self.facts),
            },
            sort_keys=True,
        ).encode()  # fmt: skip
        return body + b"\n" + key.sign(_CONTEXT + body).hex().encode() + b"\n"

    @staticmethod
    def read(text: bytes, instance: str) -> "Entry":
        """Judge the signature first; whatever is wrong raises Untrue."""
        try:
            body, signature, rest = text.split(b"\n")
            if rest or bytes.fromhex(signature.decode()).hex() != signature.decode():
                raise ValueError("form")  # the same signature in other signs is not what was written
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(instance)).verify(
                bytes.fromhex(signature.decode()), _CONTEXT + body
            )
            known = json.loads(body)
        except (ValueError, InvalidSignature) as error:
            raise Untrue("Unterschrift stimmt nicht") from error
        if known["instance"] != instance:
            raise Untrue("gehört zu einer anderen Installation")
        return Entry(**{**known, "made_at": datetime.fromisoformat(known["made_at"])})


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry, remembered outside the target."""

    number: int = 0
    sha256: str = NOTHING
    prune: int = 0  # the newest entry that names what was deleted on purpose


class Chain:
    """The entries of one installation in one target. `folder` (var/backup) remembers the head."""

    def __init__(self, target: Target, folder: Path, key: Ed25519PrivateKey) -> None:
        self.target, self.memory, self._key = target, folder, key
        self.instance = instance_of(key)

    @property
    def head(self) -> Head:
        """What this machine remembers."""
        try:
            return Head(**json.loads((self.memory / "head.json").read_text()))
        except FileNotFoundError:
            return Head()

    def entry(self, number: int) -> Entry:
        """One entry, its signature judged. FileNotFoundError or Untrue."""
        return self.read(number)[0]

    def entries(self) -> list[Entry]:
        """All that are there and genuine, oldest first. What is missing or wrong is `verify`'s affair."""
        names = sorted(name for name in self.target.names() if _ENTRY.fullmatch(name))
        with ThreadPoolExecutor(
            _AT_ONCE
        ) as readers:  # there are thousands, and a storage far away takes its time for each
            found = [entry for entry in readers.map(self._entry_named, names) if entry is not None]
        absent = self.absent(_prune_of(found[-1])) if found else frozenset()
        return [entry for entry in found if entry.number not in absent]

    def _entry_named(self, name: str) -> Entry | None:
        with suppress(Untrue, FileNotFoundError):
            return self.entry(int(name.split(".")[0]))
        return None

    def absent(self, prune: int) -> frozenset[int]:
        """The numbers that were deleted on purpose, as this entry says for all time before it; 0 for none."""
        if not prune:
            return frozenset()
        return frozenset(n for first, last in self.entry(prune).facts["absent"] for n in range(first, last + 1))

    def write(
        self, fill: Callable[[BinaryIO], "tuple[int, str]"], describe: Callable[[], tuple[str, dict[str, Any]]]
    ) -> Entry:
        """A file first, durable, then its entry, then the head. `fill` gives size and hash; `describe`, asked when the
        file is whole, kind and facts. A kill in between leaves what the next writer finishes or replaces.
        """
        measured: list[tuple[int, str]] = []
        staged = self.target.stage(lambda file: measured.append(fill(file)))
        try:
            kind, facts = describe()
            with self._alone():
                head = self._caught_up()
                staged.commit(f"{head.number + 1:08}.age")
                return self._append(head, kind, *measured[0], facts)
        except BaseException:
            staged.discard()  # has no effect once it has its name
            raise

    def enter(self, kind: str, facts: dict[str, Any]) -> Entry:
        """An entry without a file."""
        with self._alone():
            return self._append(self._caught_up(), kind, 0, hashlib.sha256().hexdigest(), facts)

    def _append(self, head: Head, kind: str, size: int, sha256: str, facts: dict[str, Any]) -> Entry:
        told = facts if kind == PRUNE else {**facts, "prune": head.prune}
        number = head.number + 1
        entry = Entry(number, kind, datetime.now(UTC), self.instance, head.sha256, size, sha256, told)
        text = entry.signed(self._key)
        self.target.stage(lambda file: _fill(file, text)).commit(f"{number:08}.json")
        self._remember(_head_after(entry, text))
        return entry

    def _caught_up(self) -> Head:
        """The head, moved on by what a killed writer had finished but not remembered: ours, and next in line.

        What else lies in its place is replaced: whoever damages the target must not stop what is written from now on.
        """
        head = self.head
        if head.number == 0 and sum(1 for name in self.target.names() if _ENTRY.fullmatch(name)) > 1:
            raise BackupError(
                f"Im Sicherungsziel {self.target} liegt schon eine Sicherung, die dieser Rechner nicht kennt. Nennen Sie"
                " einen leeren Ordner (oder spielen Sie var/backup mit ein, wenn es Ihre eigene ist)."
            )
        with suppress(Untrue, FileNotFoundError):
            entry, text = self.read(head.number + 1)
            if entry.previous == head.sha256:
                head = _head_after(entry, text)
                self._remember(head)
        return head

    def read(self, number: int) -> tuple[Entry, bytes]:
        """An entry and its bytes as they stand in the target."""
        with self.target.read(f"{number:08}.json") as file:
            text = file.read()
        entry = Entry.read(text, self.instance)
        if entry.number != number:
            raise Untrue(f"ist in Wahrheit Eintrag {entry.number}")
        return entry, text

    def _remember(self, head: Head) -> None:
        write_secret(self.memory / "head.json", json.dumps(asdict(head)))
        sync_folder(self.memory)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time; the lock ends with the process, however it ends."""
        with open(os.open(self.memory / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def signing_key(var: Path) -> Ed25519PrivateKey:
    """The installation's own; without it nothing was set up here."""
    try:
        return private_key_in(var / "secrets" / "signing.key")
    except (FileNotFoundError, ValueError) as error:
        raise BackupError(f"Der Unterschriftsschlüssel in {var / 'secrets'} fehlt oder ist unbrauchbar.") from error


def instance_of(key: Ed25519PrivateKey) -> str:
    """Which installation: the public half of its signing key, so that it is proven and not claimed."""
    return key.public_key().public_bytes_raw().hex()


def _prune_of(entry: Entry) -> int:
    return entry.number if entry.kind == PRUNE else int(entry.facts["prune"])


def _head_after(entry: Entry, text: bytes) -> Head:
    return Head(entry.number, hashlib.sha256(text).hexdigest(), _prune_of(entry))


def _fill(file: BinaryIO, text: bytes) -> None:
    file.write(text)
