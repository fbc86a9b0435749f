"""Model fields whose values are sealed in the database and open only where they belong."""

import unicodedata
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import FieldError, ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import models

from dentatool.protection.vault.internal import keys
from dentatool.protection.vault.internal.ciphertext import Ciphertext, Place, seal, unseal
from dentatool.values.text import search_key

TOKEN_BITS = 10  # security.md 0.3: 8 to 13 bits for 20,000 names


class _Sealed:
    """Attribute of a model: holds the ciphertext until somebody reads it."""

    def __init__(self, field: "SealedField") -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            instance.refresh_from_db(fields=[name])  # deferred
        held = instance.__dict__[name]
        return self.field.open_in(instance, held) if isinstance(held, Ciphertext) else held

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value
        instance.__dict__.pop(self.field.opened_name, None)


class SealedField(models.Field):
    """Base: bytes in the database, plain value in Python, bound to laboratory, table, column and row."""

    empty: Any = None

    def get_internal_type(self) -> str:
        return "BinaryField"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, _Sealed(self))

    @property
    def opened_name(self) -> str:
        return f"_opened_{self.attname}"

    def open(self, sealed: bytes | None, row_id: UUID, lab_id: UUID | None = None) -> Any:
        """The plain value of a ciphertext from a raw row. Raises DecryptError. Needs a pass."""
        if sealed is None:
            return None
        if not sealed:
            return self.empty
        place = self._place(row_id, lab_id)
        return self.from_plain(unseal(bytes(sealed), place, lambda version: keys.cipher(place.lab_id, version)))

    def open_in(self, instance: models.Model, sealed: Ciphertext) -> Any:
        """The plain value of this row's ciphertext, decrypted once."""
        opened = instance.__dict__.get(self.opened_name)
        if opened is None:
            opened = self.open(sealed, instance.pk, instance.lab_id)  # type: ignore[attr-defined]
            instance.__dict__[self.opened_name] = opened
        return opened

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        """Seal what was assigned. What was only read goes back as it came, if the row is still the same."""
        held = instance.__dict__.get(self.attname)
        if isinstance(held, Ciphertext):
            self.open_in(instance, held)  # a row copied under a new id fails here, loudly
            return held
        if held is None or held == self.empty:
            return None if held is None and self.null else Ciphertext(b"")
        place = self._place(instance.pk, instance.lab_id)  # type: ignore[attr-defined]
        sealed = seal(self.to_plain(self.to_python(held)), place, *keys.newest_cipher(place.lab_id))
        return sealed

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Ciphertext):
            return value
        if value == self.empty:
            return b""
        raise FieldError(f"{self.name} ist versiegelt: nur save() und create() können es schreiben, find_sealed suchen.")

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name not in ("isnull", "exact"):
            raise FieldError(f"{self.name} ist versiegelt und kann nicht mit „{lookup_name}“ gesucht werden.")
        return super().get_lookup(lookup_name)

    def to_plain(self, value: Any) -> bytes:
        raise NotImplementedError

    def from_plain(self, plain: bytes) -> Any:
        raise NotImplementedError

    def _place(self, row_id: UUID, lab_id: UUID | None) -> Place:
        from dentatool.protection.tenancy import current  # noqa: PLC0415  (models load before passes are needed)

        return Place(lab_id or current().lab_id, self.model._meta.db_table, self.column, row_id)


class SealedText(SealedField):
    """Text about a person. `search=True` lets find_sealed look it up."""

    empty = ""

    def __init__(self, verbose_name: Any = None, *, search: bool = False, max_length: int = 200, **options: Any) -> None:
        options.setdefault("default", "")
        super().__init__(verbose_name, max_length=max_length, **options)
        self.search = search
        self.validators = [*self.validators, MaxLengthValidator(max_length), ProhibitNullCharactersValidator()]

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        kwargs["max_length"] = self.max_length
        if self.search:
            kwargs["search"] = True
        return name, "dentatool.protection.vault.SealedText", args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        if self.search and cls.__module__ != "__fake__":  # migrations list the token themselves
            token = SearchToken(sealed=name)
            token.contribute_to_class(cls, f"{name}_token")

    def to_python(self, value: Any) -> Any:
        return unicodedata.normalize("NFC", value) if isinstance(value, str) else value

    def to_plain(self, value: str) -> bytes:
        return value.encode()

    def from_plain(self, plain: bytes) -> str:
        return plain.decode()

    def formfield(self, **options: Any) -> Any:
        widget = {"widget": forms.Textarea} if (self.max_length or 0) > 300 else {}
        return super().formfield(**{"form_class": forms.CharField, "max_length": self.max_length, **widget, **options})


class SealedDate(SealedField):
    """A date about a person, such as a birth date."""

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "dentatool.protection.vault.SealedDate", args, kwargs

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value:
            try:
                return date.fromisoformat(value)
            except ValueError as wrong:
                raise ValidationError("Bitte ein Datum angeben, zum Beispiel 23.11.1980.") from wrong
        return value

    def to_plain(self, value: date) -> bytes:
        return value.isoformat().encode()

    def from_plain(self, plain: bytes) -> date:
        return date.fromisoformat(plain.decode())

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": forms.DateField, **options})


class SealedFile(SealedField):
    """Content of a file, sealed as a whole; meant for small documents until the file store exists."""

    empty = b""

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "dentatool.protection.vault.SealedFile", args, kwargs

    def to_plain(self, value: bytes) -> bytes:
        return bytes(value)

    def from_plain(self, plain: bytes) -> bytes:
        return plain


class SearchToken(models.BinaryField):
    """Companion of a searchable field: a truncated keyed token of the whole folded value."""

    def __init__(self, *, sealed: str, **options: Any) -> None:
        options.update(max_length=3, null=True, editable=False)
        super().__init__(**options)
        self.sealed = sealed

    def pre_save(self, instance: models.Model, add: bool) -> bytes | None:
        """The token of the value as it is now; the same value keeps its token."""
        value = getattr(instance, self.sealed)
        field = instance._meta.get_field(self.sealed)
        return token_of(field, value, instance.lab_id) if value else None  # type: ignore[attr-defined, arg-type]

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs


def token_of(field: models.Field, value: str, lab_id: UUID) -> bytes:
    """Token under which a whole value is found, whatever its case, accents or umlaut spelling."""
    purpose = f"{field.model._meta.db_table}.{field.column}"
    return keys.index_token(lab_id, purpose, search_key(value), bits=TOKEN_BITS)
