"""Search over sealed names: decrypt and match in the process, nothing searchable in the database."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models import Count, Max

from dentatool.protection.tenancy import Record, current
from dentatool.values.text import fold, folded_variants

_LIFETIME_S = 300.0
_MOST_NAMES = 400_000  # over all laboratories; about 100 MB


@dataclass
class _Names:
    """Folded names of one laboratory's column, and up to when they are known."""

    until: datetime | None = None
    loaded_at: float = 0.0
    folded: dict[UUID, tuple[str, ...]] = field(default_factory=dict)


_cache: OrderedDict[tuple[UUID, str], _Names] = OrderedDict()
_lock = Lock()


def find_sealed(model: type[Record], name: str, query: str, *, limit: int = 50) -> list[UUID]:
    """Ids of this laboratory's rows whose sealed value matches, best first."""
    wanted = folded_variants(query)
    if not wanted[0]:
        return []
    ranked = []
    for row_id, variants in _names(model, name).folded.items():
        rank = min((_rank(have, want) for have in variants for want in wanted), default=9)
        if rank < 9:
            ranked.append((rank, variants[0], row_id))
    ranked.sort()
    return [row_id for _rank_, _text, row_id in ranked[:limit]]


def _rank(have: str, want: str) -> int:
    if want not in have:
        words = have.split()
        return 3 if all(any(word.startswith(part) for word in words) for part in want.split()) else 9
    if have == want:
        return 0
    return 1 if f" {have}".find(f" {want}") >= 0 else 4


def _names(model: type[Record], name: str) -> _Names:
    key = (current().lab_id, f"{model._meta.db_table}.{name}")
    facts: Any = model._default_manager.aggregate(count=Count("id"), newest=Max("changed_at"))
    with _lock:
        held = _cache.get(key)
    fresh = held is not None and time.monotonic() - held.loaded_at < _LIFETIME_S
    if held is None or not fresh:
        held = _Names(loaded_at=time.monotonic())
    if held.until != facts["newest"] or len(held.folded) != facts["count"]:
        held = _refresh(model, name, held, facts["count"])
        with _lock:
            _cache[key] = held
            _cache.move_to_end(key)
            while len(_cache) > 1 and sum(len(one.folded) for one in _cache.values()) > _MOST_NAMES:
                _cache.popitem(last=False)
    return held


def _refresh(model: type[Record], name: str, held: _Names, count: int) -> _Names:
    column: Any = model._meta.get_field(name)
    rows = model._default_manager.values_list("id", name, "changed_at")
    folded = dict(held.folded)
    newer = list(rows.filter(changed_at__gt=held.until)) if held.until else list(rows)
    if held.until and len(folded.keys() | {row[0] for row in newer}) != count:
        folded, newer = {}, list(rows)  # something was deleted
    newest = held.until
    for row_id, sealed, changed_at in newer:
        folded[row_id] = folded_variants(column.open(sealed, row_id)) if sealed else (fold(""),)
        newest = max(newest, changed_at) if newest else changed_at
    return _Names(newest, held.loaded_at, folded)
