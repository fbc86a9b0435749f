"""What a check found, in German, for people at a desk and on the telephone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Layer = Literal["schema", "regel", "warnung"]
LAYERS: Final[tuple[Layer, ...]] = ("schema", "regel", "warnung")
MOST_FINDINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``schema``: the official schema refuses it; ``regel``: a rule of the trade; ``warnung``: a hint.

    ``rule`` is a short stable name, ``line`` the line in the file; group and position count from 1.
    """

    layer: Layer
    rule: str
    message: str
    line: int | None = None
    group: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        places = [("Zeile", self.line), ("Gruppe", self.group), ("Position", self.position)]
        where = ", ".join(f"{name} {number}" for name, number in places if number)
        return f"{where}: {self.message}" if where else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on one file, worst layer first; at most ``MOST_FINDINGS``, then one that counts the rest."""

    file_name: str
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_valid(self) -> bool:
        """Whether a practice can import the file: nothing but warnings was found."""
        return all(finding.layer == "warnung" for finding in self.findings)

    @property
    def layer(self) -> Layer | None:
        """The worst layer that found something."""
        return self.findings[0].layer if self.findings else None

    def as_json(self) -> dict[str, Any]:
        return {
            "datei": self.file_name,
            "gueltig": self.is_valid,
            "befunde": [
                {
                    "schicht": finding.layer,
                    "regel": finding.rule,
                    "meldung": finding.message,
                    "zeile": finding.line,
                    "gruppe": finding.group,
                    "position": finding.position,
                }
                for finding in self.findings
            ],
        }


def report_of(file_name: str, findings: list[Finding]) -> Report:
    """Order the findings by layer and cut a flood of them short."""
    ordered = sorted(findings, key=lambda finding: LAYERS.index(finding.layer))
    if len(ordered) > MOST_FINDINGS:
        rest = len(ordered) - MOST_FINDINGS
        ordered = [*ordered[:MOST_FINDINGS], Finding("warnung", "mehr", f"… und {rest} weitere Befunde.")]
    return Report(file_name, tuple(ordered))


class Refused(Exception):
    """The invoice cannot become a file, or the file no invoice; ``str()`` is German, ``findings`` tells each reason."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__(" ".join(str(finding) for finding in findings))
