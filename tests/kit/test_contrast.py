"""Text is readable and controls are visible in both schemes (WCAG 2.2, 1.4.3 and 1.4.11), computed from the tokens."""

import re
from pathlib import Path

import pytest

import dentatool.kit

TOKENS = Path(dentatool.kit.__file__).parent / "static" / "kit" / "css" / "tokens.css"
TEXT_ON = [
    *(
        (text, ground)
        for text in ("ink", "ink-soft", "ink-faint", "accent")
        for ground in ("ground", "surface", "raised")
    ),
    *((text, "sunken") for text in ("ink", "ink-soft", "ink-faint")),
    *((text, "hover") for text in ("ink", "ink-soft", "ink-faint", "accent")),
    ("accent-strong", "accent-wash"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    *((tone, f"{tone}-wash") for tone in ("good", "warn", "bad")),
    *((tone, "surface") for tone in ("good", "warn", "bad")),
]
SHAPES_ON = [
    ("line-strong", "surface"),
    ("line-strong", "ground"),
    ("focus", "ground"),
    ("focus", "surface"),
    ("accent", "ground"),
]


def colours(scheme: int) -> dict[str, str]:
    return {
        name: pair[scheme]
        for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS.read_text())
    }


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_a_contrast_of_at_least_4_5(scheme):
    found = colours(scheme)

    assert {
        pair: round(ratio, 2) for pair in TEXT_ON if (ratio := contrast(found[pair[0]], found[pair[1]])) < 4.5
    } == {}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_borders_of_controls_and_the_focus_have_a_contrast_of_at_least_3(scheme):
    found = colours(scheme)

    assert {
        pair: round(ratio, 2) for pair in SHAPES_ON if (ratio := contrast(found[pair[0]], found[pair[1]])) < 3
    } == {}
