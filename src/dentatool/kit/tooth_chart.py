"""Drawing the tooth chart: which tooth stands where, in which outline. No HTML, no request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dentatool.values.tooth import LOWER, LOWER_MILK, UPPER, UPPER_MILK, tooth_name

# Outlines of crown and root for a tooth of the upper jaw in a box as wide as stated and 72 high, crown below.
_MOLAR = (
    "M5 44C3.5 52 3.5 62 7 66q3.5 4 6 0q3.5 3 7 0q3.5 3 6 0q3.5 4 6 0c3.5-4 3.5-14 2-22z",
    "M6 44C6 30 7 14 9.5 8q1.8-3 3.5 1c1.7 8 2.6 16 4.3 22q1.7 4 3.5 0c1.7-6 2.6-14 4.3-22"
    "q1.8-4 3.5-1c2.6 6 3.4 22 3.4 36z",
)
_PREMOLAR = (
    "M5 44C3 53 4 62 8 66q4 3 8 0q4 3 8 0c4-4 5-13 3-22z",
    "M6 44C7 30 10 14 13 8q3-4 6 0c3 6 6 22 7 36z",
)
_CANINE = (
    "M5 44C3 54 6 60 14 69q1 1 2 0C24 60 27 54 25 44z",
    "M6 44C7 28 10 12 13 4q2-4 4 0c3 8 6 24 7 40z",
)
_INCISOR = (
    "M6 44C4 54 4 62 5 67q9 3 18 0c1-5 1-13-1-23z",
    "M7 44C8 30 11 16 12 10q2-4 4 0c1 6 4 20 5 34z",
)
_SHAPES = {1: _INCISOR, 2: _INCISOR, 3: _CANINE, 4: _PREMOLAR, 5: _PREMOLAR, 6: _MOLAR, 7: _MOLAR, 8: _MOLAR}
_WIDTHS = {1: 28, 2: 28, 3: 30, 4: 32, 5: 32, 6: 40, 7: 40, 8: 40}
# Milk molars stand where premolars will, in the outline of molars.
_MILK_SHAPES, _MILK_WIDTHS = {**_SHAPES, 4: _MOLAR, 5: _MOLAR}, {**_WIDTHS, 4: 40, 5: 40}

GAP, MIDDLE = 2, 12
HEIGHT, LABEL = 72, 18
WIDTH = 2 * sum(_WIDTHS.values()) + 14 * GAP + MIDDLE


@dataclass(frozen=True, slots=True)
class DrawnTooth:
    """One tooth at its place. `mark` is the letter on its crown."""

    number: int
    name: str
    part: str
    mark: str
    x: int
    width: int
    crown: str
    root: str
    is_lower: bool

    @property
    def half(self) -> int:
        return self.width // 2


class Chart:
    """Both jaws, with what each marked tooth carries."""

    width = WIDTH
    height = 2 * (HEIGHT + LABEL) + 16

    def __init__(self, marked: Mapping[int, str], parts: Mapping[str, str]) -> None:
        self.marked, self.parts = marked, parts
        self.marks = marks_of(parts)

    @property
    def has_milk(self) -> bool:
        return any(tooth > 50 for tooth in self.marked)

    @property
    def permanent(self) -> list[DrawnTooth]:
        return [*self._row(UPPER), *self._row(LOWER)]

    @property
    def milk(self) -> list[DrawnTooth]:
        return [*self._row(UPPER_MILK), *self._row(LOWER_MILK)]

    @property
    def in_words(self) -> str:
        """For screen readers and for charts that cannot be clicked."""
        words = (f"{tooth} {self.parts.get(part, '')}".strip() for tooth, part in self.marked.items())
        return ", ".join(words) or "kein Zahn"

    def _row(self, teeth: tuple[int, ...]) -> Iterator[DrawnTooth]:
        is_milk = teeth[0] > 50
        widths, shapes = (_MILK_WIDTHS, _MILK_SHAPES) if is_milk else (_WIDTHS, _SHAPES)
        total = sum(widths[tooth % 10] for tooth in teeth) + (len(teeth) - 2) * GAP + MIDDLE
        x = (WIDTH - total) // 2
        for place, tooth in enumerate(teeth):
            if place:
                x += MIDDLE if place == len(teeth) // 2 else GAP
            width = widths[tooth % 10]
            crown, root = shapes[tooth % 10]
            part = self.marked.get(tooth)
            words = (
                f"{tooth_name(tooth)}: {self.parts.get(part, '') or 'markiert'}"
                if part is not None
                else tooth_name(tooth)
            )
            yield DrawnTooth(
                tooth, words, "" if part is None else part or "-", self.marks.get(part or "", ""),
                x, width, crown, root, teeth in (LOWER, LOWER_MILK),
            )  # fmt: skip
            x += width


def marks_of(parts: Mapping[str, str]) -> dict[str, str]:
    """A letter or two for each part: never colour alone (WCAG 1.4.1)."""
    marks: dict[str, str] = {}
    for part, label in parts.items():
        short = label[0].upper()
        marks[part] = short if short not in marks.values() else label[:2].capitalize()
    return marks
