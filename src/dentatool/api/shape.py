"""What an operation gives: a record as JSON and the description of it, from one list of fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import models

from dentatool.api.kinds import Schema
from dentatool.protection.access import Permission
from dentatool.protection.tenancy import Record
from dentatool.protection.vault import SealedDate

STAMPS = ("id", "version", "created_at", "changed_at")
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
DAY: Schema = {"type": "string", "format": "date"}
ID: Schema = {"type": "string", "format": "uuid"}


def or_null(schema: Schema) -> Schema:
    """The same, or nothing."""
    return {
        **schema,
        "type": [schema["type"], "null"],
        **({"enum": [*schema["enum"], None]} if "enum" in schema else {}),
    }


def list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def object_of(**properties: Schema) -> Schema:
    """An object with exactly these."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@dataclass(frozen=True)
class Made:
    """A field that is no column: its description, and how it comes from the record."""

    schema: Schema
    of: Callable[[Any], Any]


@dataclass(frozen=True)
class Shape:
    """A record as programs see it. `kept_from`: fields that are null for whoever lacks the permission, as on the pages."""

    title: str
    model: type[Record]
    fields: tuple[str, ...]
    made: Mapping[str, Made] = field(default_factory=dict)
    kept_from: Mapping[str, Permission] = field(default_factory=dict)
    place: str = ""  # the collection's address, for Location

    def show(self, record: Any, held: frozenset[Permission]) -> dict[str, Any]:
        """The record as JSON."""
        shown = {name: plain(getattr(record, column)) for name, column in self._columns.items()}
        shown |= {name: plain(each.of(record)) for name, each in self.made.items()}
        for name, permission in self.kept_from.items():
            if permission not in held:
                shown[name] = None
        return shown

    @cached_property
    def _columns(self) -> dict[str, str]:
        return {name: self._column(name) for name in (*STAMPS, *self.fields)}

    def _column(self, name: str) -> str:
        """The attribute to read: of a key the id, without fetching what it leads to."""
        found = self.model._meta.get_field(name)
        return found.attname if isinstance(found, models.ForeignKey) else name

    @property
    def reference(self) -> Schema:
        """Where the description of it stands."""
        return {"$ref": f"#/components/schemas/{self.title}"}

    def described(self) -> Schema:
        """The JSON Schema."""
        properties = {name: _of_column(self.model._meta.get_field(name)) for name in self._columns}
        properties |= {name: each.schema for name, each in self.made.items()}
        for name in self.kept_from:
            if "null" not in properties[name]["type"]:
                properties[name] = or_null(properties[name])
        return object_of(**properties)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _of_column(column: Any) -> Schema:
    made = _type_of(column)
    if label := "Kennung" if column.primary_key else str(column.verbose_name):
        made = {**made, "title": label}
    if column.choices:
        keys = [key for key, _label in column.flatchoices]
        made["enum"] = keys if not column.blank or "" in keys else [*keys, ""]
    return or_null(made) if column.null else made


def _type_of(column: Any) -> Schema:
    if isinstance(column, models.UUIDField | models.ForeignKey):
        return dict(ID)
    if isinstance(column, SealedDate | models.DateField) and not isinstance(column, models.DateTimeField):
        return dict(DAY)
    if isinstance(column, models.DateTimeField):
        return {"type": "string", "format": "date-time"}
    if isinstance(column, models.BooleanField):
        return dict(FLAG)
    return dict(NUMBER) if isinstance(column, models.IntegerField) else dict(TEXT)
