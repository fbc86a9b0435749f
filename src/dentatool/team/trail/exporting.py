"""Taking the trail out: ordered on a page, written in the background, fetched once more by the same person.

Promise: only who may export gets it, freshly confirmed, and only for as long as that is so: the right is asked again
at every thousand entries and when the file is fetched. Sealed values stay sealed. No cell of the table is a formula
for a spreadsheet (OWASP ASVS 5.0, V1.2.10). The export leaves an entry with filter, number and checksum.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from dentatool.kit.changes import Change
from dentatool.kit.jobs import enqueue, job
from dentatool.protection.access import Permission
from dentatool.protection.access.standing import may
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.sealing import sealed_lines
from dentatool.team.trail.finding import Wanted, entries_of
from dentatool.team.trail.models import ExportState, TrailExport, TrailExportPart
from dentatool.team.trail.words import people_of_laboratory, readable

MOST_ENTRIES = 1_000_000
KEPT = timedelta(hours=24)
_BATCH = 1_000
_PIECE = 4_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
HEAD = (
    *("Zeitpunkt", "Person", "Art", "Was", "Handlung", "Änderung", "Netzadresse"),
    *("Datensatz", "Vorgang", "Eintrag"),
)


def order_export(wanted: Wanted, file_format: str, *, by: UUID) -> TrailExport:
    """Have the background write it. Whoever orders must be allowed to, and is asked again then."""
    ordered = TrailExport.objects.create(
        account_id=by, wanted=wanted, file_format=file_format, expires_at=timezone.now() + KEPT
    )
    enqueue("trail.export", export=str(ordered.pk))
    return ordered


def break_off_export(export: str) -> None:
    """It will not come: whoever ordered it may do nothing any more, or the work failed for good."""
    TrailExport.objects.filter(pk=export, state=ExportState.WAITING).update(state=ExportState.BROKEN_OFF)


@job("trail.export", given_up=break_off_export)
def write_export(export: str) -> None:
    """Write the file in parts and say so in the trail; refused when the person has lost the right in between."""
    ordered = TrailExport.objects.select_for_update().get(pk=export)
    if ordered.state != ExportState.WAITING:
        return
    sink = _Parts(ordered)
    if may(ordered.account_id, Permission.TRAIL_EXPORT):
        ordered.state = _write(ordered, sink)
    else:
        ordered.state = ExportState.REFUSED
    if ordered.state == ExportState.READY:
        ordered.sha256 = sink.finish()
        record_event(
            "trail.exported", ordered, account=ordered.account_id, entries=ordered.entries,
            format=ordered.file_format, sha256=ordered.sha256, **ordered.wanted,
        )  # fmt: skip
    else:
        ordered.parts.all().delete()
    ordered.save(update_fields=["state", "entries", "sha256"])


def file_of(ordered: TrailExport) -> bytes:
    """The whole file, as it was written."""
    return b"".join(part.content for part in ordered.parts.order_by("rank"))


def forget_exports() -> int:
    """Delete the files whose day is over; that there was an export stays in the trail."""
    return int(TrailExport.objects.filter(expires_at__lt=timezone.now()).delete()[0])


def _write(ordered: TrailExport, sink: "_Parts") -> ExportState:
    if ordered.file_format == "siegel":
        return _write_sealed(ordered, sink)
    people = people_of_laboratory()
    lines = _csv_lines if ordered.file_format == "csv" else _json_lines
    found = entries_of(ordered.wanted)[: MOST_ENTRIES + 1].iterator(_BATCH)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(_inner_name(ordered), "w") as file:
        for line in lines(_counted(found, ordered), people):
            file.write(line)
    return ExportState.READY if ordered.state == ExportState.WAITING else ExportState(ordered.state)


def _write_sealed(ordered: TrailExport, sink: "_Parts") -> ExportState:
    """The whole trail to the letter, so that everything can be computed anew elsewhere. Sealed values are ciphertext."""
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(_inner_name(ordered), "w") as file:
        for number, line in enumerate(sealed_lines()):
            if number % _BATCH == 0 and not may(ordered.account_id, Permission.TRAIL_EXPORT):
                return ExportState.REFUSED
            if number > MOST_ENTRIES:
                return ExportState.TOO_LARGE
            ordered.entries = number  # the first line is about the file
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return ExportState.READY


def _counted(found: Iterator[Entry], ordered: TrailExport) -> Iterator[Entry]:
    """Every entry, while the person may have them; says in `ordered.state` why it stopped."""
    for entry in found:
        if ordered.entries % _BATCH == 0 and not may(ordered.account_id, Permission.TRAIL_EXPORT):
            ordered.state = ExportState.REFUSED
            return
        if ordered.entries == MOST_ENTRIES:
            ordered.state = ExportState.TOO_LARGE
            return
        ordered.entries += 1
        yield entry


def _inner_name(ordered: TrailExport) -> str:
    ending = {"siegel": "siegel.jsonl"}.get(ordered.file_format, ordered.file_format)
    return f"protokoll-{timezone.localdate():%Y-%m-%d}.{ending}"


def _csv_lines(entries: Iterator[Entry], people: dict[UUID, str]) -> Iterator[bytes]:
    """Semicolons and a byte order mark: a double click opens it in a German spreadsheet."""
    yield b"\xef\xbb\xbf" + _line(HEAD)
    for entry in entries:
        (row,) = readable([entry], people)
        yield _line((
            timezone.localtime(entry.at).isoformat(timespec="milliseconds"), row["person"], row["topic"], row["what"],
            row["action"], "; ".join(_told(change) for change in row["changes"]), entry.origin, entry.record_id or "",
            entry.request_id, entry.pk,
        ))  # fmt: skip


def _told(change: Change) -> str:
    return f"{change.label}: {change.old} → {change.new}" if change.old != "" else f"{change.label}: {change.new}"


def _line(cells: tuple[Any, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(harmless(c) for c in cells)
    return text.getvalue().encode()


def harmless(cell: Any) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before what could begin one."""
    text = str(cell)
    return f"'{text}" if text.lstrip(" '\"").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _json_lines(entries: Iterator[Entry], people: dict[UUID, str]) -> Iterator[bytes]:
    for entry in entries:
        told = {
            "id": entry.pk, "at": entry.at.isoformat(), "actor_id": entry.actor_id,
            "actor": people.get(entry.actor_id) if entry.actor_id else None, "mode": entry.mode, "origin": entry.origin,
            "request_id": entry.request_id, "kind": entry.kind, "what": entry.what, "record_id": entry.record_id,
            "action": entry.action, "changes": _without_ciphertext(entry.changes),
        }  # fmt: skip
        yield json.dumps(told, default=str, ensure_ascii=False).encode() + b"\n"


def _without_ciphertext(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_ciphertext(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_ciphertext(item) for item in value]
    return "versiegelt" if isinstance(value, str) and value.startswith("\\x") and value != "\\x" else value


class _Parts(io.RawIOBase):
    """A file that is only written to: its pieces become sealed rows, and it hashes what goes by."""

    def __init__(self, ordered: TrailExport) -> None:
        super().__init__()
        self._ordered, self._rank = ordered, 0
        self._held = bytearray()
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._held += piece
        if len(self._held) >= _PIECE:
            self._put_down()
        return len(piece)

    def finish(self) -> str:
        """Put down the rest; the checksum of the whole."""
        self._put_down()
        return self._hash.hexdigest()

    def _put_down(self) -> None:
        if self._held:
            self._hash.update(self._held)
            TrailExportPart.objects.create(export=self._ordered, rank=self._rank, content=bytes(self._held))
            self._rank, self._held = self._rank + 1, bytearray()


def exports_of(account: UUID) -> list[TrailExport]:
    """What this person ordered lately, newest first."""
    return list(
        TrailExport.objects.filter(account_id=account, expires_at__gt=timezone.now()).order_by("-created_at")[:10]
    )
