"""The two attributes of a sealed field on an instance: what the row holds, and the plain value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.db.models.query_utils import DeferredAttribute

from dentatool.protection.vault.internal.ciphertext import Ciphertext, DecryptError
from dentatool.protection.vault.internal.unreadable import Unreadable, shown_instead

if TYPE_CHECKING:
    from dentatool.protection.vault.internal.fields import SealedField


def opened_name(field: SealedField) -> str:
    """Where an instance remembers what it has opened: (ciphertext, row, value)."""
    return f"_{field.name}_opened"


def _before_name(field: SealedField) -> str:
    return f"_{field.name}_before"


class SealedSlot(DeferredAttribute):
    """`name_sealed`: the ciphertext, or the plain value that waits to be sealed. Loads itself when deferred."""

    field: SealedField

    def __get__(self, instance: Model | None, cls: Any = None) -> Any:
        if instance is not None and self.field.attname in instance.__dict__:
            return instance.__dict__[self.field.attname]
        return super().__get__(instance, cls)

    def __set__(self, instance: Model, value: Any) -> None:
        if isinstance(value, Ciphertext):
            value = self._bound(instance, value)
        instance.__dict__[self.field.attname] = value

    def _bound(self, instance: Model, sealed: Ciphertext) -> Ciphertext:
        if sealed.place != self.field.place:
            raise DecryptError(self.field.place, instance.pk, "gehört in eine andere Spalte")
        if sealed.row_id is None:
            if not instance._state.adding:  # by hand, not by Django's loading
                self.field.open(sealed, instance.pk)
            sealed.row_id = instance.pk
        return sealed


class PlainValue:
    """`name`: the value itself. Opened at the first reading; what is assigned is sealed by save()."""

    def __init__(self, field: SealedField) -> None:
        self.field = field
        self._slot, self._opened, self._before = field.attname, opened_name(field), _before_name(field)

    def __get__(self, instance: Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        held = instance.__dict__.get(self._slot, self)
        if held is self:
            held = getattr(instance, self._slot)  # deferred
        if not isinstance(held, Ciphertext):
            return held
        sealed, row_id, value = instance.__dict__.get(self._opened, (None, None, None))
        if sealed is held and row_id == instance.pk:
            return value
        try:
            value = self.field.open(held, instance.pk)
        except DecryptError as failure:
            return shown_instead(failure)
        instance.__dict__[self._opened] = held, instance.pk, value
        return value

    def __set__(self, instance: Model, value: Any) -> None:
        if isinstance(value, Ciphertext):
            setattr(instance, self._slot, value)
            return
        if isinstance(value, Unreadable):
            raise DecryptError(self.field.place, instance.pk, "der Hinweis „nicht lesbar“ ist kein Wert")
        before = instance.__dict__.get(self._slot)
        if isinstance(before, Ciphertext):
            instance.__dict__[self._before] = before
        instance.__dict__[self._slot] = value


def keep_unchanged(field: SealedField, instance: Model, value: Any) -> Ciphertext | None:
    """The ciphertext that the row held before the same value was assigned again, as every form does.

    Sealing it anew would put a change into the trail that nobody made. What cannot be opened is replaced.
    """
    before: Ciphertext | None = instance.__dict__.pop(_before_name(field), None)
    if before is None or before.row_id != instance.pk:
        return None
    try:
        same = field.open(before, instance.pk) == value
    except DecryptError:
        return None
    if not same:
        return None
    instance.__dict__[field.attname] = before
    instance.__dict__[opened_name(field)] = before, instance.pk, value
    return before
