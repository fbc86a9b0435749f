"""What an operation takes: JSON whose fields are those of a form of the pages. One rule book for both."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest

from dentatool.api.kinds import Kind, Schema, Unfit, kind_of
from dentatool.api.refusals import Malformed, NoJson, TooLarge, Unfitting
from dentatool.protection.audit.refusals import note_refusal

MOST_BYTES = 2_000_000
_READ = ("application/json", "application/merge-patch+json")
WHOLE = ""  # pointer to the whole of what was sent


@dataclass(frozen=True)
class Body:
    """The JSON object of an operation.

    `form`: whose fields it has. `names`: names in JSON that differ from the form's. `more`: fields that no form has.
    `needs`: those of `more` that must be there.
    """

    title: str
    form: type[forms.BaseForm] | None = None
    without: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Kind] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    told_at: Mapping[str, str] = field(
        default_factory=dict
    )  # form field without a name in JSON → where its error belongs
    is_change: bool = False

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Name in JSON → kind."""
        own = {
            self.json_name(name): kind_of(name, each)
            for name, each in self._fields.items()
            if name not in self.without and name != "version"
        }
        return {**own, **self.more}

    @cached_property
    def required(self) -> list[str]:
        found = (
            []
            if self.is_change
            else [
                self.json_name(name)
                for name, each in self._fields.items()
                if each.required and each.initial is None and not isinstance(each, forms.BooleanField)
            ]
        )
        return list(dict.fromkeys([*(name for name in found if name in self.kinds), *self.needs]))

    @cached_property
    def labels(self) -> dict[str, str]:
        return {self.json_name(name): str(each.label) for name, each in self._fields.items() if each.label}

    @property
    def _fields(self) -> Mapping[str, forms.Field]:
        return self.form.base_fields if self.form else {}  # type: ignore[attr-defined]

    def json_name(self, name: str) -> str:
        """A form field's name as programs know it."""
        return self.told_at.get(name) or next((told for told, own in self.names.items() if own == name), name)

    def described(self) -> Schema:
        """The JSON Schema of the object."""
        properties = {name: self._one(name, kind) for name, kind in self.kinds.items()}
        made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**made, "required": self.required} if self.required else made

    def _one(self, name: str, kind: Kind) -> Schema:
        label = self.labels.get(name, "")
        return {**kind.described(), **({"title": label} if label else {})}

    def read(self, request: HttpRequest) -> dict[str, Any]:
        """Form field name → value, as far as it was sent.

        :raises Refusal: no JSON, too much of it, unknown fields, values of another kind.
        """
        sent = json_object(request)
        return self.checked(sent)

    def checked(self, sent: Mapping[str, Any], pointer: str = "") -> dict[str, Any]:
        """The same for an object inside another."""
        found: dict[str, Any] = {}
        wrong: dict[str, list[str]] = {}
        for name, value in sent.items():
            try:
                if name not in self.kinds:
                    note_refusal("input_validation_fail", what=self.title)
                    raise Unfit("Dieses Feld gibt es hier nicht.")
                found[self.names.get(name, name)] = self.kinds[name].read(value)
            except Unfit as reason:
                wrong[f"{pointer}/{_escaped(name)}"] = [str(reason)]
        for name in self.required:
            if name not in sent:
                wrong[f"{pointer}/{name}"] = [f"Bitte „{self.labels.get(name, name)}“ angeben."]
        if wrong:
            raise Unfitting(wrong)
        return found

    def filled(self, typed: Mapping[str, Any], make: Callable[..., Any], pointer: str = "") -> Any:
        """The valid form: what was sent over what is there already (or proposed). `make(data)` makes the form.

        :raises Unfitting: what the form says against it.
        """
        known = make(None)
        for name in typed:
            if name not in known.fields and name not in self.more:
                note_refusal("sequence_fail", what=self.title)
                raise Unfitting({f"{pointer}/{self.json_name(name)}": ["Das lässt sich hier nicht mehr ändern."]})
        start = {name: known.get_initial_for_field(each, name) for name, each in known.fields.items()}
        form = make({name: value for name, value in {**start, **typed}.items() if value is not None})
        if not form.is_valid():
            raise Unfitting(self.problems_of(form, pointer))
        return form

    def problems_of(self, form: forms.BaseForm, pointer: str = "") -> dict[str, list[str]]:
        """Pointer → messages of a form."""
        return {
            WHOLE if name == NON_FIELD_ERRORS else f"{pointer}/{self.json_name(name)}": list(messages)
            for name, messages in form.errors.items()
        }


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The object that was sent; nothing at all counts as an empty one."""
    if len(request.body) > MOST_BYTES:
        raise TooLarge(f"Eine Anfrage darf höchstens {MOST_BYTES // 1_000_000} MB groß sein.")
    if not request.body:
        return {}
    if request.content_type not in _READ:
        raise NoJson("Bitte als application/json senden (mit der Kopfzeile Content-Type).")
    try:
        sent = json.loads(request.body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Malformed("Das ist kein lesbares JSON in UTF-8, oder ein Feld steht doppelt.") from None
    if not isinstance(sent, dict):
        raise Malformed("Hier wird ein JSON-Objekt erwartet.")
    return sent


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values for one name: different readers would take different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _escaped(name: str) -> str:
    """A name inside a JSON pointer (RFC 6901); what cannot be sent back is left out."""
    safe = name.encode("utf-8", "replace").decode("utf-8")[:100]
    return safe.replace("~", "~0").replace("/", "~1")
