"""The trail in words: tables, events, facts, people. Sealed values are only named, never shown."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.apps import apps

from dentatool.kit.changes import Change, changes_in
from dentatool.protection.access import Account, Role
from dentatool.protection.access.factors import FactorRule
from dentatool.protection.access.sessions import Ending
from dentatool.protection.audit import Entry
from dentatool.protection.audit.vocabulary import FACTS, WORDS, Topic
from dentatool.protection.tenancy import Record
from dentatool.team.permission_words import WORDS as PERMISSION_WORDS
from dentatool.team.trail.models import Purpose

MOST_SHOWN = 20
ACTIONS = {"insert": "angelegt", "update": "geändert", "delete": "gelöscht"}
_WAYS: dict[str, str] = {
    **{str(right): words for right, words in PERMISSION_WORDS.items()},
    **dict(FactorRule.choices),
    **dict(Role.choices),
    "password": "Passwort",
    "passkey": "Passkey",
    "app": "Authenticator-App",
    "codes": "Wiederherstellungscodes",
    "recovery": "Wiederherstellungscode",
    "oidc": "Anmeldedienst des Labors",
}
_SILENT = frozenset({"permission", "request", "about"})  # of use to support, not to the laboratory


def people_of_laboratory() -> dict[UUID, str]:
    """Account ids → names."""
    return {account.pk: account.display_name for account in Account.objects.all()}


@cache
def labels() -> dict[str, str]:
    """Every name that can be in the trail → its German words."""
    events = {name: word.german for name, word in WORDS.items() if word.german}
    return events | {table: str(model._meta.verbose_name) for table, model in _models().items()}


def label_of(name: str) -> str:
    """A name that is no longer known stands for itself."""
    return labels().get(name, name)


def topic_of(name: str) -> str:
    """What an entry is about, in German."""
    return Topic(WORDS[name].topic).label if name in WORDS else ""


def readable(entries: Iterable[Entry], people: dict[UUID, str]) -> Iterator[dict[str, Any]]:
    """Entries in words."""
    models = _models()
    for entry in entries:
        model = models.get(entry.what) if entry.kind == "row" else None
        yield {
            "id": entry.pk,
            "at": entry.at,
            "request_id": entry.request_id,
            "person": _name(entry.actor_id, people),
            "origin": entry.origin,
            "what": label_of(entry.what),
            "topic": topic_of(entry.what),
            "action": ACTIONS.get(entry.action, entry.action) if entry.kind == "row" else "",
            "record_id": entry.record_id,
            "count": 1,
            "changes": list(changes_in(model, entry)) if model else list(_facts(entry, people)),
        }


def grouped(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What one request did alike to several records as one row with the first of them: an import is not 175 rows."""
    for request_id, run in groupby(rows, key=itemgetter("request_id")):
        alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in run:
            alike.setdefault((row["what"], row["action"], row["record_id"] is None), []).append(row)
        for found in alike.values():
            more = {"shown": found[:MOST_SHOWN], "hidden": len(found) > MOST_SHOWN} if len(found) > 1 else {}
            # With its days: entries are found by time, not by request.
            began = found[-1]["at"] - timedelta(hours=1)
            yield found[0] | {"count": len(found), "request_id": request_id, "began": began} | more


@cache
def _models() -> dict[str, type[Record]]:
    return {model._meta.db_table: model for model in apps.get_models() if issubclass(model, Record) and model.audited}


def _name(account: UUID | None, people: dict[UUID, str]) -> str:
    return "System" if account is None else people.get(account, "gelöschtes Konto")


def _facts(entry: Entry, people: dict[UUID, str]) -> Iterator[Change]:
    for key, value in entry.changes.items():
        if key in ("account", "person"):
            yield Change(FACTS[key], "", _account(value, people))
        elif key not in _SILENT and value not in ("", None):
            yield Change(FACTS.get(key, key), "", _shown(key, value))


def _account(value: Any, people: dict[UUID, str]) -> str:
    try:
        return _name(UUID(str(value)), people)
    except ValueError:
        return str(value)


def _shown(key: str, value: Any) -> Any:
    """A fact that is itself a name of the trail, in German; lists on one line."""
    if key == "topic" and value in Topic.values:
        return Topic(value).label
    if key == "reason" and value in Ending.values:
        return Ending(value).label
    if key == "purpose" and value in Purpose.values:
        return Purpose(value).label
    if isinstance(value, list):
        return ", ".join(_word(str(item)) for item in value)
    return _word(value) if isinstance(value, str) else value


def _word(value: str) -> str:
    """A name of the trail, a role, a right or a way of signing in, in German; all else stays as it is."""
    if value.startswith("eigene-"):
        return "eigene Rolle"
    return {**_WAYS, **labels()}.get(value, value)
