"""What a service chain can count on an order: variables for its quantity formulas, from the teeth that are marked.

Pure. `versandgaenge` comes from the person, everything else from the chart; each may be overruled when applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

# German as in the formulas that laboratories write.
LABELS: Final = {
    "kronen": "Kronen",
    "anker": "Ankerkronen",
    "glieder": "Brückenglieder",
    "verblendungen": "Verblendungen",
    "pfeiler": "Pfeiler (Teleskope)",
    "stifte": "Stiftaufbauten",
    "zaehne": "Ersetzte Zähne",
    "klammern": "Klammern",
    "versandgaenge": "Versandgänge",
}
_PARTS_OF: Final = {
    "kronen": ("krone", "anker"),
    "anker": ("anker",),
    "glieder": ("glied",),
    "pfeiler": ("teleskop",),
    "stifte": ("stift",),
    "zaehne": ("ersetzt",),
    "klammern": ("klammer",),
}


def variables_of(marked: Mapping[int, str], *, shipments: int = 1) -> dict[str, int]:
    """Counts by variable. Beside a pontic crowns are abutments; a tooth without a word is a crown."""
    parts = Counter(part or "krone" for part in marked.values())
    counts = {name: sum(parts[part] for part in found) for name, found in _PARTS_OF.items()}
    if not counts["anker"] and counts["glieder"]:
        counts["anker"] = parts["krone"]
    counts["verblendungen"] = parts["verblendung"] or counts["kronen"] + counts["glieder"]
    if not counts["zaehne"] and not counts["klammern"]:
        counts["zaehne"] = len(marked)
    return {**{name: counts[name] for name in LABELS if name in counts}, "versandgaenge": shipments}
