"""One laboratory's folded names in memory, and what of them matches a query. Pure, no Django.

All names stand in one text, each as "\\n anna schmidt "; where the umlaut spelling that all variants share
differs, that follows as a second line. So every question becomes a search in one text at machine speed:
whole name "\\n q \\n", beginning "\\n q", word beginning " q", fragment "q".
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate, chain
from typing import Final

from dentatool.values.text import fold, search_key

_SHORTEST_MISSPELT: Final = 4  # below, one edit makes nearly every word of every other
_SHORTEST_RANKED: Final = 3  # below, nearly every name matches, and the search ends at its limit
_BYTES_PER_ROW: Final = 150  # id, its place in the index, offset and version, as measured


class FoldedNames:
    """The names of one column of one laboratory as of one moment. Never changes, so threads may share it."""

    def __init__(self, rows: Mapping[bytes, tuple[int, str]]) -> None:
        # In the order of the alphabet, so that a search may stop as soon as it has enough.
        ordered = sorted((lines, row_id, version) for row_id, (version, lines) in rows.items())
        self._ids = [row_id for _lines, row_id, _version in ordered]
        self._place = {row_id: place for place, row_id in enumerate(self._ids)}
        self._versions = array("I", (version for _lines, _row_id, version in ordered))
        self._starts = array("I", accumulate((len(lines) for lines, _row_id, _version in ordered), initial=0))
        self._text = "".join(lines for lines, _row_id, _version in ordered) + "\n"

    @classmethod
    def of(cls, rows: Iterable[tuple[bytes, int, str]]) -> FoldedNames:
        """From row id, version and plain name."""
        folding = _Folding()
        return cls({row_id: (version, folding.lines(name)) for row_id, version, name in rows})

    def with_changes(self, changed: Iterable[tuple[bytes, int, str]], gone: Iterable[bytes] = ()) -> FoldedNames:
        """The same names with these rows changed or added and those left out."""
        folding = _Folding()
        rows = {row_id: (self._versions[place], self._lines(place)) for row_id, place in self._place.items()}
        rows.update((row_id, (version, folding.lines(name))) for row_id, version, name in changed)
        for row_id in gone:
            rows.pop(row_id, None)
        return FoldedNames(rows)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes."""
        return sys.getsizeof(self._text) + _BYTES_PER_ROW * len(self._ids)

    def version_of(self, row_id: bytes) -> int | None:
        """The version of the row that is known here."""
        place = self._place.get(row_id)
        return None if place is None else self._versions[place]

    def unknown(self, rows: Iterable[tuple[bytes, int]]) -> list[bytes]:
        """Those of the rows (id, version) that are missing or different here."""
        return [row_id for row_id, version in rows if self.version_of(row_id) != version]

    def gone(self, still_there: Iterable[bytes]) -> set[bytes]:
        """The rows known here that are no longer among these."""
        return self._place.keys() - set(still_there)

    def search(self, query: str, limit: int, allowed: set[bytes] | None = None) -> list[bytes]:
        """Row ids, best first: the whole name, its beginning, beginnings of words, fragment, one slip of the pen."""
        if not (forms := _forms(query)):
            return []
        found: dict[int, None] = {}
        for places in self._best_first(forms):
            for place in places:
                if place not in found and (allowed is None or self._ids[place] in allowed):
                    found[place] = None
                    if len(found) == limit:
                        return [self._ids[place] for place in found]
        return [self._ids[place] for place in found]

    def _best_first(self, forms: list[str]) -> Iterator[Iterable[int]]:
        """Places way by way, best first; a way is not tried before it is asked for."""
        if any(" " in form or len(form) < _SHORTEST_RANKED for form in forms):
            for way in (self._whole, self._beginning, self._word_beginnings, self._fragments):
                yield chain.from_iterable(map(way, forms))
        else:
            ranked = [self._ranked(form) for form in forms]
            for way_number in range(4):
                yield chain.from_iterable(each[way_number] for each in ranked)
        yield chain.from_iterable(map(self._misspelt, forms))

    def _ranked(self, word: str) -> tuple[list[int], list[int], list[int], list[int]]:
        """Whole, beginning, word beginning and fragment in one pass instead of four: for one word that is not short."""
        text, starts = self._text, self._starts
        best: dict[int, int] = {}
        position = text.find(word)
        while position >= 0:
            place = bisect_right(starts, position) - 1
            end = position + len(word)
            rank = 3
            if text[position - 1] == " ":
                rank = 2
                if text[position - 2] == "\n":
                    rank = 0 if text.startswith(" \n", end) else 1
            best[place] = min(rank, best.get(place, rank))
            position = text.find(word, end)
        ways: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
        for place, rank in best.items():
            ways[rank].append(place)
        return ways

    # The ways to match, best first. Each takes one folded form of the query.

    def _whole(self, form: str) -> Iterator[int]:
        yield from self._places_of(f"\n {form} \n")
        words = form.split()
        if len(words) > 1:  # „Müller, Eva“ is Eva Müller
            for place in self._holding([f" {word} " for word in words]):
                if any(sorted(line.split()) == sorted(words) for line in self._lines(place).split("\n")):
                    yield place

    def _beginning(self, form: str) -> Iterator[int]:
        return self._places_of(f"\n {form}")

    def _word_beginnings(self, form: str) -> Iterator[int]:
        return self._holding([f" {word}" for word in form.split()])

    def _fragments(self, form: str) -> Iterator[int]:
        return self._holding(form.split())

    def _misspelt(self, form: str) -> Iterator[int]:
        words = form.split()
        if not any(len(word) >= _SHORTEST_MISSPELT for word in words):
            return iter(())
        common: set[int] | None = None
        for word in words:
            places = set(self._places_of(f" {word}"))
            for near in self._near(word):
                places.update(self._places_of(f" {near} "))
            common = places if common is None else common & places
        return iter(sorted(common or ()))

    def _near(self, word: str) -> list[str]:
        """Words of the laboratory that are one edit away."""
        if len(word) < _SHORTEST_MISSPELT:
            return []
        # One edit leaves either the first or the second half of the word as it is.
        half = len(word) // 2
        candidates = {*self._words_with(f" {word[:half]}"), *self._words_with(f"{word[half:]} ")}
        return [known for known in candidates if is_one_edit(word, known)]

    def _words_with(self, edge: str) -> Iterator[str]:
        """Words that begin or end so: at machine speed, since each word stands between blanks in one text."""
        words = self._vocabulary
        position = words.find(edge)
        while position >= 0:
            begin = words.rfind(" ", 0, position + 1) + 1 if edge[0] != " " else position + 1
            end = words.index(" ", begin)
            yield words[begin:end]
            position = words.find(edge, end)

    @cached_property
    def _vocabulary(self) -> str:
        return f" {' '.join(set(self._text.split()))} "

    def _holding(self, patterns: list[str]) -> Iterator[int]:
        """Rows with all of the patterns; the rarest leads."""
        if not all(pattern in self._text for pattern in patterns):
            return
        leading, *others = sorted(patterns, key=self._text.count) if len(patterns) > 1 else patterns
        for place in self._places_of(leading):
            lines = self._lines(place) + "\n"
            if all(pattern in lines for pattern in others):
                yield place

    def _places_of(self, pattern: str) -> Iterator[int]:
        text, starts = self._text, self._starts
        position = text.find(pattern)
        while position >= 0:
            place = bisect_right(starts, position) - 1
            if place < len(self._ids):
                yield place
            else:
                return
            position = text.find(pattern, starts[place + 1])

    def _lines(self, place: int) -> str:
        return self._text[self._starts[place] : self._starts[place + 1]]


def same_name(one: str, other: str) -> bool:
    """Whether two names are one, whatever their case, accents, umlaut spelling and order of words."""
    return sorted(search_key(one).split()) == sorted(search_key(other).split())


def is_one_edit(one: str, other: str) -> bool:
    """Whether one letter added, left out, exchanged, or two neighbours swapped make one word of the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1 or one == other:
        return False
    start = next((place for place, letter in enumerate(one) if letter != other[place]), len(one))
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    if one[start + 1 :] == other[start + 1 :]:
        return True
    swapped = one[start : start + 2][::-1]
    return swapped == other[start : start + 2] and one[start + 2 :] == other[start + 2 :]


def _forms(query: str) -> list[str]:
    """The query as typed, and in the spelling that all umlaut variants share."""
    return [form for form in dict.fromkeys((fold(query), search_key(query))) if form]


class _Folding:
    """Folds names word by word and remembers the words for as long as one load takes."""

    def __init__(self) -> None:
        self._words: dict[str, tuple[str, str]] = {}

    def lines(self, name: str) -> str:
        plain, shared = [], []
        for word in name.split():
            if (folded := self._words.get(word)) is None:
                folded = self._words[word] = fold(word), search_key(word)
            plain.append(folded[0])
            shared.append(folded[1])
        first, second = " ".join(filter(None, plain)), " ".join(filter(None, shared))
        return f"\n {first} " if first == second else f"\n {first} \n {second} "
