"""German text: the sorting order of the telephone book and the folding that search rests on.

Promise: two spellings of one name that a German reader takes for the same name share a folded variant:
``Müller``, ``Mueller`` and ``MULLER`` all do. The vault builds its search tokens from these functions, so a change
here means rebuilding every search index.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import product
from typing import Final

# Letters that Unicode does not decompose into a base letter and an accent.
_UNDECOMPOSED: Final = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "ss",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
_UMLAUT_AS_DIGRAPH: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
# Straight, typographic and accent-like apostrophes: D'Angelo is found as dangelo.
_APOSTROPHES: Final = dict.fromkeys(map(ord, "'`\u00b4\u2018\u2019\u02bc\u02b9"))
# A hostile "name" of hundreds of umlauts must not explode into 2^n variants.
_MOST_PLACES: Final = 4
_DIGRAPH: Final = re.compile("([aou])e+")


def fold(text: str) -> str:
    """Lower case without accents or punctuation, umlauts as their base letter, words parted by one blank.

    ``"  Dr. Özdemir-Müller "`` → ``"dr ozdemir muller"``. Idempotent. Texts are compared
    under this one form.
    """
    return _plain(_lowered(text))


def fold_digraph(text: str) -> str:
    """Like :func:`fold`, but umlauts written out: ``"Müller"`` → ``"mueller"``."""
    return _plain(_lowered(text).translate(_UMLAUT_AS_DIGRAPH))


def folded_variants(text: str) -> tuple[str, ...]:
    """Every folded spelling under which the text is to be found; the first one is ``fold(text)``, none occurs twice.

    The digraphs ``ae``, ``oe``, ``ue`` may stand for an umlaut, so ``"Mueller"`` → ``("mueller", "muller")`` and
    ``"Müller"`` → ``("muller", "mueller")``. Two texts match when their variants have one in common. At most 16
    places are combined freely; beyond four places all of them change together.
    """
    digraph = fold_digraph(text)
    places = _digraph_places(digraph)
    variants = [fold(text), digraph]
    if len(places) <= _MOST_PLACES:
        variants.extend(_shortened(digraph, chosen) for chosen in _choices(places))
    else:
        variants.append(_shortened(digraph, frozenset(places)))
    return tuple(dict.fromkeys(variants))


def search_key(text: str) -> str:
    """The one spelling that all variants share: every digraph shortened (``Müller``, ``Mueller`` → ``muller``).

    Coarser than the variants (``Bauer`` → ``baur``), which suits a search that may find too much but never too little.
    """
    return _DIGRAPH.sub(r"\1", fold_digraph(text))


def sort_key(text: str) -> tuple[str, str]:
    """Key for DIN 5007-1 (dictionary): ä like a, ß like ss; at a tie the plain letter comes before the umlaut."""
    return fold(text), _lowered(text)


def name_sort_key(text: str) -> tuple[str, str]:
    """Key for DIN 5007-2 (lists of names): ä like ae, ß like ss."""
    return fold_digraph(text), _lowered(text)


def _lowered(text: str) -> str:
    """Composed lower case, ``ß`` kept; compatibility forms (ﬁ, full width, ²) made ordinary first."""
    whole = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    return unicodedata.normalize("NFC", whole.translate(_APOSTROPHES).lower())


def _plain(lowered: str) -> str:
    letters = unicodedata.normalize("NFKD", lowered.translate(_UNDECOMPOSED))
    kept = [letter if letter.isalnum() else " " for letter in letters if not unicodedata.combining(letter)]
    return " ".join("".join(kept).casefold().split())


def _digraph_places(digraph: str) -> list[int]:
    """Where an ``e`` may be the second half of an umlaut. After q the u is no umlaut (Quelle)."""
    return [
        place
        for place in range(1, len(digraph))
        if digraph[place] == "e" and digraph[place - 1] in "aou" and not digraph.startswith("que", max(place - 2, 0))
    ]


def _choices(places: list[int]) -> list[frozenset[int]]:
    picks = product((False, True), repeat=len(places))
    return [frozenset(place for place, chosen in zip(places, pick, strict=True) if chosen) for pick in picks]


def _shortened(digraph: str, places: frozenset[int]) -> str:
    return "".join(letter for place, letter in enumerate(digraph) if place not in places)
