"""Writing, reading back and comparing; from the lines of an invoice to the file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.samples import BRUSH, CROWN, DISCOUNT, FIXATOR, GOLD, HEADER, MODEL, invoice
from dentatool.billing.kzbv_xml import (
    Invoice,
    PlainLine,
    Refusal,
    Refused,
    XmlFile,
    build,
    check,
    export,
    from_lines,
    invoice_findings,
    parse,
    same_meaning,
    split_proposal,
)
from dentatool.billing.kzbv_xml.command import main_check
from dentatool.values.money import totals

NAME = f"{HEADER.order_number}.xml"
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=60).filter(
    lambda text: text.strip() != "" and not set(text) & {"\ufffe", "\uffff"}
)
LINES = st.lists(
    st.builds(
        PlainLine,
        st.sampled_from(["NBL", "EDM", "MAT"]),
        TEXTS,
        st.integers(1_000, 50_000),
        st.integers(1, 9_999),
        st.sampled_from([0, 70, 190]),
    ),
    min_size=1,
    max_size=12,
)


def test_the_file_looks_as_the_exchange_expects_it() -> None:
    lines = build(invoice(MODEL, BRUSH)).decode().split("\n")

    assert lines[0] == '<?xml version="1.0" encoding="UTF-8"?>'
    assert lines[2] == (
        '  <Rechnung Laborsoftwarehersteller="DentaTool" Laborsoftware="DentaTool" Laborsoftwareversion="0.1" '
        'Laborname="Dentallabor Anna Huber GmbH" Herstellungsort="D-München" Abrechnungsbereich="BY" '
        'Laborlieferdatum="2026-03-12" Laborrechnungsnummer="2026-0017" Auftragsnummer="289202-600-ZE-8040-30-3" '
        'Gesamtbetrag_netto="2280" Mehrwertsteuer_gesamt="230" Gesamtbetrag_brutto="2510">'
    )
    assert lines[3:6] == [
        '    <MWST-Gruppe Zwischensumme_netto="1690" Mehrwertsteuersatz="70" Mehrwertsteuerbetrag="118">',
        '      <Position Art="BEL" Nummer="0010" Beschreibung="Modell" Einzelpreis="845" Menge="2000"/>',
        "    </MWST-Gruppe>",
    ]
    assert lines[-1] == ""


@settings(max_examples=150, deadline=None)
@given(LINES, TEXTS)
def test_whatever_is_written_reads_back_the_same(lines: list[PlainLine], laboratory: str) -> None:
    made = from_lines(replace(HEADER, laboratory=laboratory), lines)
    assert isinstance(made, Invoice), made

    data = build(made)

    assert parse(data) == made
    assert check(NAME, data).is_valid
    expected = totals([replace(line, text="") for line in lines])
    assert (made.net_cents, made.vat_cents) == (expected.net_cents, expected.vat_cents)
    assert [group.vat_permille for group in made.groups] == [group.vat_permille for group in expected.groups]


def test_signs_that_mean_something_in_xml_survive() -> None:
    odd = "a<b> & \"c\" 'd'\t\r\n]]> <!-- é 😀"
    made = Invoice.of(replace(HEADER, laboratory=odd), invoice().groups)

    assert parse(build(made)).header.laboratory == odd


@pytest.mark.parametrize("sign", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe"])
def test_signs_that_xml_cannot_carry_are_refused(sign: str) -> None:
    with pytest.raises(Refused, match="Steuerzeichen"):
        build(Invoice.of(replace(HEADER, laboratory=f"Labor{sign}"), invoice().groups))


def test_text_lines_and_quantity_zero_stay_at_home() -> None:
    lines = [PlainLine("TEXT", "Zahn 14, Farbe A3"), MODEL, replace(FIXATOR, quantity_milli=0)]

    assert [line.text for line in invoice(*lines).groups[0].lines] == ["Modell"]


def test_lines_without_price_are_told() -> None:
    assert [line.price_cents for line in invoice(MODEL, replace(CROWN, price_cents=0)).groups[0].lines] == [845, 0]


@pytest.mark.parametrize(
    "negative", [replace(MODEL, quantity_milli=-1000), replace(MODEL, price_cents=-845, quantity_milli=1000)]
)
def test_a_negative_line_becomes_a_discount_without_number(negative: PlainLine) -> None:
    made = invoice(CROWN, negative)

    discount = made.groups[0].lines[1]
    assert (discount.art, discount.number, discount.price_cents, discount.quantity_milli) == ("RBT", None, 845, 1000)
    assert made.net_cents == 25000 - 845


def test_groups_stand_in_the_order_in_which_their_rate_first_appears() -> None:
    made = invoice(BRUSH, MODEL, replace(BRUSH, text="Zahnpasta"), FIXATOR)

    assert [(group.vat_permille, len(group.lines)) for group in made.groups] == [(190, 2), (70, 2)]


@pytest.mark.parametrize(
    ("header", "lines", "reason"),
    [
        (replace(HEADER, order_number=""), [MODEL], "Ohne Auftragsnummer der Praxis gibt es keine XML-Datei."),
        (replace(HEADER, order_number="289202-600-ZE-8040-30-4"), [MODEL], "Prüfziffer falsch (erwartet 3)."),
        (HEADER, [], "keine Position, die übermittelt werden kann"),
        (HEADER, [PlainLine("TEXT", "Nur Text")], "keine Position, die übermittelt werden kann"),
        (HEADER, [replace(CROWN, price_cents=0)], "Der Rechnungsbetrag ist 0,00 €."),
        (HEADER, [DISCOUNT], "Die Nachlässe sind höher als die Leistungen"),
        (HEADER, [MODEL, replace(DISCOUNT, vat_permille=190)], "Die Nachlässe sind höher als die Leistungen"),
        (HEADER, [replace(CROWN, price_cents=1_000_000)], "z. B. 2 × 5.000,00 €"),
        (HEADER, [replace(CROWN, price_cents=2_000_000)], "z. B. 2 × 6.666,67 € und 1 × 6.666,66 €"),
        (HEADER, [replace(CROWN, price_cents=900_000)] * 11, "höchstens 99.999,99 €"),
        (HEADER, [replace(CROWN, price_cents=1, quantity_milli=1_000_000)], "Menge „1000000“ ist zu groß"),
        (HEADER, [replace(CROWN, text="x" * 61)], "Beschreibung ist 61 Zeichen lang"),
        (HEADER, [replace(MODEL, number="0011")], "keine BEL-Nummer im Schema 4.5"),
        (HEADER, [replace(MODEL, number="")], "fehlt die BEL-Nummer"),
        (HEADER, [replace(CROWN, vat_permille=rate) for rate in (0, 50, 70, 190)], "möglich sind 1 bis 3"),
        (replace(HEADER, region="NRW"), [MODEL], "„NRW“ ist kein Abrechnungsbereich"),
    ],
)
def test_what_rules_forbid_ends_in_a_reason_and_no_file(header: object, lines: list[PlainLine], reason: str) -> None:
    made = export(header, lines)  # type: ignore[arg-type]

    assert isinstance(made, Refusal)
    assert reason in " ".join(made.reasons)


def test_the_reduced_export_tells_private_services_in_one_line() -> None:
    lines = [MODEL, CROWN, FIXATOR, replace(CROWN, text="Gerüst", price_cents=9800), DISCOUNT]

    full, reduced = from_lines(HEADER, lines), from_lines(HEADER, lines, reduced=True)

    assert isinstance(full, Invoice)
    assert isinstance(reduced, Invoice)
    assert (reduced.net_cents, reduced.vat_cents) == (full.net_cents, full.vat_cents)
    assert [(line.art, line.text, line.amount_cents) for line in reduced.groups[0].lines] == [
        ("BEL", "Modell", 1690),
        ("NBL", "Auftragsbezogene Mehrleistungen", 34800),
        ("BEL", "Fixator", 1100),
        ("RBT", "Nachlass 3 %", -750),
    ]


@given(st.integers(1_000_000, 99_999_999))
def test_a_split_adds_up_and_each_part_fits(price: int) -> None:
    parts = split_proposal(price)

    assert sum(parts) == price
    assert max(parts) <= 999_999
    assert max(parts) - min(parts) <= 1


def test_two_files_mean_the_same_whatever_wrote_them() -> None:
    data = build(invoice())
    other = build(
        Invoice.of(replace(HEADER, software_maker=None, software="x", software_version=None), invoice().groups)
    )

    assert same_meaning(data, other.replace(b"\n", b"").replace(b"      ", b" "))
    assert not same_meaning(data, build(invoice(MODEL)))
    assert not same_meaning(data, data.replace(b"845", b"846"))
    with pytest.raises(Refused):
        same_meaning(data, b"<")


def test_a_day_is_written_as_the_schema_wants_it() -> None:
    made = Invoice.of(replace(HEADER, delivered_on=date(2026, 1, 2)), invoice().groups)

    assert b'Laborlieferdatum="2026-01-02"' in build(made)


def test_the_command_tells_each_file_and_fails_when_one_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = export(HEADER, [MODEL, GOLD])
    assert isinstance(made, XmlFile)
    good, bad = tmp_path / made.name, tmp_path / "Rechnung.xml"
    good.write_bytes(made.content)
    bad.write_bytes(made.content)

    assert main_check([good]) == 0
    assert capsys.readouterr().out == f"{good}: in Ordnung\n"
    assert main_check([good, bad, tmp_path, tmp_path / "fehlt.xml"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{good}: in Ordnung",
        f"{bad}: nicht in Ordnung",
        f"  REGEL  Die Datei heißt „Rechnung.xml“, muss aber wie die Auftragsnummer heißen: „{NAME}“.",
        f"{tmp_path}: nicht in Ordnung",
        "  SCHEMA  Die Datei ist ein Ordner. Bitte die Dateien darin angeben.",
        f"{tmp_path / 'fehlt.xml'}: nicht in Ordnung",
        "  SCHEMA  Die Datei gibt es nicht. Bitte Name und Ordner prüfen.",
    ]
    assert main_check([]) == 1
    assert "Bitte mindestens eine Datei angeben." in capsys.readouterr().out


def test_the_command_warns_of_two_files_with_one_order_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / folder / NAME for folder in ("alt", "neu")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(build(invoice(MODEL)))

    assert main_check(paths) == 0
    assert capsys.readouterr().out.count("Diese Auftragsnummer kommt mehrmals vor.") == 2


def test_the_command_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"<a/>")

    assert main_check([path], json=True) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert report["gueltig"] is False
    assert [finding["schicht"] for finding in report["befunde"]] == ["schema"]


def test_one_step_writes_the_same_file_as_two():
    lines = [PlainLine("BEL", "Modell", 1000, 1000, 70, "0010")]
    made, file = from_lines(HEADER, lines), export(HEADER, lines)

    assert isinstance(made, Invoice)
    assert isinstance(file, XmlFile)
    assert file.content == build(made)
    assert file.warnings == tuple(invoice_findings(made))
