"""Reads advisories in OSV format: a file (one record, a list, `vulns`), a folder of files, or a zip of them.

Strict: what is not wholly usable is not used, since the part that was lost might be the one that concerns us. Records pass
by one at a time; a zip of a whole ecosystem never is in memory.
"""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LARGEST_FILE, LARGEST_RECORD, LARGEST_WHOLE = 64_000_000, 8_000_000, 4_000_000_000
_MOST_RECORDS = 2_000_000
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


class Unusable(ValueError):
    """Advisories that cannot be used. The message is for people."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One record, as far as everyone needs it; `facts` is the whole."""

    id: str
    names: frozenset[str]
    modified: datetime
    published: datetime | None
    facts: dict[str, Any]

    @property
    def affected(self) -> list[dict[str, Any]]:
        """What it concerns."""
        found: list[dict[str, Any]] = self.facts.get("affected") or []
        return found

    @property
    def is_withdrawn(self) -> bool:
        """Taken back by whoever published it."""
        return bool(self.facts.get("withdrawn"))


def read(source: Path) -> Iterator[Advisory]:
    """The advisories of a file, a folder or a zip. Raises Unusable, also in the middle."""
    count = 0
    try:
        for where, text in _texts(source):
            for record in _records(where, text):
                count += 1
                yield record
    except OSError as error:
        raise Unusable(f"{source}: lässt sich nicht lesen ({error.strerror or type(error).__name__}).") from error
    if count == 0:
        raise Unusable(f"{source}: enthält keine einzige Meldung.")


def read_download(name: str, body: bytes) -> Iterator[Advisory]:
    """The same for what was downloaded."""
    count = 0
    for where, text in _unpacked(name, io.BytesIO(body)) if _is_zip(body) else [(name, body)]:
        for record in _records(where, text):
            count += 1
            yield record
    if count == 0:
        raise Unusable(f"{name}: enthält keine einzige Meldung.")


def _texts(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for folder, _folders, files in os.walk(source):
            for name in sorted(files):
                if name.endswith(".json") and (Path(folder) / name).is_file():
                    yield from _texts(Path(folder) / name)
        return
    if not source.is_file():
        raise Unusable(f"{source}: Diese Datei gibt es nicht.")
    with source.open("rb") as file:
        if _is_zip(file.read(4)):
            yield from _unpacked(str(source), source)
            return
        file.seek(0)
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise Unusable(f"{source}: größer als {LARGEST_FILE // 1_000_000} MB. Geben Sie die Meldungen als ZIP an.")
    yield str(source), text


def _is_zip(begin: bytes) -> bool:
    return begin[:4] in (_ZIP, _EMPTY_ZIP)


def _unpacked(name: str, archive: Path | io.BytesIO) -> Iterator[tuple[str, bytes]]:
    """The records of a zip. Sizes are counted as they are read: what the zip says of itself may be a lie."""
    whole = 0
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if each.filename.endswith(".json")]
            if len(members) > _MOST_RECORDS:
                raise Unusable(f"{name}: mehr als {_MOST_RECORDS} Dateien in einem ZIP.")
            for member in members:
                with opened.open(member) as file:
                    text = file.read(LARGEST_RECORD + 1)
                whole += len(text)
                if len(text) > LARGEST_RECORD or whole > LARGEST_WHOLE:
                    raise Unusable(
                        f"{name}: entpackt unglaubhaft groß ({member.filename}). Die Datei wird nicht benutzt."
                    )
                yield f"{name}, {member.filename}", text
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise Unusable(f"{name}: kein heiles ZIP ({type(error).__name__}).") from error


def _records(where: str, text: bytes) -> Iterator[Advisory]:
    try:
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise Unusable(f"{where}: nicht in UTF-8 geschrieben.") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"{where}: kein JSON, oder abgeschnitten.") from error
    if isinstance(found, dict):
        found = found.get("vulns", [found])
    if not isinstance(found, list):
        raise Unusable(f"{where}: keine Meldungen im OSV-Format.")
    for number, facts in enumerate(found, 1):
        yield _advisory(f"{where}, Meldung {number}", facts)


def _advisory(where: str, facts: Any) -> Advisory:
    if not isinstance(facts, dict) or not isinstance(facts.get("id"), str) or not facts["id"]:
        raise Unusable(f"{where}: keine Meldung im OSV-Format (ohne „id“).")
    aliases = facts.get("aliases") or []
    if not isinstance(aliases, list) or not all(isinstance(each, str) for each in aliases):
        raise Unusable(f"{where} ({facts['id']}): „aliases“ ist nicht, wie OSV es vorschreibt.")
    affected = _list(facts, "affected")
    if affected is None or not all(_is_as_prescribed(each) for each in affected):
        raise Unusable(f"{where} ({facts['id']}): „affected“ ist nicht, wie OSV es vorschreibt.")
    modified = _moment(facts.get("modified"))
    if modified is None:
        raise Unusable(
            f"{where} ({facts['id']}): ohne lesbares „modified“; so ist nicht zu sagen, wie alt die Daten sind."
        )
    return Advisory(facts["id"], frozenset([facts["id"], *aliases]), modified, _moment(facts.get("published")), facts)


def _is_as_prescribed(affected: Any) -> bool:
    """So that nobody after us has to ask what kind of thing a part is."""
    if not isinstance(affected, dict) or not isinstance(affected.get("package") or {}, dict):
        return False
    parts, versions = _list(affected, "ranges"), _list(affected, "versions")
    if parts is None or versions is None or not all(isinstance(part, dict) for part in parts):
        return False
    events = [_list(part, "events") for part in parts]
    return all(each is not None and all(isinstance(event, dict) for event in each) for each in events)


def _list(facts: dict[str, Any], name: str) -> list[Any] | None:
    """Empty where it is missing; None where it is something else."""
    found = facts.get(name) or []
    return found if isinstance(found, list) else None


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
