"""What the trails were, told outside of the database: a file for each, to which lines are only added.

A line holds a signed checkpoint and the leaves that came with it, and names the line before by its hash. So a change
inside the database is found to the very entry, and a line that was taken out of the file is missed. After a week the
minutes of a day become one line (`thin`): the leaves and the day's last checkpoint stay.
"""

import base64
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID

from dentatool.values.checkpoint import Checkpoint, CheckpointError, is_thinned, open_checkpoint
from dentatool.values.merkle import HASH_BYTES, GrowingTree

_TAIL = 8_000  # bytes; the line of a common minute is much shorter, that of the largest batch half a megabyte
_FIRST = "0" * 64
_ASIDE = "bis-"


def witnessed_trails(folder: Path) -> set[UUID]:
    """The trails that there is a file of."""
    return {UUID(file.stem) for file in folder.glob("*.jsonl") if "." not in file.stem}


def witnessed_notes(folder: Path) -> dict[UUID, str | None]:
    """What each trail was when it was last told, signed; None where there is no whole line.

    Only looks, so it may be asked while a sealer works.
    """
    notes: dict[UUID, str | None] = {}
    for tree in witnessed_trails(folder):
        try:
            notes[tree] = WitnessFile(folder, tree).peek()
        except (ValueError, KeyError, TypeError, OSError):
            notes[tree] = None
    return notes


def witnessed_heads(folder: Path, public: bytes) -> dict[UUID, Checkpoint]:
    """The same, judged and opened. Files that are not whole or not ours are left out: the nightly check names them."""
    heads = {}
    for tree, note in witnessed_notes(folder).items():
        with suppress(CheckpointError):
            heads[tree] = open_checkpoint(note or "", public, tree)
    return heads


@dataclass(slots=True)
class Witnessed:
    """What a whole file says. `wrong`: the first line that is not as it was written, and the entry it begins with."""

    notes: dict[int, str] = field(default_factory=dict)  # size → signed checkpoint
    leaves: bytes = b""
    last: Checkpoint | None = None
    wrong: tuple[int, str] | None = None

    @property
    def size(self) -> int:
        """How many entries are told."""
        return len(self.leaves) // HASH_BYTES

    def leaf(self, seq: int) -> bytes:
        """The hash of one leaf."""
        return self.leaves[seq * HASH_BYTES : (seq + 1) * HASH_BYTES]


class WitnessFile:
    """The file of one trail."""

    def __init__(self, folder: Path, tree: UUID) -> None:
        self._tree, self.path = tree, folder / f"{tree}.jsonl"

    def last_note(self) -> str | None:
        """The newest checkpoint. Cuts off what a crash left half written."""
        line = self._last_line()
        return str(json.loads(line)["checkpoint"]) if line else None

    def peek(self) -> str | None:
        """The same without touching the file: for whoever looks while a sealer may be writing."""
        try:
            with self.path.open("rb") as file:
                line = _last_whole_line(file)[0]
        except FileNotFoundError:
            return None
        return str(json.loads(line)["checkpoint"]) if line else None

    def append(self, note: str, leaves: bytes) -> None:
        """Add a checkpoint and its leaves; on the disk when this returns."""
        before = self._last_line()
        told = _line(hashlib.sha256(before).hexdigest() if before else _FIRST, note, leaves)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "ab") as file:
            file.write(told + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def thin(self, public: bytes, now: datetime) -> int:
        """Leave out what may be missing (values/checkpoint.py); its leaves go to the line that follows. How many lines.

        The file is written anew and takes its place when it is whole. One that is not as it was written stays as it is.
        For the sealer alone, which is the only one that writes. Raises CheckpointError.
        """
        lines = [json.loads(line) for line in self.path.read_bytes().split(b"\n")[:-1]]
        if self.read(public).wrong is not None:
            raise CheckpointError("Die Zeugendatei ist nicht, wie sie geschrieben wurde.")
        heads = [open_checkpoint(line["checkpoint"], public, self._tree) for line in lines]
        kept, leaves, before = bytearray(), b"", _FIRST
        for number, line in enumerate(lines):
            leaves += base64.b64decode(line["leaves"])
            if number + 1 < len(lines) and is_thinned(heads[number], heads[number + 1], now):
                continue
            told = _line(before, line["checkpoint"], leaves)
            kept += told + b"\n"
            before, leaves = hashlib.sha256(told).hexdigest(), b""
        fewer = len(lines) - kept.count(b"\n")
        if fewer:
            unfinished = self.path.with_suffix(".unfinished")
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(kept)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.path)
        return fewer

    def set_aside(self, moment: datetime) -> None:
        """Begin anew: the file keeps its content under another name."""
        self.path.rename(self.path.with_name(f"{self._tree}.{_ASIDE}{moment:%Y%m%dT%H%M%S%f}.jsonl"))

    @property
    def set_aside_before(self) -> int:
        """How often it was begun anew."""
        return len(list(self.path.parent.glob(f"{self._tree}.{_ASIDE}*.jsonl")))

    def read(self, public: bytes) -> Witnessed:
        """Everything, each line judged by the one before, its signature and the tree that its leaves make."""
        found = Witnessed()
        if not self.path.exists():
            return found
        tree, before, leaves = GrowingTree(), _FIRST, bytearray()
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # a crash in the middle of writing; the sealer writes it again
                start = tree.size
                try:
                    found.last = self._judge(line.rstrip(b"\n"), before, tree, leaves, found, public)
                except (ValueError, KeyError, TypeError, CheckpointError) as reason:
                    told = str(reason) if isinstance(reason, CheckpointError) else "Sie ist nicht lesbar."
                    found.wrong = (start, f"Zeugendatei {self.path.name}, Zeile {number}: {told}")
                    del leaves[start * HASH_BYTES :]
                    break
                before = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
        found.leaves = bytes(leaves)
        return found

    def _judge(
        self, line: bytes, before: str, tree: GrowingTree, leaves: bytearray, found: Witnessed, public: bytes
    ) -> Checkpoint:
        told = json.loads(line)
        if told["before"] != before:
            raise CheckpointError("Die Zeile davor fehlt oder wurde geändert.")
        checkpoint = open_checkpoint(told["checkpoint"], public, self._tree)
        new = base64.b64decode(told["leaves"], validate=True)
        for start in range(0, len(new), HASH_BYTES):
            tree.add(new[start : start + HASH_BYTES])
        leaves += new
        if (tree.size, tree.root) != (checkpoint.size, checkpoint.root):
            raise CheckpointError("Prüfpunkt und Siegel passen nicht zueinander.")
        found.notes[checkpoint.size] = told["checkpoint"]
        return checkpoint

    def _last_line(self) -> bytes | None:
        """What has no line end is of a crash and goes."""
        try:
            file = self.path.open("r+b")
        except FileNotFoundError:
            return None
        with file:
            line, end = _last_whole_line(file)
            if end < file.seek(0, os.SEEK_END):
                file.truncate(end)
            return line


def _line(before: str, note: str, leaves: bytes) -> bytes:
    return json.dumps({"before": before, "checkpoint": note, "leaves": base64.b64encode(leaves).decode()}).encode()


def _last_whole_line(file: IO[bytes]) -> tuple[bytes | None, int]:
    """The last line that has an end, and where the file ends with it. Reads no more of the file than it must."""
    size, tail = file.seek(0, os.SEEK_END), _TAIL
    while True:
        start = max(0, size - tail)
        file.seek(start)
        whole, newline, half = file.read(size - start).rpartition(b"\n")
        _, earlier, line = whole.rpartition(b"\n")
        if earlier or start == 0:
            return line or None, (size - len(half) if newline else 0)
        tail *= 8
