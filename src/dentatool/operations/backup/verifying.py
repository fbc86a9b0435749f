"""What in the target is not as it was written: changed, cut, swapped, missing, older, foreign. Needs no private key.

Every file is read whole. That age cannot be opened without the key does not matter: the bytes are compared with what
the signed entries say, and the entries with each other and with the head this machine remembers.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dentatool.operations.backup.chain import BACKUPS, NOTHING, PRUNE, Chain, Entry, Untrue
from dentatool.operations.backup.target import Target

_AGE = b"age-encryption.org/v1\n"


@dataclass(frozen=True, slots=True)
class Wrong:
    """One finding: which file, and what is the matter with it."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` saw. Nothing wrong means that every byte is as it was written."""

    wrong: tuple[Wrong, ...]
    files: int
    bytes: int


def verify(chain: Chain, progress: Callable[[int, int], None] = lambda done, total: None) -> Verdict:
    """Look at everything. The head is taken first: what is written meanwhile lies beyond it and is left for next time."""
    head, present = chain.head, set(chain.target.names())
    wrong: list[Wrong] = []
    known: dict[int, Entry] = {}
    if head.number == 0 and present:
        return Verdict((Wrong("var/backup/head.json", "fehlt: Was das Neueste ist, lässt sich nicht sagen"),), 0, 0)
    absent, previous, size = _absent(chain, head.prune, wrong), NOTHING, 0
    for number in range(1, head.number + 1):
        if number in absent:
            previous = ""
            continue
        try:
            entry, text = chain.read(number)
        except FileNotFoundError:
            wrong.append(Wrong(f"{number:08}.json", "fehlt"))
            previous = ""
            continue
        except Untrue as error:
            wrong.append(Wrong(f"{number:08}.json", str(error)))
            previous = ""
            continue
        if previous and entry.previous != previous:
            wrong.append(Wrong(f"{number:08}.json", "schließt nicht an den Eintrag davor an"))
        previous, known[number] = hashlib.sha256(text).hexdigest(), entry
        wrong += _file_of(chain.target, entry)
        size += entry.size
        progress(number, head.number)
    if previous != head.sha256 and head.number in known:
        wrong.append(Wrong(f"{head.number:08}.json", "ist nicht der neueste Eintrag, den dieser Rechner kennt"))
    wrong += _strangers(present, known, head.number)
    wrong += _not_restorable(known)
    return Verdict(tuple(wrong), len(known), size)


def _absent(chain: Chain, prune: int, wrong: list[Wrong]) -> frozenset[int]:
    try:
        return chain.absent(prune)
    except (FileNotFoundError, Untrue):
        wrong.append(Wrong(f"{prune:08}.json", "fehlt oder ist verändert; er sagt, was mit Absicht gelöscht ist"))
        return frozenset()


def _file_of(target: Target, entry: Entry) -> Iterator[Wrong]:
    if entry.kind == PRUNE:
        return
    try:
        with target.read(entry.file) as file:
            measured, size, begins = hashlib.sha256(), 0, b""
            while chunk := file.read(1 << 20):
                begins = begins or chunk[: len(_AGE)]
                measured.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        yield Wrong(entry.file, "fehlt")
        return
    if size != entry.size:
        yield Wrong(entry.file, f"hat {size} statt {entry.size} Bytes")
    elif measured.hexdigest() != entry.sha256:
        yield Wrong(entry.file, "ist verändert oder vertauscht")
    elif begins != _AGE:
        yield Wrong(entry.file, "ist nicht verschlüsselt")


def _strangers(present: set[str], known: Mapping[int, Entry], last: int) -> Iterator[Wrong]:
    """Files no entry speaks of. What lies beyond the head may be somebody writing at this moment."""
    expected = {f"{number:08}.json" for number in known} | {
        entry.file for entry in known.values() if entry.kind != PRUNE
    }
    for name in sorted(present - expected):
        stem, _, ending = name.partition(".")
        beyond = stem.isdigit() and len(stem) == 8 and ending in ("json", "age") and int(stem) > last
        if not beyond:
            yield Wrong(name, "gehört nicht zur Sicherung")


def _not_restorable(known: Mapping[int, Entry]) -> Iterator[Wrong]:
    """Each backup has its forerunners and every segment it needs to become consistent."""
    segments = {entry.position for entry in known.values()}
    for entry in known.values():
        if entry.kind not in BACKUPS:
            continue
        if entry.facts["parent"] is not None and entry.facts["parent"] not in known:
            yield Wrong(entry.file, f"baut auf {entry.facts['parent']:08}.age auf, das fehlt")
        if any(position not in segments for position in entry.needed):
            yield Wrong(entry.file, "ist ohne die fehlenden Protokollabschnitte nicht einzuspielen")
