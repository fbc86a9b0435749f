"""The tooth chart as a form field: typed `14:krone 15-16:glied`, clicked, or walked with the arrow keys.

Without JavaScript it is one line of text. With it, chart and line show the same at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from dentatool.kit.tooth_chart import Chart
from dentatool.values.money import Unreadable
from dentatool.values.tooth import in_order, parse_teeth

# What a tooth can carry: the word that is typed, the word that is shown.
PARTS = (
    ("krone", "Krone"),
    ("anker", "Ankerkrone"),
    ("glied", "Brückenglied"),
    ("verblendung", "Verblendung"),
    ("teleskop", "Teleskopkrone"),
    ("inlay", "Inlay"),
    ("veneer", "Veneer"),
    ("stift", "Stiftaufbau"),
    ("implantat", "Implantat"),
    ("ersetzt", "Ersetzter Zahn"),
    ("klammer", "Klammer"),
    ("schiene", "Schiene"),
)
LONGEST = 800

Marked = dict[int, str]


class TeethWidget(forms.TextInput):
    """A text input with the chart above it, drawn by the server and brought to life by teeth.js."""

    template_name = "kit/teeth.html"

    def __init__(self, parts: Sequence[tuple[str, str]]) -> None:
        self.parts = parts
        super().__init__(
            attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": LONGEST, "data-teeth-text": ""}
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        try:
            marked = read_teeth(str(value or ""), dict(self.parts))
        except Unreadable:
            marked = {}
        return {**context, "parts": self.parts, "chart": Chart(marked, dict(self.parts))}


class TeethField(forms.Field):
    """Teeth and what each is to carry → `{14: "krone", 15: ""}` in the order of the chart. Empty: `{}`."""

    def __init__(self, *, parts: Sequence[tuple[str, str]] = PARTS, **kwargs: Any) -> None:
        self.parts = dict(parts)
        super().__init__(**{"widget": TeethWidget(parts), **kwargs})

    def to_python(self, value: Any) -> Marked:
        if value in (None, ""):
            return {}
        if isinstance(value, Mapping):
            return dict(value)
        if len(value) > LONGEST:
            raise ValidationError(
                "Die Liste der Zähne ist zu lang. Bitte Bereiche wie 14-16 verwenden.", code="unreadable"
            )
        try:
            return read_teeth(value, self.parts)
        except Unreadable as reason:
            raise ValidationError(str(reason), code="unreadable") from reason

    def prepare_value(self, value: Any) -> Any:
        return show_teeth(value) if isinstance(value, Mapping) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True


def read_teeth(text: str, parts: Mapping[str, str]) -> Marked:
    """`"14, 15-16:glied"` → `{16: "glied", 15: "glied", 14: ""}`.

    A part may be shortened as long as it stays unique. The last word on a tooth counts.
    :raises Unreadable: German message that names the wrong entry.
    """
    marked: Marked = {}
    for item in _items(text):
        teeth, _, part = item.partition(":")
        if not teeth:
            raise Unreadable(f"Vor „:{_short(part)}“ fehlt der Zahn. Bitte so schreiben: 14:krone.")
        marked.update(dict.fromkeys(parse_teeth(teeth), _part(part, parts)))
    return _ordered(marked)


def show_teeth(marked: Mapping[int, str]) -> str:
    """The text that reads back the same: `"16:glied 15:glied 14"`."""
    return " ".join(f"{tooth}:{part}" if part else str(tooth) for tooth, part in _ordered(marked).items())


def _ordered(marked: Mapping[int, str]) -> Marked:
    return {tooth: marked[tooth] for tooth in in_order(marked)}


def _items(text: str) -> Iterable[str]:
    spaced = text.replace(",", " ").replace(";", " ").replace("/", " ").replace("\0", "?")
    glued = " ".join(spaced.split())
    for dash in ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212"):
        glued = glued.replace(dash, "-")
    for sign in ("-", ":", "="):
        glued = glued.replace(f" {sign}", sign).replace(f"{sign} ", sign)
    return glued.replace("=", ":").split()


def _part(typed: str, parts: Mapping[str, str]) -> str:
    if not typed:
        return ""
    word = typed.casefold()
    found = [part for part, label in parts.items() if part.startswith(word) or label.casefold().startswith(word)]
    if word in parts:
        return word
    if len(found) != 1:
        raise Unreadable(f"„{_short(typed)}“ ist keine bekannte Versorgung. Möglich sind: {', '.join(parts)}.")
    return found[0]


def _short(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"
