"""What a value may look like in JSON: its description and how it is read, in one place.

A form's field decides what is right (the same form as on the pages). Here stands only how its value travels: money as
whole cents, quantities as whole thousandths, days as ISO dates. Whoever sends another kind of value is told so.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms

from dentatool.kit.forms import DateField, MoneyField, PermilleField, QuantityField, TeethField, TypedField
from dentatool.values.days import format_day

LONGEST = 10_000
LARGEST = 2_147_483_647  # what an integer column holds
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"-?[0-9]{1,10}")
_TOOTH = "^([1-4][1-8]|[5-8][1-5])$"

Schema = dict[str, Any]


class Unfit(ValueError):
    """The value is of another kind; the message is German."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. `read` takes JSON and gives what a form's field reads; null only where `is_nullable`."""

    schema: Schema
    from_json: Callable[[Any], Any]
    is_nullable: bool = False

    def read(self, value: Any) -> Any:
        """:raises Unfit:"""
        if value is None:
            if self.is_nullable:
                return None
            raise Unfit("Hier muss ein Wert stehen, null ist nicht möglich.")
        return self.from_json(value)

    def read_text(self, text: str) -> Any:
        """The same from a query string."""
        wanted = self.schema["type"]
        if "integer" in wanted:
            return self.read(int(text) if _WHOLE.fullmatch(text) else text)
        if wanted == "boolean":
            return self.read({"true": True, "false": False}.get(text, text))
        return self.read(text)

    def described(self) -> Schema:
        """The JSON Schema; null is one more type or one more choice."""
        if not self.is_nullable:
            return self.schema
        made = {**self.schema, "type": [self.schema["type"], "null"]}
        return {**made, "enum": [*made["enum"], None]} if "enum" in made else made


def text(*, most: int = LONGEST, least: int = 0) -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Unfit("Hier muss Text stehen.")
        if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            raise Unfit("Der Text enthält ein unzulässiges Zeichen.")
        if len(value) > most:
            raise Unfit(f"Bitte höchstens {most} Zeichen angeben (jetzt sind es {len(value)}).")
        if len(value) < least:
            raise Unfit("Bitte etwas angeben.")
        return value

    return Kind({"type": "string", **({"minLength": least} if least else {}), "maxLength": most}, read)


def integer(*, least: int = -LARGEST, most: int = LARGEST, is_nullable: bool = False) -> Kind:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value % 1:
            raise Unfit("Hier muss eine ganze Zahl stehen.")
        if not least <= value <= most:
            raise Unfit(f"Die Zahl muss zwischen {least} und {most} liegen.")
        return int(value)

    return Kind({"type": "integer", "minimum": least, "maximum": most}, read, is_nullable)


def flag() -> Kind:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Unfit("Hier muss true oder false stehen.")
        return value

    return Kind({"type": "boolean"}, read)


def day(*, is_nullable: bool = False) -> Kind:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise Unfit("Hier muss ein Tag stehen, z. B. 2026-11-23.")
        try:
            return format_day(date.fromisoformat(value))  # as people write it: the field's own rules apply
        except ValueError:
            raise Unfit("Diesen Tag gibt es nicht.") from None

    return Kind({"type": "string", "format": "date"}, read, is_nullable)


def identifier(*, is_nullable: bool = False) -> Kind:
    def read(value: Any) -> UUID:
        if not isinstance(value, str) or not _UUID.fullmatch(value):
            raise Unfit("Hier muss eine Kennung (UUID) stehen.")
        return UUID(value)

    return Kind({"type": "string", "format": "uuid"}, read, is_nullable)


def choice(values: Iterable[Any], *, is_nullable: bool = False) -> Kind:
    offered = list(values)

    def read(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in offered:
            raise Unfit(f"Möglich sind: {', '.join(str(each) or '„“' for each in offered)}.")
        return str(value)

    kind = "integer" if offered and all(isinstance(each, int) for each in offered) else "string"
    return Kind({"type": kind, "enum": offered}, read, is_nullable)


def teeth(parts: Iterable[str]) -> Kind:
    """`{"14": "krone", "15": ""}`; read as it is typed, so that the field's own rules apply."""
    known = ["", *parts]

    def read(value: Any) -> str:
        if not isinstance(value, dict):
            raise Unfit('Hier müssen Zähne stehen, z. B. {"14": "krone"}.')
        for tooth, part in value.items():
            if not re.fullmatch(_TOOTH, tooth):
                raise Unfit(f"„{tooth[:20]}“ ist kein Zahn (FDI 11 bis 48, 51 bis 85).")
            if not isinstance(part, str) or part not in known:
                raise Unfit(f"Zahn {tooth}: Möglich sind: {', '.join(known[1:])} oder nichts.")
        return " ".join(f"{tooth}:{part}" if part else tooth for tooth, part in value.items())

    schema = {
        "type": "object",
        "propertyNames": {"pattern": _TOOTH},
        "additionalProperties": {"type": "string", "enum": known},
    }
    return Kind(schema, read)


def ids(*, most: int) -> Kind:
    """A list of ids, each once."""
    one = identifier()

    def read(value: Any) -> list[UUID]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise Unfit(f"Hier müssen 1 bis {most} Kennungen stehen.")
        found = [one.read(each) for each in value]
        if len(set(found)) < len(found):
            raise Unfit("Eine Kennung steht hier zweimal.")
        return found

    return Kind({"type": "array", "items": one.schema, "minItems": 1, "maxItems": most, "uniqueItems": True}, read)


def counts(names: Mapping[str, str], *, most: int = 99) -> Kind:
    """Whole numbers by name."""
    one = integer(least=0, most=most)

    def read(value: Any) -> dict[str, int]:
        if not isinstance(value, dict):
            raise Unfit("Hier müssen Zahlen mit Namen stehen.")
        if unknown := sorted(value.keys() - names.keys()):
            raise Unfit(f"„{unknown[0][:40]}“ gibt es nicht. Möglich sind: {', '.join(names)}.")
        return {name: one.read(count) for name, count in value.items()}

    properties = {name: {**one.schema, "description": label} for name, label in names.items()}
    return Kind({"type": "object", "properties": properties, "additionalProperties": False}, read)


def kind_of(name: str, field: forms.Field) -> Kind:
    """How the value of a form's field travels in JSON."""
    nullable = not field.required
    if isinstance(field, TeethField):
        return teeth(field.parts)
    if isinstance(field, DateField):
        return day(is_nullable=nullable)
    if isinstance(field, MoneyField | QuantityField | PermilleField):
        return integer(**_bounds(field), is_nullable=nullable)
    assert not isinstance(field, TypedField), f"{name}: how does this kind of value travel in JSON?"
    if isinstance(field, forms.BooleanField):
        return flag()
    if isinstance(field, forms.UUIDField | forms.ModelChoiceField):
        return identifier(is_nullable=nullable)
    if isinstance(field, forms.IntegerField):
        return integer(**_bounds(field), is_nullable=nullable)
    if isinstance(field, forms.ChoiceField):
        return _chosen(name, field)
    return text(most=getattr(field, "max_length", None) or LONGEST, least=1 if field.required else 0)


def _bounds(field: Any) -> dict[str, int]:
    least, most = field.min_value, field.max_value
    return {"least": -LARGEST if least is None else least, "most": LARGEST if most is None else most}


def _chosen(name: str, field: forms.ChoiceField) -> Kind:
    if name.endswith("_permille"):  # a number to programs, a word to people
        rates = [int(key) for key, _label in field.choices if key != ""]
        return choice(rates, is_nullable=not field.required) if rates else integer(least=0, most=999)
    keys = [str(key) for key, _label in field.choices if not (field.required and key == "")]
    return choice(keys if field.required or "" in keys else ["", *keys])
