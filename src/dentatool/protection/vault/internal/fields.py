"""Model fields whose values lie sealed in the database and open only where they belong.

A field `name` has two attributes: `name` is the plain value, opened when first read; `name_sealed` is
what the row holds, and the only thing that Django itself loads, copies and writes back.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django import forms
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from dentatool.protection.tenancy import current
from dentatool.protection.vault.internal.ciphertext import Ciphertext, DecryptError, Place
from dentatool.protection.vault.internal.questions import AsItIs, SealedColumn, SealedFieldError, lookup_of
from dentatool.protection.vault.internal.sealing import open_value, seal_value
from dentatool.protection.vault.internal.slots import PlainValue, SealedSlot, keep_unchanged, opened_name
from dentatool.protection.vault.internal.tokens import new_token, token_index
from dentatool.protection.vault.internal.unreadable import NOT_READABLE, shown_instead

_PATH: Final = "dentatool.protection.vault."
LENGTH_STEP: Final = 32  # nearly every whole name fits into one step
_LONGEST_SEARCHED: Final = 400  # a b-tree entry holds 2,700 bytes; 400 letters of four bytes leave room


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field


class _ReadyToStore(bytes):
    """What pre_save hands to the database; nothing else gets into a sealed column."""


class SealedField(_Field):
    """Base: bytes in the database, a plain value in Python, bound to laboratory, table, column and row."""

    descriptor_class = SealedSlot
    kind: str = "data"
    empty: Any = None
    place: Place

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_attname_column(self) -> tuple[str, str]:
        attname, _column = super().get_attname_column()
        return attname, self.db_column or self.name

    def get_attname(self) -> str:
        return f"{self.name}_sealed"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        self.place = Place(cls._meta.db_table, str(self.column), self.kind)
        setattr(cls, name, PlainValue(self))

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _internal, args, kwargs = super().deconstruct()
        return name, _PATH + type(self).__name__, args, kwargs

    def open(self, sealed: bytes | Ciphertext | None, row_id: UUID) -> Any:
        """The plain value of a raw row's column, for the laboratory of the pass in force. Raises DecryptError."""
        raw = sealed.raw if isinstance(sealed, Ciphertext) else sealed
        if raw is None:
            return None
        return self.from_plain(open_value(self.place, bytes(raw), row_id)) if len(raw) else self.empty

    def shown(self, sealed: bytes | Ciphertext | None, row_id: UUID) -> Any:
        """Like `open`, for what is only shown: „nicht lesbar“ and an alarm instead of an error."""
        with DecryptError.shown():
            try:
                return self.open(sealed, row_id)
            except DecryptError as failure:
                return shown_instead(failure)

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        """Seal what was assigned; of what nobody changed, the row keeps what it holds by now.

        It may have been sealed anew under a newer key since it was loaded; the old bytes must not come back.
        """
        held = getattr(instance, self.attname)
        if not isinstance(held, Ciphertext):
            value = self.checked(held)
            if value is None or value == self.empty:
                return None if value is None else _ReadyToStore(b"")
            unchanged = keep_unchanged(self, instance, value)
            if unchanged is not None and not add:
                return AsItIs(self)
            held = unchanged or self._seal(instance, value)
        elif held.row_id != instance.pk or add:
            # A row under a new id may carry a ciphertext of its old one: it must not be stored there unreadable.
            self.open(held, instance.pk)
        elif not instance._state.adding:
            return AsItIs(self)
        return _ReadyToStore(held.raw)

    def _seal(self, instance: models.Model, value: Any) -> Ciphertext:
        lab_id = current().lab_id
        if instance.__dict__.get("lab_id", lab_id) != lab_id:
            raise DecryptError(self.place, instance.pk, "gehört einem anderen Labor als der Pass")
        raw = seal_value(self.place, self.to_plain(value), instance.pk, self.token_for(value))
        sealed = Ciphertext(raw, self.place, instance.pk)
        instance.__dict__[self.attname] = sealed
        instance.__dict__[opened_name(self)] = sealed, instance.pk, value
        return sealed

    def checked(self, value: Any) -> Any:
        """The value in its one form. Raises ValidationError for what must not be sealed."""
        return self.to_python(value)

    def token_for(self, value: Any) -> bytes:
        """What a search finds the value by; nothing, unless a field says otherwise."""
        return b""

    def to_plain(self, value: Any) -> bytes:
        """The value as bytes."""
        raise NotImplementedError

    def from_plain(self, plain: bytes) -> Any:
        """The value from its bytes."""
        raise NotImplementedError

    # What Django asks of a field, in the order: reading, writing, checking, asking, showing.

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None:
            return None
        return Ciphertext(bytes(value), self.place) if len(value) else self.empty

    def get_default(self) -> Any:
        default = super().get_default()
        return self.empty if default in (None, "") and not self.null else default

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None or isinstance(value, AsItIs):
            return value
        if value == b"" and not self.null:
            return connection.Database.Binary(b"")  # a migration adds the column: nothing is not sealed
        if not isinstance(value, _ReadyToStore):
            raise SealedFieldError(f"{self.place} ist versiegelt: nur save() und create() schreiben, nicht update().")
        return connection.Database.Binary(bytes(value))

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        if hasattr(value, "as_sql") and not isinstance(value, AsItIs):
            raise SealedFieldError(f"{self.place} ist versiegelt: die Datenbank kann ihn nicht berechnen.")
        return "%s"

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return value if isinstance(value, Ciphertext) else super().clean(value, model_instance)

    def get_lookup(self, lookup_name: str) -> Any:
        return lookup_of(self, lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        return lookup_of(self, lookup_name)

    def get_col(self, alias: str, output_field: models.Field[Any, Any] | None = None) -> Any:
        return SealedColumn(alias, self, output_field)

    @property
    def cached_col(self) -> Any:
        return SealedColumn(self.model._meta.db_table, self)

    def select_format(self, compiler: Any, sql: Any, params: Any) -> tuple[str, Any]:
        return getattr(sql, "bare", sql), params

    def value_from_object(self, obj: models.Model) -> Any:
        # For forms: whoever may edit the record sees „nicht lesbar“ and can enter the value anew.
        with DecryptError.shown():
            return getattr(obj, self.name)

    def value_to_string(self, obj: models.Model) -> str:
        raise SealedFieldError(f"{self.place} ist versiegelt und wird nicht ausgelagert (dumpdata).")


class SealedText(SealedField):
    """Text about a person: a name, a remark. `search=True` lets find_sealed look it up; then it is a whole name.

    At most `max_length` letters (None: no limit), stored in Unicode form NFC, never null: empty is "".
    """

    empty = ""

    def __init__(
        self, verbose_name: Any = None, *, search: bool = False, max_length: int | None = 200, **options: Any
    ) -> None:
        super().__init__(verbose_name, max_length=max_length, **options)
        self.search = search
        self.validators.append(ProhibitNullCharactersValidator())
        if max_length is not None:
            self.validators.append(MaxLengthValidator(max_length))

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        if self.search and not cls._meta.abstract:
            token_index(cls, self)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("max_length", None)
        if self.max_length != 200:
            kwargs["max_length"] = self.max_length
        # `search` is left out: the past needs no search, and its index is a line of its own in the migration.
        return name, path, args, kwargs

    def check(self, **options: Any) -> list[checks.CheckMessage]:
        found = super().check(**options)
        if self.null:
            found.append(checks.Error("Leer ist „“, nicht NULL.", obj=self, id="vault.E001"))
        if self.search and not (self.max_length and self.max_length <= _LONGEST_SEARCHED):
            found.append(checks.Error(f"Suchbar: bis {_LONGEST_SEARCHED} Zeichen.", obj=self, id="vault.E002"))
        return found

    def to_python(self, value: Any) -> Any:
        return unicodedata.normalize("NFC", str(value)) if value is not None else None

    def checked(self, value: Any) -> str:
        if value is None:
            raise ValidationError(_("Dieses Feld darf nicht leer (null) sein."), code="null")
        text = str(self.to_python(value))
        self.run_validators(text)
        return text

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        if value == NOT_READABLE:  # came back through a form
            raise ValidationError(_("Dieser Wert war nicht lesbar. Bitte neu eingeben."), code="unreadable")
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise ValidationError(_("Der Text enthält ungültige Zeichen."), code="invalid") from None

    def token_for(self, value: str) -> bytes:
        return new_token(self.place, value) if self.search else b""

    def to_plain(self, value: str) -> bytes:
        return padded(value)

    def from_plain(self, plain: bytes) -> str:
        return plain.rstrip(b"\0").decode()

    def formfield(self, **options: Any) -> Any:
        widget = {} if self.max_length and self.max_length <= 300 else {"widget": forms.Textarea}
        defaults = {"form_class": forms.CharField, "max_length": self.max_length, **widget}
        return super().formfield(**{**defaults, **options})


def padded(text: str) -> bytes:
    """The text filled up with null bytes, which no sealed text holds, to the next multiple of LENGTH_STEP.

    The length of a ciphertext is open to everyone; exact, it would tell Müller from Schmidt among equal tokens.
    """
    plain = text.encode()
    return plain.ljust(-(-len(plain) // LENGTH_STEP) * LENGTH_STEP, b"\0")


class SealedDate(SealedField):
    """A date about a person, such as a birth date. Empty is NULL."""

    empty_strings_allowed = False

    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError(_("Bitte ein Datum angeben, zum Beispiel 23.11.1980."), code="invalid") from None

    def to_plain(self, value: date) -> bytes:
        return value.isoformat().encode()

    def from_plain(self, plain: bytes) -> date:
        return date.fromisoformat(plain.decode())

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": forms.DateField, **options})


class SealedFile(SealedField):
    """The content of a small file as bytes, sealed as a whole with the laboratory's file key.

    Large files follow with the file store; until then at most `max_size` bytes are taken.
    """

    kind = "file"
    empty = b""
    empty_strings_allowed = False

    def __init__(self, verbose_name: Any = None, *, max_size: int = 5_000_000, **options: Any) -> None:
        options.setdefault("editable", False)
        super().__init__(verbose_name, **options)
        self.max_size = max_size
        self.empty_values = [*self.empty_values, b""]

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        if self.max_size != 5_000_000:
            kwargs["max_size"] = self.max_size
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Any:
        if value is not None and not isinstance(value, (bytes, bytearray, memoryview)):
            raise ValidationError(_("Hier wird der Inhalt einer Datei erwartet."), code="invalid")
        return None if value is None else bytes(value)

    def checked(self, value: Any) -> Any:
        content = self.to_python(value)
        if content is not None and len(content) > self.max_size:
            raise ValidationError(_("Die Datei ist zu groß."), code="max_size")
        return content

    def to_plain(self, value: bytes) -> bytes:
        return value

    def from_plain(self, plain: bytes) -> bytes:
        return plain
