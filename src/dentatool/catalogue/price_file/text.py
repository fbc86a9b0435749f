"""From the bytes of a price file to its lines: what is no text is refused, old code pages are recognised."""

from __future__ import annotations

from typing import Final

from dentatool.catalogue.bel import services
from dentatool.catalogue.price_file.model import PriceFileError

MOST_BYTES: Final = 1_000_000  # real files have 7 to 20 kB
MOST_LINES: Final = 5_000

Row = tuple[int, list[str]]  # line in the file, cells


def rows_of(data: bytes) -> tuple[list[Row], str, str]:
    """The lines that say something, cut at the semicolons; the whole text; the encoding's name."""
    _refuse_what_is_no_text(data)
    text, encoding = _decode(data)
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip(" ;\t\ufeff\x1a")]
    if len(lines) > MOST_LINES:
        raise PriceFileError(
            f"Die Datei hat {len(lines)} Zeilen; eine Preisliste hat etwa 175. Bitte die richtige Datei wählen."
        )
    return [(place, [cell.strip() for cell in line.split(";")]) for place, line in lines], text, encoding


def _refuse_what_is_no_text(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise PriceFileError(f"Die Datei ist größer als {MOST_BYTES // 1000} kB. Eine Preisliste hat etwa 20 kB.")
    start = data.lstrip()[:200].lower()
    if not start:
        raise PriceFileError("Die Datei ist leer.")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise PriceFileError(
            "Das ist eine Excel-Datei. Bitte in Excel als CSV mit Semikolon speichern und noch einmal einlesen."
        )
    if data.startswith(b"%PDF"):
        raise PriceFileError("Das ist ein PDF. Bitte die CSV-Datei der KZV einlesen.")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise PriceFileError("Das ist eine Internetseite, keine Preisliste. Bitte die CSV-Datei selbst herunterladen.")
    if b"\0" in data:
        raise PriceFileError("Die Datei ist kein Text (oder UTF-16). Bitte als CSV in ANSI oder UTF-8 speichern.")


def _decode(data: bytes) -> tuple[str, str]:
    """UTF-8 if it is; else the old code page in which most short texts read like the official ones."""
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    official = {_exact(service.short_text) for service in services().values()}
    candidates = []
    for codec, label in (("cp1252", "Windows-1252"), ("cp850", "DOS (cp850)")):
        text = data.decode(codec, errors="replace")
        cells = (_exact(cell) for line in text.splitlines() for cell in line.split(";"))
        candidates.append((sum(cell in official for cell in cells), text.count("\ufffd"), text, label))
    _hits, broken, text, label = max(candidates, key=lambda found: (found[0], -found[1]))
    if broken:
        raise PriceFileError("Die Zeichen der Datei sind nicht lesbar. Bitte als CSV in ANSI oder UTF-8 speichern.")
    return text, label


def _exact(text: str) -> str:
    return " ".join(text.split())
