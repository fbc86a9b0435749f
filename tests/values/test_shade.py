"""Shades: known ones in one spelling, everything else as the dentist wrote it."""

from __future__ import annotations

import pytest

from dentatool.values.shade import KNOWN, is_known_shade, normalise_shade, shade_guide


@pytest.mark.parametrize(
    ("typed", "shade", "guide"),
    [
        ("a3", "A3", "VITA classical"),
        ("A 3.5", "A3,5", "VITA classical"),
        ("a35", "A3,5", "VITA classical"),
        ("Vita b2", "B2", "VITA classical"),
        ("2l1.5", "2L1,5", "VITA 3D-Master"),
        ("VITA 3D-Master 3m2", "3M2", "VITA 3D-Master"),
        ("  A3  zervikal dunkler ", "A3 zervikal dunkler", ""),
        ("BL2", "BL2", ""),
        ("", "", ""),
    ],
)
def test_shades_are_recognised_or_left_alone(typed: str, shade: str, guide: str) -> None:
    assert normalise_shade(typed) == shade
    assert shade_guide(typed) == guide
    assert is_known_shade(typed) == bool(guide)


def test_the_guides_have_16_and_29_shades() -> None:
    assert len(set(KNOWN)) == 45
