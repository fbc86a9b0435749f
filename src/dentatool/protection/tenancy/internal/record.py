"""Record: the base of every table that holds a laboratory's data."""

import secrets
import time
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models.base import ModelBase
from django.db.models.functions import Now
from django.db.models.lookups import Exact
from django.db.models.sql.where import WhereNode

from dentatool.protection.tenancy.internal.passes import current
from dentatool.protection.tenancy.internal.practice_scope import PracticeScope


def new_id() -> UUID:
    """UUIDv7 (RFC 9562, 6.2 method 3): in the order in which one process makes them, 62 random bits against guessing.

    Twelve bits divide the millisecond: rows that were made one after the other are listed so.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = milliseconds << 80 | 0x7 << 76 | (rest << 12) // 1_000_000 << 64
    return UUID(int=value | 0x2 << 62 | secrets.randbits(62))


def current_lab_id() -> UUID:
    """Default of lab_id: the laboratory of the pass in force."""
    return current().lab_id


class Id(models.UUIDField):  # type: ignore[type-arg]  # not subscriptable when it runs
    """A UUID that fills itself in. Migrations know it as a plain UUIDField and nothing of ours."""

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        kwargs.pop("default", None)
        return name, "django.db.models.UUIDField", args, kwargs


def join_within_laboratory(key: "models.ForeignKey[Any, Any]") -> None:
    """Let every join over this key name lab_id too, as the composite foreign key does.

    Joins on id alone make the planner multiply the laboratories' selectivities and choose plans
    30 to 40 times slower (docs/decisions/signed-pass.md).
    """

    def also_same_laboratory(alias: str, related_alias: str) -> WhereNode:
        theirs: Any = key.related_model._meta.get_field("lab_id")
        ours: Any = key.model._meta.get_field("lab_id")
        same: Any = Exact(theirs.get_col(alias), ours.get_col(related_alias))
        return WhereNode([same])

    key.get_extra_restriction = also_same_laboratory  # type: ignore[method-assign]


class RecordBase(ModelBase):
    """Leaves single-column foreign keys and their indexes out: shield adds composite ones."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> type:
        model = super().__new__(mcs, name, bases, attrs, **kwargs)
        for field in model._meta.local_fields:  # type: ignore[attr-defined]
            if isinstance(field, models.ForeignKey):
                left_out: Any = field
                left_out.db_constraint = left_out.db_index = False
                join_within_laboratory(field)
        return model


class Record(models.Model, metaclass=RecordBase):
    """A row of exactly one laboratory: isolated, audited and tied to its own kind by itself.

    Class attributes that a model may set, each a visible line:
    `not_sealed`  {field: why this is no personal data although its name suggests it}
    `audit_skip`  {column: why a change of only this column leaves no entry in the trail}
    `audit_hide`  {column: why the trail notes a change but never the value}
    `frozen`      Frozen(...): from when on the database refuses any change
    `practice_scope` PracticeScope(...): what a practice's own people see; nothing without it
    `guard`       a trigger function of protection that looks at each change of a row before it is made
    `grants`      what the app's database role may do; never TRUNCATE or REFERENCES
    """

    id = Id(primary_key=True, default=new_id, editable=False)
    lab_id = Id(default=current_lab_id, editable=False)
    created_at = models.DateTimeField("Angelegt", db_default=Now(), editable=False)
    changed_at = models.DateTimeField("Geändert", db_default=Now(), editable=False)
    version = models.PositiveIntegerField("Stand", db_default=1, editable=False)

    not_sealed: ClassVar[dict[str, str]] = {}
    audit_skip: ClassVar[dict[str, str]] = {}
    audit_hide: ClassVar[dict[str, str]] = {}
    frozen: ClassVar[Any] = None
    guard: ClassVar[str] = ""
    practice_scope: ClassVar[PracticeScope | None] = None
    grants: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT", "UPDATE", "DELETE")
    audited: ClassVar[bool] = True

    class Meta:
        abstract = True
