"""A sealed trail taken out: a file that says by itself whether anything in it was changed, without server or database.

JSON lines, in a ZIP file or plain. First what it is, with the signed checkpoint and the public key; then a line for each
sealed entry in the order of sealing, with the entry's text to the letter, or without where its time is over.
How it could be broken: by whoever has the signing key. So compare the public key with the one that you were given.
Tests that try: tests/team/test_sealed_export.py.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from dentatool.values.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from dentatool.values.merkle import GrowingTree
from dentatool.values.trail_leaf import hash_of_leaf

FORM = "dentatool-trail-export 1"


class ExportError(ValueError):
    """The file is not as it was given out; the text says where, in German."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file in which everything is as it was sealed."""

    checkpoint: Checkpoint
    with_text: int


def first_line(tree: UUID, public: bytes, note: str) -> dict[str, Any]:
    """What the file begins with."""
    return {"form": FORM, "lab": str(tree), "public_key": public.hex(), "checkpoint": note}


def check_export(file: Path, public: bytes, earlier: str | None = None) -> Checked:
    """Compute everything anew. `earlier`: a checkpoint from before, which must be the beginning of this trail."""
    try:
        with _lines(file) as lines:
            return _check(lines, public, earlier)
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ExportError("Die Datei ist beschädigt oder keine versiegelte Ausgabe.") from error


def _check(lines: Iterator[bytes], public: bytes, earlier: str | None) -> Checked:
    head = json.loads(next(lines, b"{}"))
    if head.get("form") != FORM:
        raise ExportError("Das ist keine versiegelte Ausgabe eines Protokolls.")
    if head["public_key"] != public.hex():
        raise ExportError("Die Ausgabe stammt von einer Installation mit einem anderen Schlüssel.")
    lab = UUID(head["lab"])
    try:
        checkpoint = open_checkpoint(head["checkpoint"], public, lab)
        before = open_checkpoint(earlier, public, lab) if earlier is not None else None
    except CheckpointError as reason:
        raise ExportError(str(reason)) from reason
    tree, with_text = GrowingTree(), 0
    for line in lines:
        told = json.loads(line)
        seq = tree.size
        if told["seq"] != seq:
            raise ExportError(f"Nr. {seq} fehlt.")
        content = bytes.fromhex(told["content"])
        if told["text"] is not None:
            with_text += 1
            _judge_text(seq, told, content)
        tree.add(hash_of_leaf(lab, UUID(told["id"]), told["day"], content, told["what"]))
        if before and tree.size == before.size and tree.root != before.root:
            raise ExportError(f"Bis Nr. {seq} ist das Protokoll nicht das des früheren Prüfpunkts.")
    if tree.size != checkpoint.size:
        raise ExportError(f"Nr. {tree.size} fehlt: unterschrieben sind {checkpoint.size} Einträge.")
    if tree.root != checkpoint.root:
        raise ExportError("Die Siegel passen nicht zum unterschriebenen Prüfpunkt: Eines wurde geändert.")
    if before and before.size > tree.size:
        raise ExportError(f"Nr. {tree.size} fehlt: Der frühere Prüfpunkt hat {before.size} Einträge.")
    return Checked(checkpoint, with_text)


def _judge_text(seq: int, told: dict[str, Any], content: bytes) -> None:
    entry = json.loads(told["text"])
    if hashlib.sha256(told["text"].encode()).digest() != content:
        raise ExportError(f"Nr. {seq}: Der Eintrag wurde geändert.")
    if (entry["id"], entry["what"], entry["at"][:10]) != (told["id"], told["what"], told["day"]):
        raise ExportError(f"Nr. {seq}: Angaben zum Eintrag wurden geändert.")


@contextmanager
def _lines(file: Path) -> Iterator[Iterator[bytes]]:
    with file.open("rb") as raw:
        if not zipfile.is_zipfile(raw):
            raw.seek(0)
            yield _whole(raw)
            return
        with zipfile.ZipFile(raw) as archive, archive.open(archive.namelist()[0]) as inner:
            yield _whole(inner)


def _whole(file: IO[bytes]) -> Iterator[bytes]:
    return (line for line in file if line.strip())
