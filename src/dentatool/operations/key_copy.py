"""A copy of the keys apart from the machine, and whether it is up to date: without it a lost machine loses laboratories.

The root key and the laboratories' secrets are in no backup. A secret arises with each laboratory, so a copy grows old; and
one that still holds the secret of a laboratory whose keys were destroyed would open old backups of it.
Test that tries: tests/operations/test_key_copy.py.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dentatool.operations.secrets import write_secret

_MEMORY = "copied.json"  # beside the keys: what was copied last, as checksums
Told = tuple[str, str, str, str]  # what, status, found, mend


@dataclass(frozen=True, slots=True)
class Copied:
    """What a run has written and what it has removed from the copy."""

    files: int
    removed: list[str]


def folder_of_keys(var: Path) -> Path:
    """Where the root key lies, and the laboratories' secrets below."""
    return Path(os.environ.get("DENTATOOL_ROOT_KEY_FILE") or var / "keys" / "root.key").parent


def copy_keys(keys: Path, to: Path) -> Copied:
    """Everything to another folder, readable for its owner alone; secrets that were destroyed go from it. Raises OSError."""
    if to.resolve() == keys.resolve() or keys.resolve() in to.resolve().parents:
        raise OSError(f"{to} ist der Ordner der Schlüssel selbst")
    (to / "labs").mkdir(mode=0o700, parents=True, exist_ok=True)
    files = list(_files(keys))
    for file in files:
        target = to / file.relative_to(keys)
        write_secret(target, file.read_text())
    removed = []
    for note in sorted((to / "labs").glob("*.destroyed")):
        if (old := note.with_suffix(".key")).exists():
            with old.open("r+b") as content:
                content.write(os.urandom(old.stat().st_size))
                content.flush()
                os.fsync(content.fileno())
            old.unlink()
            removed.append(old.name)
    memory = {"at": datetime.now(UTC).isoformat(), "files": _checksums(keys)}
    write_secret(keys / _MEMORY, json.dumps(memory))
    return Copied(len(files), removed)


def told(var: Path, *, production: bool) -> Iterator[Told]:
    """The doctor's finding. Only production has to have a copy."""
    what, keys = "Kopie der Schlüssel", folder_of_keys(var)
    mend = "dentatool keys copy --to ORDNER, etwa auf einem Stick; nicht zu den Sicherungen. Siehe docs/runbooks/schluessel.md."
    if not (keys / _MEMORY).exists():
        found = "noch keine: Geht der Rechner verloren, bleibt alles Versiegelte verschlossen"
        yield (what, "fehler", found, mend) if production else (what, "gut", "keine verlangt", "")
        return
    memory = json.loads((keys / _MEMORY).read_text())
    now, then = _checksums(keys), memory["files"]
    at = f"{datetime.fromisoformat(memory['at']).astimezone():%d.%m.%Y}"
    if lacking := [name for name, checksum in now.items() if then.get(name) != checksum]:
        found = f"die vom {at} ist veraltet, {len(lacking)} Dateien fehlen oder haben sich geändert"
        yield what, "fehler" if production else "warnung", found, mend
    else:
        yield what, "gut", f"vom {at}, auf dem Stand", ""


def _files(keys: Path) -> Iterator[Path]:
    for file in sorted([*keys.glob("*.key"), *(keys / "labs").glob("*")]):
        if file.suffix in (".key", ".destroyed") and file.is_file() and not file.is_symlink():
            yield file


def _checksums(keys: Path) -> dict[str, str]:
    return {str(file.relative_to(keys)): hashlib.sha256(file.read_bytes()).hexdigest() for file in _files(keys)}
