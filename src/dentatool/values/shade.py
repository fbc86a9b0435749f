"""Tooth shades: the two usual shade guides by their names, everything else as free text."""

from __future__ import annotations

import re
from typing import Final

VITA_CLASSICAL: Final = (
    *("A1", "A2", "A3", "A3,5", "A4"),
    *("B1", "B2", "B3", "B4"),
    *("C1", "C2", "C3", "C4"),
    *("D2", "D3", "D4"),
)
VITA_3D_MASTER: Final = (
    *("0M1", "0M2", "0M3"),
    *("1M1", "1M2"),
    *("2L1,5", "2L2,5", "2M1", "2M2", "2M3", "2R1,5", "2R2,5"),
    *("3L1,5", "3L2,5", "3M1", "3M2", "3M3", "3R1,5", "3R2,5"),
    *("4L1,5", "4L2,5", "4M1", "4M2", "4M3", "4R1,5", "4R2,5"),
    *("5M1", "5M2", "5M3"),
)
KNOWN: Final = (*VITA_CLASSICAL, *VITA_3D_MASTER)

_BY_KEY: Final = {shade.replace(",", ""): shade for shade in KNOWN}


def normalise_shade(text: str) -> str:
    """Known shades in their usual spelling (``"vita a 3.5"`` → ``"A3,5"``), free text only trimmed.

    Never refuses: bleaching shades, ivory numbers and ``"A3 zervikal dunkler"`` are what dentists write.
    """
    trimmed = " ".join(text.split())
    bare = re.sub(r"\A(?:VITA(?:PAN)?)?(?:CLASSICAL|3D-?MASTER)?", "", trimmed.upper().replace(" ", ""))
    return _BY_KEY.get(re.sub(r"[.,]", "", bare), trimmed)


def is_known_shade(text: str) -> bool:
    """Whether the text names a shade of one of the two guides."""
    return normalise_shade(text) in KNOWN


def shade_guide(text: str) -> str:
    """Name of the guide the shade belongs to, empty for free text."""
    shade = normalise_shade(text)
    if shade in VITA_CLASSICAL:
        return "VITA classical"
    return "VITA 3D-Master" if shade in VITA_3D_MASTER else ""
