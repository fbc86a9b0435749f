"""The schema of the Laborabrechnungsdaten, versions 4.0 to 4.5, as a table of our own.

The official files are not shipped. The tests hold this table against them with thousands of mutated files:
same file, same version, same verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from lxml import etree

from dentatool.billing.kzbv_xml.kinds import Choice, Day, FourDigits, Kind, Text, Whole
from dentatool.billing.kzbv_xml.model import ARTS, REGIONS
from dentatool.billing.kzbv_xml.reading import line_of
from dentatool.billing.kzbv_xml.report import Finding
from dentatool.catalogue.bel import numbers_known_to

XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_HINTS: Final = frozenset({XSI + "schemaLocation", XSI + "noNamespaceSchemaLocation"})
_BLANKS: Final = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an element: what it may hold and whether it must be there."""

    kind: Kind
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its attributes in the order we write them, and the one child it may have, how often at most."""

    attributes: Mapping[str, Attribute]
    child: str | None = None
    most: int | None = None


@cache
def schema_of(version: str) -> Mapping[str, Element]:
    """The table of one version, by element name.

    :raises ValueError: for an unknown version.
    """
    numbers = numbers_known_to(version)
    number: Kind = FourDigits() if numbers is None else Choice(numbers, f"keine BEL-Nummer im Schema {version}")
    return {
        "Laborabrechnung": Element({"Version": Attribute(Text(3, 3))}, "Rechnung", 1),
        "Rechnung": Element(_INVOICE, "MWST-Gruppe", 3),
        "MWST-Gruppe": Element(_GROUP, "Position"),
        "Position": Element(_position(version, number)),
    }


def schema_findings(root: etree._Element, version: str) -> list[Finding]:
    """Everything the schema of this version refuses in the document, in document order, without recursion."""
    if root.tag != "Laborabrechnung":
        return [_finding("wurzel", f"Das oberste Element muss „Laborabrechnung“ heißen, nicht „{_name(root)}“.", root)]
    return list(_walk(root, schema_of(version)))


def attribute_problems(element: str, values: Mapping[str, str], version: str) -> Iterator[tuple[str, str]]:
    """Attribute and German reason for each value that the schema refuses; for invoices that are not yet a file."""
    for name, attribute in schema_of(version)[element].attributes.items():
        value = values.get(name)
        if value is None:
            if attribute.is_required:
                yield name, f"{name} fehlt."
        elif problem := attribute.kind.problem(value):
            yield name, _sentence(name, problem)


def _position(version: str, number: Kind) -> Mapping[str, Attribute]:
    is_early = version in {"4.0", "4.1"}
    longest = 50 if version in {"4.0", "4.1", "4.2"} else 60
    return {
        "Art": Attribute(Choice(frozenset(ARTS), "keine bekannte Art", ", ".join(ARTS))),
        "Nummer": Attribute(number, is_required=False),
        "Beschreibung": Attribute(Text(longest)),
        "Einzelpreis": Attribute(Whole(6, unit="price")),
        "Menge": Attribute(Whole(6, None if is_early else 1, unit="milli")),
    }


def _optional(kind: Kind) -> Attribute:
    return Attribute(kind, is_required=False)


_INVOICE: Final[Mapping[str, Attribute]] = {
    "Laborsoftwarehersteller": _optional(Text(50)),
    "Laborsoftware": _optional(Text(50)),
    "Laborsoftwareversion": _optional(Text(10)),
    "Laborname": Attribute(Text()),
    "Labor-ID": _optional(Text(20)),
    "Herstellungsort": Attribute(Text(50)),
    "Abrechnungsbereich": Attribute(Choice(frozenset(REGIONS), "kein Abrechnungsbereich", ", ".join(REGIONS))),
    "NEM_Einzelpreis": _optional(Whole(4, None)),
    "NEM_Abrechnungseinheiten": _optional(Whole(2)),
    "Laborlieferdatum": Attribute(Day()),
    "Laborrechnungsnummer": Attribute(Text(50)),
    "Auftragsnummer": Attribute(Text(50)),
    "Gesamtbetrag_netto": Attribute(Whole(7, unit="cent")),
    "Mehrwertsteuer_gesamt": Attribute(Whole(6, unit="cent")),
    "Gesamtbetrag_brutto": Attribute(Whole(7, unit="cent")),
}
_GROUP: Final[Mapping[str, Attribute]] = {
    "Zwischensumme_netto": Attribute(Whole(7, unit="cent")),
    "Mehrwertsteuersatz": Attribute(Whole(3)),
    "Mehrwertsteuerbetrag": Attribute(Whole(6, unit="cent")),
}


def _walk(root: etree._Element, schema: Mapping[str, Element]) -> Iterator[Finding]:
    """The document level by level of the schema; what is not expected is reported and not entered."""
    waiting: list[tuple[etree._Element, int | None, int | None]] = [(root, None, None)]
    while waiting:
        node, group, position = waiting.pop()
        element = schema[str(node.tag)]
        yield from _attributes(node, element, group, position)
        children, findings = _children(node, element, group, position)
        yield from findings
        for count, child in reversed(list(enumerate(children, 1))):
            is_group, is_position = child.tag == "MWST-Gruppe", child.tag == "Position"
            waiting.append((child, count if is_group else group, count if is_position else None))


def _attributes(node: etree._Element, element: Element, group: int | None, position: int | None) -> Iterator[Finding]:
    values = {str(name): str(value) for name, value in node.attrib.items()}
    for name, attribute in element.attributes.items():
        value = values.get(name)
        if value is None:
            if attribute.is_required:
                yield _finding("attribut-fehlt", f"{name} fehlt bei „{node.tag!s}“.", node, group, position)
        elif problem := attribute.kind.problem(value):
            yield _finding(name, _sentence(name, problem), node, group, position)
    for name in values.keys() - element.attributes.keys() - _HINTS:
        yield _finding(
            "attribut-unbekannt", f"„{_local(name)}“ ist bei „{node.tag!s}“ nicht erlaubt.", node, group, position
        )


def _children(
    node: etree._Element, element: Element, group: int | None, position: int | None
) -> tuple[list[etree._Element], list[Finding]]:
    findings: list[Finding] = []
    if _has_text(node, is_empty=element.child is None):
        findings.append(_finding("text", f"In „{node.tag!s}“ darf kein Text stehen.", node, group, position))
    expected: list[etree._Element] = []
    for child in node.iterchildren(tag=etree.Element):
        if child.tag == element.child:
            expected.append(child)
        else:
            message = f"„{_name(child)}“ ist in „{node.tag!s}“ nicht erlaubt."
            findings.append(_finding("element-unbekannt", message, child, group, position))
    if element.child and not expected:
        findings.append(_finding("element-fehlt", f"In „{node.tag!s}“ fehlt „{element.child}“.", node, group, position))
    if element.most and len(expected) > element.most:
        message = f"„{element.child}“ kommt {len(expected)}-mal vor, erlaubt ist höchstens {element.most}-mal."
        findings.append(_finding("element-zu-oft", message, expected[element.most], group, position))
    return expected, findings


def _has_text(node: etree._Element, *, is_empty: bool) -> bool:
    """Between elements blanks may stand, in an element without content nothing may."""
    texts = [node.text, *(child.tail for child in node)]
    return any(text if is_empty else text.strip(_BLANKS) for text in texts if text)


def _sentence(name: str, problem: str) -> str:
    return f"{name} {problem}"


def _local(name: str) -> str:
    return name.rpartition("}")[2][:60]


def _name(node: etree._Element) -> str:
    return _local(str(node.tag))


def _finding(
    rule: str, message: str, node: etree._Element, group: int | None = None, position: int | None = None
) -> Finding:
    return Finding("schema", rule, message, line_of(node), group, position)
