"""Hostile files: each ends within a second in a German finding, never in an exception."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.samples import HEADER, invoice
from dentatool.billing.kzbv_xml import Refused, build, check, parse

NAME = f"{HEADER.order_number}.xml"
GOOD = build(invoice())
TEXT = GOOD.decode()
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
INSIDE = '<Laborabrechnung Version="4.5">&x;</Laborabrechnung>'

ATTACKS = {
    "file entity": f'<!DOCTYPE Laborabrechnung [<!ENTITY x SYSTEM "file:///etc/passwd">]>{INSIDE}'.encode(),
    "network entity": f'<!DOCTYPE Laborabrechnung [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]>{INSIDE}'.encode(),
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><a/>',
    "external dtd": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l11;</a>'.encode(),
    "quadratic blow-up": f'<!DOCTYPE a [<!ENTITY x "{"x" * 50000}">]><a>{"&x;" * 50000}</a>'.encode(),
    "xinclude": TEXT.replace(
        "<Rechnung", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/><Rechnung', 1
    ).encode(),
    "50 MB": b"<a>" + b"x" * 50_000_000 + b"</a>",
    "deep nesting": b"<Laborabrechnung>" * 100_000,
    "deep and closed": b"<a>" * 100_000 + b"</a>" * 100_000,
    "many elements": b"<Laborabrechnung>" + b"<a/>" * 450_000 + b"</Laborabrechnung>",
    "many positions": GOOD.replace(
        b"</MWST-Gruppe>",
        b'<Position Art="BEL" Nummer="0010" Beschreibung="" Einzelpreis="1" Menge="1"/>' * 20_000 + b"</MWST-Gruppe>",
    ),
    "many attributes": b"<Laborabrechnung " + b" ".join(b'a%d="1"' % n for n in range(150_000)) + b"/>",
    "many namespaces": b"<Laborabrechnung " + b" ".join(b'xmlns:a%d="u%d"' % (n, n) for n in range(70_000)) + b"/>",
    "one huge value": GOOD.replace(b"Krone", b"K" * 1_900_000),
    "huge number": GOOD.replace(b'"25000"', b'"' + b"9" * 1_900_000 + b'"'),
    "number of zeros": GOOD.replace(b'"25000"', b'"' + b"0" * 1_900_000 + b'"'),
    "huge comment": b"<!--" + b" " * 1_990_000,
    "utf-16 with mark": TEXT.replace("UTF-8", "UTF-16").encode("utf-16"),
    "utf-16 without mark": TEXT.encode("utf-16-le"),
    "utf-32": TEXT.encode("utf-32"),
    "utf-7": TEXT.replace("UTF-8", "UTF-7").encode("utf-7"),
    "utf-7 with mark": b"+/v8-" + GOOD,
    "ebcdic": TEXT.encode("cp500"),
    "iso-8859-1": TEXT.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    "latin-1 called utf-8": TEXT.encode("latin-1"),
    "overlong utf-8": GOOD.replace(b"Krone", b"\xc0\xbc"),
    "surrogates": GOOD.replace(b"Krone", b"\xed\xa0\x80"),
    "nul": GOOD.replace(b"Krone", b"\x00"),
    "control character": GOOD.replace(b"Krone", b"\x01"),
    "reference to nul": GOOD.replace(b"Krone", b"&#0;"),
    "unknown entity": GOOD.replace(b"Krone", b"&krone;"),
    "empty": b"",
    "blanks": b" \n ",
    "only a mark": b"\xef\xbb\xbf",
    "no xml": b"\x89PNG\r\n\x1a\n" * 100,
    "html": b"<html><body>Bitte anmelden</body></html>",
    "cut off": GOOD[: len(GOOD) // 2],
    "doubled attribute": GOOD.replace(b"<Rechnung ", b'<Rechnung Laborname="x" '),
    "foreign namespace": GOOD.replace(b"<Laborabrechnung ", b'<Laborabrechnung xmlns="urn:dtvz" '),
    "two documents": GOOD + GOOD,
    "lower case doctype": b"<!doctype a><a/>",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_file_is_refused_quickly_with_a_reason(attack: str) -> None:
    started = time.process_time()
    report = check(NAME, ATTACKS[attack])
    took_s = time.process_time() - started

    assert not report.is_valid
    assert 0 < len(report.findings) <= 101
    assert all(finding.message for finding in report.findings)
    assert "root:" not in str(report)
    assert took_s < 1
    if report.layer == "schema":  # what only a rule of the trade refuses is still an invoice
        with pytest.raises(Refused):
            parse(ATTACKS[attack])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    assert not check(NAME, data).is_valid


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_file_with_broken_bytes_never_raises(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    length = data.draw(st.integers(0, 30))
    broken = GOOD[:place] + data.draw(st.binary(max_size=30)) + GOOD[place + length :]

    report = check(NAME, broken)

    assert report.file_name == NAME
    if report.is_valid:
        parse(broken)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_file_name_raises(name: str) -> None:
    report = check(name, GOOD)

    assert report.is_valid == (name.rpartition(".")[0].replace("\\", "/").endswith(HEADER.order_number))


def test_an_absurdly_long_but_correct_invoice_is_still_checked_in_time() -> None:
    position = b'<Position Art="BEL" Nummer="0010" Beschreibung="x" Einzelpreis="0" Menge="1"/>'
    data = GOOD.replace(b"</MWST-Gruppe>", position * 9_000 + b"</MWST-Gruppe>")

    started = time.process_time()
    report = check(NAME, data)
    took_s = time.process_time() - started

    assert report.is_valid
    assert len(report.findings) == 101
    assert took_s < 1


def test_a_byte_order_mark_and_comments_do_no_harm() -> None:
    assert check(NAME, b"\xef\xbb\xbf" + GOOD).findings == ()
    assert check(NAME, GOOD.replace(b"<Rechnung", b"<!-- Praxis Dr. M. --><Rechnung", 1)).findings == ()


def test_a_flood_of_findings_is_cut_short_and_counted() -> None:
    lines = b'<Position Art="X" Beschreibung="" Einzelpreis="1" Menge="1"/>' * 500

    report = check(NAME, GOOD.replace(b"</MWST-Gruppe>", lines + b"</MWST-Gruppe>"))

    assert len(report.findings) == 101
    assert str(report.findings[-1]) == "… und 400 weitere Befunde."
