"""What stops the program at start: a careless model is an error, not a leak found later."""

import re
from collections.abc import Iterable, Iterator

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from dentatool.protection.tenancy.internal.practice_scope import problem_of
from dentatool.protection.tenancy.internal.record import Record

# The whole list of tables without a laboratory. None of them holds data of one.
PUBLIC_TABLES = {
    "protection_laboratory": "the laboratories themselves; each sees its own row only",
    "protection_platformevent": "security events before a laboratory is known; the app only adds",
    "protection_attempt": "how often somebody tried to enter, by keyed hash; only a door reads and writes it",
    "protection_resetrequest": "who asked for a new password, by keyed hash; only doors add and take",
}

_STAMPS = {"created_at", "changed_at", "version"}
_PERSONAL = re.compile(
    r"(^|_)(name|firstname|lastname|surname|birth\w*|born|email|mail|phone|mobile|fax|street|address|iban|"
    r"allerg\w*|remarks?|notes?|comments?|diagnos\w*|anamnes\w*|message|secret|password|token|seed)(_|$)"
)


def check_models() -> None:
    """Refuse to start with a model that breaks the promise. Raises ImproperlyConfigured."""
    if problems := list(problems_of(apps.get_models(include_auto_created=True))):
        raise ImproperlyConfigured("DentaTool startet nicht:\n" + "\n".join(f"- {line}" for line in problems))


def problems_of(found: Iterable[type[models.Model]]) -> Iterator[str]:
    """Each broken rule of these models, in German."""
    for model in found:
        if not issubclass(model, Record):
            if model._meta.db_table not in PUBLIC_TABLES:
                yield f"{model._meta.label}: weder von Record abgeleitet noch auf der Liste öffentlicher Tabellen."
            continue
        yield from _problems_of_record(model)


def _problems_of_record(model: type[Record]) -> Iterator[str]:
    label = model._meta.label
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            yield f"{label}.{field.name}: unique=True verriete fremde Werte; UniqueConstraint mit lab_id verwenden."
        if isinstance(field, models.ForeignKey) and not issubclass(_target(field), Record):
            yield f"{label}.{field.name}: Verweis auf eine Tabelle ohne Labor."
        if _looks_personal(field) and field.name not in model.not_sealed:
            yield f"{label}.{field.name}: klingt nach persönlichen Daten und ist nicht versiegelt (SealedText)."
    for many in model._meta.local_many_to_many:
        yield f"{label}.{many.name}: ManyToMany hat kein Labor; einen eigenen Record dazwischen anlegen."
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields[:1] != ("lab_id",):
            yield f"{label}: {constraint.name} beginnt nicht mit lab_id und verriete fremde Werte."
    if model._meta.unique_together:
        yield f"{label}: unique_together; UniqueConstraint mit lab_id verwenden."
    for index in model._meta.indexes:
        if tuple(name.lstrip("-") for name in index.fields)[:1] != ("lab_id",):
            yield f"{label}: Index {index.name} beginnt nicht mit lab_id und wird unter Zeilenschutz nicht genutzt."
    if problem := problem_of(model):
        yield f"{label}: {problem}"
    for name, why in {**model.not_sealed, **model.audit_skip, **model.audit_hide}.items():
        if len(why) < 10:
            yield f"{label}.{name}: die Ausnahme braucht einen Grund."


def _looks_personal(field: "models.Field[object, object]") -> bool:
    kept_open = isinstance(
        field, (models.CharField, models.TextField, models.DateField, models.JSONField, models.EmailField)
    )
    return kept_open and field.name not in _STAMPS and bool(_PERSONAL.search(field.name))


def _target(field: "models.ForeignKey[object, object]") -> type[models.Model]:
    target = field.remote_field.model
    assert not isinstance(target, str), f"{field} verweist auf ein unbekanntes Modell."
    return target  # type: ignore[no-any-return]
