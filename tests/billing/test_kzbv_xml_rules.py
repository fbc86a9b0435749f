"""The rules of the trade: each one broken once, and everything that may look odd but is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from billing.samples import BRUSH, CROWN, DISCOUNT, FIXATOR, HEADER, MODEL, invoice
from dentatool.billing.kzbv_xml import CURRENT, Group, Invoice, Line, PlainLine, Refused, build, check, invoice_findings
from dentatool.billing.kzbv_xml.writing import _document

NAME = f"{HEADER.order_number}.xml"
GOOD = invoice()


def written(broken: Invoice) -> bytes:
    """The file as a careless program would write it, without any check."""
    return "\n".join(_document(broken, CURRENT)).encode()


def rules(data: bytes, name: str = NAME) -> list[tuple[str, str]]:
    return [(finding.layer, finding.rule) for finding in check(name, data).findings]


def with_header(**changes: object) -> Invoice:
    return replace(GOOD, header=replace(HEADER, **changes))


def with_group(**changes: object) -> Invoice:
    return Invoice.of(HEADER, [replace(GOOD.groups[0], **changes)])


def with_line(**changes: object) -> Invoice:
    group = GOOD.groups[0]
    return Invoice.of(HEADER, [replace(group, lines=(replace(group.lines[0], **changes), *group.lines[1:]))])


BROKEN = {
    "a wrong check digit": (with_header(order_number="289202-600-ZE-8040-30-4"), "auftragsnummer"),
    "an order number of the old format": (with_header(order_number="37-9999-1-76-ZE-6-13-4"), "auftragsnummer"),
    "an order number in another spelling": (with_header(order_number="289202-600-ze-8040-30-3"), "auftragsnummer"),
    "a number on a private service": (with_line(art="NBL"), "nummer"),
    "a BEL service without number": (with_line(number=None), "nummer"),
    "an empty description": (with_line(text=" "), "leer"),
    "an empty laboratory": (with_header(laboratory=""), "leer"),
    "a German town without D-": (with_header(place="München"), "herstellungsort"),
    "D- without a town": (with_header(place="D- "), "herstellungsort"),
    "a tax amount one cent off": (with_group(vat_cents=GOOD.vat_cents + 1), "mehrwertsteuer"),
    "a subtotal one cent off": (with_group(net_cents=GOOD.net_cents + 1, vat_cents=GOOD.vat_cents), "zwischensumme"),
    "a net total one cent off": (
        replace(GOOD, net_cents=GOOD.net_cents + 1, gross_cents=GOOD.gross_cents + 1),
        "gesamtbetrag",
    ),
    "a gross total one cent off": (replace(GOOD, gross_cents=GOOD.gross_cents - 1), "gesamtbetrag"),
    "a rate in per cent": (with_group(vat_permille=7, vat_cents=446), "steuersatz"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_rule_is_found_in_the_file_and_prevents_writing_it(fault: str) -> None:
    broken, rule = BROKEN[fault]
    name = f"{broken.header.order_number}.xml"

    assert ("regel", rule) in rules(written(broken), name)
    assert {layer for layer, _ in rules(written(broken), name)} <= {"regel", "warnung"}
    with pytest.raises(Refused) as refused:
        build(broken)
    assert rule in {finding.rule for finding in refused.value.findings}


def test_discounts_alone_are_no_group() -> None:
    group = Group(190, 0, 0, (Line("RBT", "Nachlass", 0, 1000),))

    assert rules(written(Invoice.of(HEADER, [*GOOD.groups, group]))) == [
        ("regel", "nur-nachlass"),
        ("warnung", "handelsware"),
    ]


def test_an_invoice_over_nothing_is_refused() -> None:
    assert rules(written(Invoice.of(HEADER, [Group(70, 0, 0, (Line("NBL", "Kulanz", 0, 1000),))]))) == [
        ("regel", "null")
    ]


def test_one_rate_in_two_groups_may_round_its_tax_together() -> None:
    half = Group(70, 50, 4, (Line("NBL", "Kleinteil", 50, 1000),))

    together = Invoice.of(HEADER, [half, replace(half, vat_cents=3)])

    assert rules(written(together)) == []  # 7 % of 1.00 € are 7 cents, though each half alone would give 4
    assert rules(written(Invoice.of(HEADER, [half, half]))) == []
    assert ("regel", "mehrwertsteuer") in rules(written(Invoice.of(HEADER, [half, replace(half, vat_cents=2)])))


@pytest.mark.parametrize("place", ["D-Berlin", "Österreich", "China", "China, Shenzhen", "TUERKEI"])
def test_a_place_of_manufacture_at_home_or_abroad_is_accepted(place: str) -> None:
    assert rules(written(with_header(place=place))) == []


def test_a_positions_line_is_named_with_its_place_in_the_file() -> None:
    report = check(NAME, written(with_line(number=None)))

    assert str(report.findings[0]) == "Zeile 5, Gruppe 1, Position 1: Der BEL-Position „Modell“ fehlt die BEL-Nummer."


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (with_line(text="Gipsmodell"), "kurztext"),
        (invoice(MODEL, BRUSH), "handelsware"),
        (invoice(MODEL, PlainLine("BEL", "Modell UKPS", 845, number="0015")), "ukps"),
        (with_header(delivered_on=date(2020, 8, 1)), "steuersatz"),
        (with_header(laboratory_id="L1"), "labor-id"),
        (with_header(delivered_on=date(2002, 1, 1)), "lieferdatum"),
    ],
)
def test_what_is_only_odd_is_a_warning_and_the_file_is_written(broken: Invoice, rule: str) -> None:
    data = build(broken)

    assert rules(data) == [("warnung", rule)]
    assert check(NAME, data).is_valid
    assert [finding.rule for finding in invoice_findings(broken)] == [rule]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((b'Version="4.5"', b'Version="9.9"'), ("regel", "version")),
        ((b'Version="4.5"', b'Version="4.4"'), ("regel", "version")),
        ((b'Mehrwertsteuersatz="70"', b'Mehrwertsteuersatz="+70"'), ("regel", "zahl")),
        ((b'Laborlieferdatum="2026-03-12"', b'Laborlieferdatum="2026-03-12Z"'), ("regel", "lieferdatum")),
        ((b'Laborlieferdatum="2026', b'Laborlieferdatum="-2026'), ("regel", "lieferdatum")),
        ((b"<Rechnung ", b'<Rechnung NEM_Einzelpreis="0" '), ("warnung", "nem")),
    ],
)
def test_what_only_a_file_can_have_wrong(change: tuple[bytes, bytes], expected: tuple[str, str]) -> None:
    assert rules(build(GOOD).replace(*change)) == [expected]


def test_a_practice_with_an_older_program_gets_told_when_the_version_differs() -> None:
    report = check(NAME, build(GOOD), version="4.4")

    assert [str(finding) for finding in report.findings] == [
        "Zeile 2: Die Praxis erwartet Schema 4.4, die Datei nennt 4.5. Bitte neu ausgeben."
    ]


@pytest.mark.parametrize("name", ["Rechnung.xml", HEADER.order_number, f"{HEADER.order_number}.pdf", "", ".xml"])
def test_a_file_must_bear_the_order_number_as_name(name: str) -> None:
    assert rules(build(GOOD), name) == [("regel", "dateiname")]


@pytest.mark.parametrize("name", [NAME, f"/tmp/{NAME}", f"C:\\Labor\\{NAME}", f"{HEADER.order_number}.XML"])
def test_folders_and_capitals_of_the_ending_do_not_matter(name: str) -> None:
    assert rules(build(GOOD), name) == []


@pytest.mark.parametrize(
    ("version", "line", "is_possible"),
    [
        ("4.5", PlainLine("BEL", "Modell UKPS", 845, number="0015"), True),
        ("4.4", PlainLine("BEL", "Modell UKPS", 845, number="0015"), False),
        ("4.4", PlainLine("NBL", "x" * 60, 845), True),
        ("4.2", PlainLine("NBL", "x" * 60, 845), False),
        ("4.2", PlainLine("NBL", "x" * 50, 845), True),
        ("4.6", MODEL, False),
    ],
)
def test_older_versions_cannot_say_everything(version: str, line: PlainLine, is_possible: bool) -> None:
    made = invoice(line)

    if is_possible:
        assert f'Version="{version}"'.encode() in build(made, version)
    else:
        with pytest.raises(Refused):
            build(made, version)


def test_a_discount_is_subtracted() -> None:
    assert invoice(FIXATOR, CROWN, DISCOUNT).net_cents == 1100 + 25000 - 750
