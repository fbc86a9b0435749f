"""Broken and odd variants of a Laborabrechnungsdaten file, made by chance but repeatable."""

from __future__ import annotations

import copy
import random

from lxml import etree

XSI = "http://www.w3.org/2001/XMLSchema-instance"

NUMBERS = [
    *("0", "1", "-1", "+1", "-0", "007", "0000000000000000000000000000000007", "", " ", " 7 ", "\t7", "7\n", "1 2"),
    *("999", "1000", "9999", "10000", "99999", "999999", "1000000", "9999999", "10000000", "-9999", "-99", "100"),
    *("1.0", "1,5", "1e3", "abc", "0x10", "٣", "１２", "--1", "+-1", "+", "-", "7\u00a0", "1_000", "1\u00b2"),
    "9" * 30,
]
TEXTS = [
    *("", " ", "x", "x" * 10, "x" * 11, "x" * 20, "x" * 21, "x" * 50, "x" * 51, "x" * 60, "x" * 61, "ä" * 50, "ä" * 60),
    *("ä" * 61, "😀" * 60, "😀" * 61, "\n" * 60, " " * 61, "\t", "4.5", "4.50", " 4.5", "9.9", "äöü", "e\u0301" * 30),
]
DAYS = [
    *("2026-02-28", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-13-01", "2026-00-10", "2026-01-00"),
    *(
        "2026-01-32",
        "2026-04-31",
        "0000-01-01",
        "-0001-01-01",
        "-0000-01-01",
        "12026-01-01",
        "012026-01-01",
        "26-01-01",
    ),
    *("2026-1-1", "2026-01-01Z", "2026-01-01+01:00", "2026-01-01-14:00", "2026-01-01+14:01", "2026-01-01+15:00"),
    *("2026-01-01+13:60", "2026-01-01T00:00:00", " 2026-01-01 ", "01.01.2026", "", "2026-01-01z", "+2026-01-01"),
    *("2026-01-01+1:00", "2026-06-30", "2026-06-31", "-2024-02-29", "-2023-02-29", "-0004-02-29", "12024-02-29"),
]
CHOICES = [
    *(
        "BEL",
        "NBL",
        "EDM",
        "MAT",
        "RBT",
        "bel",
        "BEL ",
        "",
        "TEXT",
        "BE",
        "BY",
        "NRW",
        "by",
        " BY",
        "SAN",
        "SAA",
        "MVO",
    ),
    *("0010", "0015", "3805", "3801", "2022", "8610", "9335", "001 0", "10", "0000", "9999", "00100", "٠٠١٠", "3812"),
]
NAMES = [
    *("Art", "Nummer", "Beschreibung", "Einzelpreis", "Menge", "Version", "Laborname", "Labor-ID", "Herstellungsort"),
    *("Abrechnungsbereich", "NEM_Einzelpreis", "NEM_Abrechnungseinheiten", "Laborlieferdatum", "Auftragsnummer"),
    *("Laborrechnungsnummer", "Gesamtbetrag_netto", "Mehrwertsteuersatz", "Zwischensumme_netto", "Laborsoftware"),
    *("Laborsoftwareversion", "Laborsoftwarehersteller", "foo", "{urn:x}foo", f"{{{XSI}}}type", f"{{{XSI}}}nil"),
    *(f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation", f"{{{XSI}}}foo"),
    "{http://www.w3.org/XML/1998/namespace}lang",
]
VALUES = [*NUMBERS, *TEXTS, *DAYS, *CHOICES, "true", "false", "BEL2", "xs:anyType", "urn:x y.xsd"]
ELEMENTS = ["Laborabrechnung", "Rechnung", "MWST-Gruppe", "Position", "position", "{urn:x}Position", "foo"]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to three changes to the document; the result is always well-formed."""
    root = etree.fromstring(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change = chance.choice(
            (_value, _value, _value, _value, _fitting_value, _fitting_value, _drop, _add, _tree, _text)
        )
        change(root, chance)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _any(root: etree._Element, chance: random.Random) -> etree._Element:
    return chance.choice(list(root.iter(etree.Element)))


def _value(root: etree._Element, chance: random.Random) -> None:
    node = _any(root, chance)
    if node.attrib:
        node.set(chance.choice(sorted(node.attrib)), chance.choice(VALUES))


def _fitting_value(root: etree._Element, chance: random.Random) -> None:
    """A value of the right sort, so that limits are met from both sides."""
    node = _any(root, chance)
    for name in sorted(node.attrib):
        value = str(node.attrib[name])
        pool = (
            NUMBERS if value.isdigit() else DAYS if name == "Laborlieferdatum" else CHOICES if len(value) < 5 else TEXTS
        )
        if chance.random() < 0.3:
            node.set(name, chance.choice(pool))
            return


def _drop(root: etree._Element, chance: random.Random) -> None:
    node = _any(root, chance)
    if node.attrib:
        del node.attrib[chance.choice(sorted(node.attrib))]


def _add(root: etree._Element, chance: random.Random) -> None:
    _any(root, chance).set(chance.choice(NAMES), chance.choice(VALUES))


def _tree(root: etree._Element, chance: random.Random) -> None:
    node, target = _any(root, chance), _any(root, chance)
    parent = node.getparent()
    kind = chance.randrange(6)
    if kind == 0 and parent is not None:
        parent.remove(node)
    elif kind == 1 and parent is not None:
        parent.insert(chance.randrange(len(parent) + 1), copy.deepcopy(node))
    elif kind == 2:
        node.tag = chance.choice(ELEMENTS)
    elif kind == 3:
        target.append(etree.Element(chance.choice(ELEMENTS)))
    elif kind == 4:
        target.append(chance.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y"))))
    else:
        target.append(copy.deepcopy(node) if node is not root else etree.Element("Position"))


def _text(root: etree._Element, chance: random.Random) -> None:
    node = _any(root, chance)
    text = chance.choice(("x", " ", "\n  ", "\u00a0", "", etree.CDATA(" "), etree.CDATA("x")))
    if chance.random() < 0.5 or node is root or isinstance(text, etree.CDATA):
        node.text = text
    else:
        node.tail = text
