"""Every published variant is read, every broken copy is refused with a German reason."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dentatool.catalogue.bel import services
from dentatool.catalogue.price_file import COMMERCIAL, MOST_BYTES, PRACTICE, PriceFileError, read_price_file

DATA = Path(__file__).parents[3] / "shared" / "data" / "prices"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="LOUD: the KZVs' price files are not beside this checkout")
SHIPPING = ["9330", "9335", "9338"]

# file → encoding, columns, region, Gewerbe prices, Praxis prices
PUBLISHED = {
    "2023-04la0123.csv": ("Windows-1252", 14, "NS", 175, 175),
    "2023-06la0123.csv": ("Windows-1252", 14, "RP", 175, 175),
    "2023-11la0123.csv": ("Windows-1252", 6, "BY", 175, 175),
    "2023-20la0123.csv": ("Windows-1252", 14, "HS", 175, 175),
    "2023-31la0323.txt": ("Windows-1252", 14, "HB", 175, 172),
    "2023-32la0123.csv": ("Windows-1252", 14, "HH", 175, 175),
    "2023-35la0123.csv": ("Windows-1252", 14, "SAA", 174, 174),
    "2023-37la0323.csv": ("Windows-1252", 14, "WL", 175, 172),
    "2023-52la0123.csv": ("Windows-1252", 14, "MVO", 175, 175),
    "2023-54la0123csv_mitU.csv": ("Windows-1252", 6, "SAN", 175, 172),
    "2023-55Ia0123_kurz.csv": ("Windows-1252", 5, "TH", 175, 175),
    "2023-55la0123.csv": ("Windows-1252", 6, "TH", 175, 175),
    "2023-56la0123.csv": ("Windows-1252", 15, "SA", 175, 175),
    "2024-06la0124.csv": ("Windows-1252", 15, "RP", 175, 175),
    "2024-11la0124.csv": ("Windows-1252", 14, "BY", 175, 175),
    "2024-31la0124.txt": ("Windows-1252", 14, "HB", 175, 175),
    "2024-36la0124.csv": ("UTF-8", 12, "SH", 175, 175),
    "2025-02la0225.csv": ("Windows-1252", 15, "BW", 175, 175),
    "2025-11la0125.csv": ("Windows-1252", 14, "BY", 175, 175),
    "2025-37la0125.csv": ("Windows-1252", 14, "WL", 175, 172),
    "2025-BW-gewerbelabor_ab-2025-02-01.csv": ("Windows-1252", 3, "BW", 175, 0),
}


def published(file):
    return (DATA / "kzv" / file).read_bytes()


@needs_data
def test_the_table_above_names_every_file_there_is():
    assert sorted(PUBLISHED) == sorted(file.name for file in (DATA / "kzv").iterdir())


@needs_data
@pytest.mark.parametrize("file", PUBLISHED)
def test_every_published_file_is_read(file):
    found = read_price_file(file.split("-", 1)[1], published(file))

    seen = (found.encoding, found.columns, found.region, len(found.prices[COMMERCIAL]), len(found.prices[PRACTICE]))
    assert seen == PUBLISHED[file]


@needs_data
@pytest.mark.parametrize("file", PUBLISHED)
def test_what_is_missing_is_named_with_its_reason(file):
    found = read_price_file(file, published(file))

    for kind in found.lab_types():
        gaps = [gap.number for gap in found.missing[kind]]
        assert sorted([*gaps, *found.prices[kind]]) == sorted(services())
        assert all(gap.reason for gap in found.missing[kind])


@needs_data
def test_a_number_that_lost_a_digit_is_named_and_not_guessed():
    found = read_price_file("35la0123.csv", published("2023-35la0123.csv"))

    assert [str(gap) for gap in found.missing[COMMERCIAL]] == [
        "851 3: steht nicht in der Datei; vielleicht meint Zeile 163 „851 LE Basis Kunststoff UKPS“ diese Nummer"
    ]
    assert "8513" not in found.prices[COMMERCIAL]


@needs_data
def test_a_practice_laboratory_without_shipping_is_told_so():
    found = read_price_file("37la0125.csv", published("2025-37la0125.csv"))

    assert [(gap.number, gap.reason) for gap in found.missing[PRACTICE]] == [
        (number, "steht in der Datei, aber ohne Preis für diese Art von Labor") for number in SHIPPING
    ]


@needs_data
def test_areas_are_kept_apart_where_the_file_does():
    prices = read_price_file("37la0125.csv", published("2025-37la0125.csv")).prices[COMMERCIAL]

    assert prices["0015"] == {"KB": 779}
    assert prices["0021"] == {"KFO": 1599, "KB": 1599}
    assert prices["0018"] == {"ZE": 805}


@needs_data
def test_one_filled_column_is_the_price_for_every_area():
    assert read_price_file("02la0225.csv", published("2025-02la0225.csv")).prices[COMMERCIAL]["0010"] == {"": 806}


@needs_data
def test_a_number_that_stands_twice_for_different_areas_is_joined():
    assert read_price_file("52la0123.csv", published("2023-52la0123.csv")).prices[COMMERCIAL]["9330"] == {
        "KFO": 629, "KB": 629, "ZE": 629
    }  # fmt: skip


@needs_data
@pytest.mark.parametrize(
    ("file", "region", "year"), [("2025-11la0125.csv", "BY", "2025"), ("2025-37la0125.csv", "WL", "2025")]
)
def test_prices_agree_with_a_second_source(file, region, year):
    with (DATA / "bel2_2025_2026_regions.csv").open(encoding="utf-8") as table:
        second = {
            row["bel_nr"]: int(row["preis_cent"])
            for row in csv.DictReader(table, delimiter=";")
            if (row["abrechnungsbereich"], row["jahr"], row["labortyp"]) == (region, year, "gewerbe")
        }
    found = read_price_file(file, published(file)).prices[COMMERCIAL]

    assert len(second) == 175
    assert {number for number, cents in second.items() if cents not in found[number].values()} == set()


@needs_data
@pytest.mark.parametrize("encoding", ["cp850", "cp1252", "utf-8", "utf-8-sig"])
def test_the_encoding_is_found_by_content(encoding):
    text = published("2025-11la0125.csv").decode("cp1252")

    again = read_price_file("11la0125.csv", text.encode(encoding))

    assert again.prices == read_price_file("11la0125.csv", published("2025-11la0125.csv")).prices
    assert again.encoding == {"cp850": "DOS (cp850)", "cp1252": "Windows-1252"}.get(encoding, "UTF-8")
    assert again.remarks == read_price_file("11la0125.csv", published("2025-11la0125.csv")).remarks


def one_number(good):
    """Every other line says its number only once, in as many columns."""
    lines = good.splitlines()
    lines[1::2] = [line.replace(b";", b";x", 1) for line in lines[1::2]]
    return b"\r\n".join(lines)


BROKEN = {
    "empty": (lambda good: b"", "leer"),
    "cut in the middle": (lambda good: good[: len(good) // 3], "abgeschnitten"),
    "cut inside a line": (lambda good: good[: good.rindex(b"9330")] + b"9330;93", "unvollständig"),
    "cut after two thirds": (lambda good: good[: len(good) * 2 // 3], "abgeschnitten"),
    "without its last line": (lambda good: b"\r\n".join(good.splitlines()[:-1]), "endet bei BEL 933 8"),
    "cut inside the last price": (lambda good: good[: good.rindex(b"16,43") + 4], "unvollständig"),
    "cut inside a short line's price": (lambda good: (DATA / "kzv" / "2023-55la0123.csv").read_bytes()[:-1], "unvollständig"),
    "letters for a price": (lambda good: good.replace(b"8,06", b"acht", 1), "kein Preis"),
    "a negative price": (lambda good: good.replace(b"8,06", b"-8,06", 1), "kein Preis"),
    "a price in dollars": (lambda good: good.replace(b"8,06", b"$8,06", 1), "kein Preis"),
    "three decimals": (lambda good: good.replace(b"8,06", b"8,060", 1), "kein Preis"),
    "a decimal point": (lambda good: good.replace(b"8,06", b"8.06", 1), "kein Preis"),
    "a price of five thousand digits": (lambda good: good.replace(b"8,06", b"8" * 5000, 1), "kein Preis"),
    "an enormous price": (lambda good: good.replace(b"8,06", b"99999999999,06", 1), "zu hoch"),
    "a number twice with two prices": (lambda good: good + b"\r\n" + good.splitlines()[0].replace(b"8,06", b"9,06") + b"\r\n", "zweimal"),
    "two lines run together": (lambda good: good + good.splitlines()[0], "zu viele Spalten"),
    "letters for a number": (lambda good: good.replace(b"0021;0021", b"abcd;abcd", 1), "keine BEL-Nummer"),
    "digits of another script": (lambda good: good.decode("cp1252").replace("0", "٠").encode(), "keine BEL-Nummer"),
    "every other line without its second number": (lambda good: one_number(good), "verschieden aufgebaut"),
    "Excel": (lambda good: b"PK\x03\x04" + good, "Excel"),
    "old Excel": (lambda good: b"\xd0\xcf\x11\xe0" + good, "Excel"),
    "PDF": (lambda good: b"%PDF-1.7" + good, "PDF"),
    "a web page": (lambda good: b"<!DOCTYPE html><html>404</html>", "Internetseite"),
    "UTF-16": (lambda good: good.decode("cp1252").encode("utf-16"), "kein Text"),
    "NUL bytes": (lambda good: good.replace(b"Modell", b"Mod\0ll", 1), "kein Text"),
    "commas for semicolons": (lambda good: good.replace(b";", b","), "Semikolon"),
    "fifty megabytes": (lambda good: good * 5000, "größer"),
    "random bytes": (lambda good: bytes(range(1, 256)) * 40, ""),
    "one line of semicolons": (lambda good: b";" * 200_000, "keine Zeilen"),
    "a million digits": (lambda good: b"1" * 900_000, ""),
}  # fmt: skip


@needs_data
@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_copy_is_refused_with_a_reason(damage):
    break_it, reason = BROKEN[damage]
    good = published("2025-11la0125.csv")
    assert read_price_file("11la0125.csv", good)

    with pytest.raises(PriceFileError) as refused:
        read_price_file("11la0125.csv", break_it(good))

    assert reason in str(refused.value)
    assert len(str(refused.value)) > 15


def test_the_size_limit_is_far_above_real_files():
    assert MOST_BYTES == 1_000_000


@needs_data
@pytest.mark.parametrize("file", PUBLISHED)
def test_a_file_cut_anywhere_is_refused_or_tells_each_missing_number(file):
    whole = published(file)
    prices = read_price_file(file, whole).prices

    for place in range(len(whole) // 7, len(whole) - 2, len(whole) // 23 + 1):
        try:
            found = read_price_file(file, whole[:place])
        except PriceFileError:
            continue
        for kind, by_number in found.prices.items():
            assert all(by_number[number] == prices[kind][number] for number in by_number), (place, kind)
            assert len(by_number) + len(found.missing.get(kind, ())) in (0, 175), (place, kind)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(0, 400))
def test_no_damage_makes_the_reader_crash(rubbish, place, length):
    lines = (f"{n};{n};{service.short_text};0;7,65;8,06;;;;;;;;" for n, service in services().items())
    good = "\n".join(lines).encode("cp1252")

    try:
        found = read_price_file("11la0126.csv", good[:place] + rubbish + good[place + length :])
    except PriceFileError as reason:
        refusal = str(reason)
    else:
        refusal = ""

    # Refused in German, or read with prices that stand in the file.
    assert refusal.endswith(".") or set(found.prices[COMMERCIAL]) <= set(services())
