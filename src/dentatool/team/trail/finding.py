"""Finding entries of the trail: filters, and pages by key, so that the millionth entry is as quick as the first."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils.timezone import make_aware

from dentatool.kit.errors import BadQuery
from dentatool.kit.forms import DateField, Form
from dentatool.protection.audit import Entry
from dentatool.protection.audit.vocabulary import WORDS, Topic, names_of
from dentatool.team.trail.words import label_of, labels

Wanted = dict[str, Any]


class TrailFilter(Form):
    """What to look for. Everything optional."""

    topic = forms.ChoiceField(label="Art", required=False, choices=[("", "alles"), *Topic.choices])
    person = forms.ChoiceField(label="Person", required=False)
    what = forms.ChoiceField(label="Was", required=False)
    since = DateField(label="Von", required=False)
    until = DateField(label="Bis", required=False)
    record = forms.UUIDField(label="Datensatz", required=False)
    vorgang = forms.UUIDField(label="Vorgang", required=False)

    def __init__(self, *args: Any, people: dict[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].choices = [("", "alle"), *((str(key), name) for key, name in people.items())]
        self.fields["what"].choices = [
            ("", "alles"),
            *(
                (topic.label, sorted(((name, label_of(name)) for name in names), key=lambda pair: pair[1].casefold()))
                for topic in Topic
                if (names := [name for name in names_of(topic) if name in labels()])
            ),
        ]

    def wanted(self) -> Wanted:
        """What was chosen, as plain values that also fit into JSON."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Entries, newest first, and the keys of what lies beyond them; empty where nothing does."""

    entries: list[Entry]
    older: str
    newer: str


def page_of_trail(wanted: Wanted, *, before: str = "", after: str = "", size: int) -> TrailPage:
    """The entries that follow or precede a key. Raises BadQuery for a key that no page of ours hands out."""
    entries = _newest_first(wanted, _beyond(before, after), size + 1, is_backwards=bool(after))
    is_more = len(entries) > size
    entries = entries[-size:] if after else entries[:size]
    return TrailPage(
        entries,
        older=_key(entries[-1]) if entries and (is_more or after) else "",
        newer=_key(entries[0]) if entries and ((is_more and after) or before) else "",
    )


def _newest_first(wanted: Wanted, beyond: Q, most: int, *, is_backwards: bool) -> list[Entry]:
    order = ("at", "id") if is_backwards else ("-at", "-id")
    found = Entry.objects.filter(_conditions(wanted), beyond).order_by(*order)
    names = _names(wanted)
    if wanted.get("record") or wanted.get("vorgang"):  # few entries, however many names
        entries = list((found.filter(what__in=names) if names else found)[:most])
    elif names is None and not wanted.get("person"):
        entries = list(found[:most])
    else:
        # One short walk along the index for each name: a filter over the index of times, or of a person's entries,
        # would read on and on when what is looked for is rare.
        first, *others = (found.filter(what=name).values_list("at", "id")[:most] for name in names or WORDS)
        keys = first.union(*others, all=True).order_by(*order)[:most] if others else first
        stored = Entry.objects.in_bulk([key for _at, key in keys])
        entries = [stored[key] for _at, key in keys]
    return entries[::-1] if is_backwards else entries


def _names(wanted: Wanted) -> list[str] | None:
    """The names to look for; None for all."""
    if what := wanted.get("what"):
        return [what]
    return names_of(wanted["topic"]) if wanted.get("topic") else None


def _conditions(wanted: Wanted) -> Q:
    condition = Q()
    if person := wanted.get("person"):
        condition &= Q(actor_id=person)
    if record := wanted.get("record"):
        condition &= Q(record_id=record)
    if request := wanted.get("vorgang"):
        condition &= Q(request_id=UUID(request).hex)
    if since := wanted.get("since"):
        condition &= Q(at__gte=_midnight(since))
    if until := wanted.get("until"):
        condition &= Q(at__lt=_midnight(until) + timedelta(days=1))
    return condition


def _midnight(day: str) -> datetime:
    return make_aware(datetime.combine(datetime.fromisoformat(day), time.min))


def _beyond(before: str, after: str) -> Q:
    if before:
        at, key = _at_and_id(before)
        return Q(at__lte=at) & ~Q(at=at, id__gte=key)
    if after:
        at, key = _at_and_id(after)
        return Q(at__gte=at) & ~Q(at=at, id__lte=key)
    return Q()


def _key(entry: Entry) -> str:
    return f"{entry.at:%Y%m%dT%H%M%S.%f}-{entry.pk.hex}"


def _at_and_id(key: str) -> tuple[datetime, UUID]:
    at, _, record = key.partition("-")
    try:
        return datetime.strptime(f"{at}+0000", "%Y%m%dT%H%M%S.%f%z"), UUID(hex=record)
    except ValueError:
        raise BadQuery("Die Stelle im Protokoll, die diese Adresse nennt, gibt es nicht.") from None


def entries_of(wanted: Wanted) -> QuerySet[Entry]:
    """Everything that is wanted, oldest first, for the export, which reads all of it anyway."""
    found = Entry.objects.filter(_conditions(wanted))
    names = _names(wanted)
    return (found if names is None else found.filter(what__in=names)).order_by("at", "id")
