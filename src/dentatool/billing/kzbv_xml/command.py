"""``dentatool xml check FILE…``: check files on the command line."""

from __future__ import annotations

import json as json_format
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path

from dentatool.billing.kzbv_xml.checking import check
from dentatool.billing.kzbv_xml.reading import LARGEST_BYTES
from dentatool.billing.kzbv_xml.report import Finding, Report

_LABELS = {"schema": "SCHEMA", "regel": "REGEL", "warnung": "Warnung"}


def main_check(paths: Iterable[str | PathLike[str]], json: bool = False) -> int:
    """Print what was found in each file and give the exit code: 0 when a practice can import all of them, else 1."""
    reports = _with_doubles([_report(Path(path)) for path in paths])
    text = json_format.dumps([report.as_json() for report in reports], ensure_ascii=False, indent=2) if json else None
    sys.stdout.write(f"{text or chr(10).join(_lines(reports))}\n")
    return 0 if reports and all(report.is_valid for report in reports) else 1


def _report(path: Path) -> Report:
    try:
        if path.is_dir():
            return _unreadable(path, "ist ein Ordner. Bitte die Dateien darin angeben.")
        with path.open("rb") as file:
            return check(str(path), file.read(LARGEST_BYTES + 1))
    except FileNotFoundError:
        return _unreadable(path, "gibt es nicht. Bitte Name und Ordner prüfen.")
    except (OSError, ValueError):
        return _unreadable(path, "kann nicht gelesen werden. Bitte die Zugriffsrechte prüfen.")


def _with_doubles(reports: list[Report]) -> list[Report]:
    """A practice overwrites by order number, so two files of one number must not be sent together."""
    counts = Counter(Path(report.file_name).name for report in reports)
    message = "Diese Auftragsnummer kommt mehrmals vor. Bitte nur die gültige Rechnung an die Praxis geben."
    double = Finding("warnung", "doppelt", message)
    return [
        replace(report, findings=(*report.findings, double)) if counts[Path(report.file_name).name] > 1 else report
        for report in reports
    ]


def _unreadable(path: Path, why: str) -> Report:
    return Report(str(path), (Finding("schema", "datei", f"Die Datei {why}"),))


def _lines(reports: list[Report]) -> Iterator[str]:
    if not reports:
        yield "Bitte mindestens eine Datei angeben."
    for report in reports:
        yield f"{report.file_name}: {'in Ordnung' if report.is_valid else 'nicht in Ordnung'}"
        for finding in report.findings:
            yield f"  {_LABELS[finding.layer]}  {finding}"
