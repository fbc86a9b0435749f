"""What a query finds among folded names, and in which order."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dentatool.protection.vault.internal.names import FoldedNames, is_one_edit, same_name

NAMES = [
    "Müller",
    "Eva Müller",
    "Mueller-Lüdenscheid, Karl",
    "Muller Otto",
    "Erika Obermüller",
    "Meier, Anna",
    "Meyer, Bernd",
    "Maier, Carla",
    "Anna-Lena Strauß",
    "D'Angelo, Gianni",
    "Łukasz Øster",
    "José García Núñez",
    "Bauer",
    "Schneider, Paul",
    "İpek Çelik",
]


@pytest.fixture(scope="module")
def names():
    return FoldedNames.of((name.encode(), 1, name) for name in NAMES)


def found(names, query, limit=50):
    return [row_id.decode() for row_id in names.search(query, limit)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("müller", "Müller"),
        ("MUELLER", "Müller"),
        ("Müller Eva", "Eva Müller"),
        ("mülleR, EVA", "Eva Müller"),
        ("karl mueller lüdenscheid", "Mueller-Lüdenscheid, Karl"),
        ("Strauss", "Anna-Lena Strauß"),
        ("anna lena", "Anna-Lena Strauß"),
        ("dangelo", "D'Angelo, Gianni"),
        ("lukasz oster", "Łukasz Øster"),
        ("nunez jose", "José García Núñez"),
        ("ipek celik", "İpek Çelik"),
    ],
)
def test_the_best_hit_comes_first(names, query, first):
    assert found(names, query)[0] == first


@pytest.mark.parametrize("query", ["Müller", "Mueller", "Muller", "muell", "müll", "MÜLL"])
def test_every_spelling_of_an_umlaut_finds_every_other(names, query):
    assert set(found(names, query)) >= {
        "Müller",
        "Eva Müller",
        "Mueller-Lüdenscheid, Karl",
        "Muller Otto",
        "Erika Obermüller",
    }


def test_whole_before_beginning_before_word_beginning_before_fragment(names):
    assert found(names, "muller") == [
        "Müller",
        "Mueller-Lüdenscheid, Karl",
        "Muller Otto",
        "Eva Müller",
        "Erika Obermüller",
    ]


@pytest.mark.parametrize("query", ["Meier", "Meyer", "Maier"])
def test_one_wrong_letter_is_forgiven_after_the_right_spelling(names, query):
    right = next(name for name in NAMES if name.startswith(query))
    near = {name for name in NAMES if is_one_edit(query.lower(), name.split(",")[0].lower())}

    hits = found(names, query)

    assert hits[0] == right
    assert set(hits) == {right} | near
    assert near


@pytest.mark.parametrize("query", ["Schnieder", "Schneder", "Schneideer", "Schmeider", "paul shneider"])
def test_swapped_missing_doubled_and_wrong_letters_are_forgiven(names, query):
    assert found(names, query) == ["Schneider, Paul"]


@pytest.mark.parametrize("query", ["", "   ", "-,.", "Xaver", "Eva Schneider", "Mey Anna", "\n", "Ba\nuer Anna", "ii"])
def test_what_does_not_match_is_not_found(names, query):
    assert found(names, query) == []


def test_short_words_are_not_guessed_at(names):
    assert found(names, "Evi") == []


def test_fragments_of_both_spellings_are_found(names):
    assert found(names, "auer") == ["Bauer"]
    assert found(names, "uer") == ["Bauer"]
    assert "Erika Obermüller" in found(names, "bermue")


def test_the_limit_holds_and_takes_the_best(names):
    assert found(names, "muller", limit=1) == ["Müller"]
    assert len(found(names, "m", limit=3)) == 3


def test_only_allowed_rows_are_found(names):
    assert names.search("muller", 50, {b"Muller Otto"}) == [b"Muller Otto"]


def test_a_changed_and_a_removed_row_show_at_once(names):
    later = names.with_changes([(b"Bauer", 2, "Zimmer")], gone=[b"Muller Otto"])

    assert found(later, "zimmer") == ["Bauer"]
    assert found(later, "bauer") == []
    assert "Muller Otto" not in found(later, "muller")
    assert (later.version_of(b"Bauer"), names.version_of(b"Bauer"), later.version_of(b"Muller Otto")) == (2, 1, None)
    assert later.unknown([(b"Bauer", 1), (b"Meier, Anna", 1), (b"new", 1)]) == [b"Bauer", b"new"]
    assert later.gone([b"Bauer"]) == {name.encode() for name in NAMES} - {b"Bauer", b"Muller Otto"}


def test_empty_names_are_never_found():
    names = FoldedNames.of([(b"1", 1, ""), (b"2", 1, "---"), (b"3", 1, "Otto")])

    assert names.search("o", 5) == [b"3"]
    assert len(names) == 3


_words = st.text(alphabet="aäbelmnoöruüß", min_size=1, max_size=8)
_full_names = st.lists(_words, min_size=1, max_size=3).map(" ".join)


@given(st.lists(_full_names, min_size=1, max_size=30), st.data())
def test_every_name_is_found_by_itself_and_by_any_fragment_of_it(texts, data):
    names = FoldedNames.of((str(place).encode(), 1, text) for place, text in enumerate(texts))
    place = data.draw(st.integers(0, len(texts) - 1))
    text = texts[place]
    start = data.draw(st.integers(0, len(text) - 1))
    fragment = text[start : data.draw(st.integers(start + 1, len(text)))]

    for query in (text, text.upper(), text.replace("ü", "ue").replace("ä", "ae").replace("ö", "oe")):
        assert str(place).encode() in names.search(query, len(texts))
    if fragment.strip():
        assert str(place).encode() in names.search(fragment, len(texts))


@given(_full_names, st.randoms())
def test_the_order_of_words_does_not_make_another_name(text, random):
    words = text.split()
    random.shuffle(words)

    assert same_name(text, ", ".join(words))


@given(st.text(alphabet="abc", max_size=6), st.text(alphabet="abc", max_size=6))
def test_one_edit_is_what_the_textbook_says(one, other):
    assert is_one_edit(one, other) == (_edits(one, other) == 1)
    assert is_one_edit(one, other) == is_one_edit(other, one)


def _edits(one: str, other: str) -> int:
    """Restricted Damerau-Levenshtein distance by the full table."""
    columns = range(len(other) + 1)
    table = [[row + column if row * column == 0 else 0 for column in columns] for row in range(len(one) + 1)]
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            same = one[row - 1] == other[column - 1]
            table[row][column] = min(
                table[row - 1][column] + 1, table[row][column - 1] + 1, table[row - 1][column - 1] + (not same)
            )
            if row > 1 and column > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
                table[row][column] = min(table[row][column], table[row - 2][column - 2] + 1)
    return table[-1][-1]


def test_twenty_thousand_names_are_folded_and_searched_quickly():
    """Generous bounds: a machine under load must not make the tests red; the bench measures exactly."""
    import time

    rows = [(os.urandom(16), 1, f"Vor{place % 300} Müller{place % 4000}") for place in range(20_000)]
    start = time.process_time()
    names = FoldedNames.of(rows)
    built = time.process_time() - start
    best = min(_seconds(lambda: names.search("ller39", 50)) for _ in range(5))

    assert built < 2
    assert best < 0.05


def _seconds(work):
    import time

    start = time.process_time()
    work()
    return time.process_time() - start
