"""Search tokens: what stands in front of a searchable ciphertext so that a b-tree finds a whole name.

A token is 10 bits of HMAC-SHA256 under the laboratory's index key over field, spelling-proof name and a
random number below HOMOPHONES. Truncation lets twenty of 20,000 names share one; the homophones spread a
frequent name over eight, so that counting tokens tells nothing (tests/attack/test_atk_15).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from django.db import models
from django.db.backends.utils import names_digest

from dentatool.protection.tenancy import current
from dentatool.protection.vault.internal.ciphertext import SEARCH_FORMAT, Place
from dentatool.protection.vault.internal.keys import Key, key_of_version, newest_key
from dentatool.values.text import search_key

if TYPE_CHECKING:
    from dentatool.protection.vault.internal.fields import SealedText

TOKEN_BITS: Final = 10
HOMOPHONES: Final = 8


def new_token(place: Place, name: str) -> bytes:
    """A token for a value that is being sealed: index key version (1 byte) and 10 bits in two bytes."""
    key = newest_key(current().lab_id, "index")
    return token_of(key, place, name, secrets.randbelow(HOMOPHONES))


def stored_ranges(place: Place, name: str, key_versions: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
    """From-to (exclusive) of the stored bytes of every row that may hold this name, for each of these index keys."""
    words = _spelling_proof(name)
    for version in key_versions:
        key = key_of_version(current().lab_id, "index", version)
        for homophone in range(HOMOPHONES):
            start = bytes([SEARCH_FORMAT]) + _token(key, place, words, homophone)
            yield start, (int.from_bytes(start, "big") + 1).to_bytes(len(start), "big")


def token_of(key: Key, place: Place, name: str, homophone: int) -> bytes:
    """The token itself. Word order does not count: „Müller, Eva“ and „Eva Mueller“ share theirs."""
    return _token(key, place, _spelling_proof(name), homophone)


def _spelling_proof(name: str) -> str:
    return " ".join(sorted(search_key(name).split()))


def _token(key: Key, place: Place, words: str, homophone: int) -> bytes:
    said = b"\0".join((place.table.encode(), place.column.encode(), bytes([homophone]), words.encode()))
    bits = int.from_bytes(keyed_hash(key.secret, said)[:2], "big") >> (16 - TOKEN_BITS)
    return bytes([key.version % 256]) + bits.to_bytes(2, "big")


def keyed_hash(secret: bytes, said: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.digest(secret, said, "sha256")


def token_index(model: type[models.Model], field: SealedText) -> None:
    """Declare the two indexes that a searchable field needs, so that migrations make them."""
    for columns, end in (["lab_id", field.name], "token"), (["lab_id", "changed_at"], "recent"):
        made = models.Index(fields=columns, name=_index_name(model._meta.db_table, field.name, end))
        if all(index.name != made.name and list(index.fields) != columns for index in model._meta.indexes):
            model._meta.indexes = [*model._meta.indexes, made]
    model._meta.original_attrs["indexes"] = model._meta.indexes  # else migrations do not look


def _index_name(table: str, column: str, end: str) -> str:
    """At most 30 letters, as Django wants it."""
    return f"{table[:10]}_{names_digest(table, column, end, length=6)}_{end}"
