"""Check a file as a practice would: can it be read, does the schema accept it, do the rules of the trade hold?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import PurePath
from typing import Final

from lxml import etree

from dentatool.billing.kzbv_xml.model import CURRENT, SCHEMA_FILES, VERSIONS, Group, Header, Invoice, Line
from dentatool.billing.kzbv_xml.reading import line_of, read
from dentatool.billing.kzbv_xml.report import Finding, Refused, Report, report_of
from dentatool.billing.kzbv_xml.rules import rule_findings
from dentatool.billing.kzbv_xml.schema import XSI, schema_findings

_NUMBERS: Final = (
    *("Gesamtbetrag_netto", "Mehrwertsteuer_gesamt", "Gesamtbetrag_brutto"),
    *("Zwischensumme_netto", "Mehrwertsteuersatz", "Mehrwertsteuerbetrag", "Einzelpreis", "Menge"),
)


def check(file_name: str, data: bytes, *, version: str | None = None) -> Report:
    """Report on one file. Never raises, whatever the bytes are; reads nothing but the bytes given.

    ``version`` is the schema version that the practice expects; without it, the one that the file names counts.
    """
    root = read(data)
    if isinstance(root, Finding):
        return report_of(file_name, [root])
    stated = root.get("Version", "")
    findings = schema_findings(root, stated if stated in VERSIONS else CURRENT)
    if not findings:
        findings = [*_file_findings(file_name, root, version), *_invoice_findings(root, stated)]
    return report_of(file_name, findings)


def parse(data: bytes) -> Invoice:
    """The invoice in a file that the schema of its version accepts; sums are taken as stated, not computed.

    :raises Refused: when the file cannot be read or the schema refuses it, with German reasons.
    """
    root = read(data)
    if isinstance(root, Finding):
        raise Refused((root,))
    stated = root.get("Version", "")
    findings = schema_findings(root, stated if stated in VERSIONS else CURRENT)
    invoice = _invoice(root) if not findings else None
    if isinstance(invoice, Invoice):
        return invoice
    raise Refused(report_of("", findings).findings if invoice is None else (invoice,))


def _file_findings(file_name: str, root: etree._Element, expected: str | None) -> Iterator[Finding]:
    """What concerns the file rather than the invoice: name, version, spelling of numbers, attributes out of use."""
    header = root[0] if root[0].tag == "Rechnung" else next(root.iterchildren("Rechnung"))
    yield from _version_findings(root, expected)
    order_number, name = header.get("Auftragsnummer", ""), PurePath(file_name.replace("\\", "/")).name
    if name.rpartition(".")[0] != order_number or name.rpartition(".")[2].lower() != "xml":
        message = f"Die Datei heißt „{name[:80]}“, muss aber wie die Auftragsnummer heißen: „{order_number}.xml“."
        yield Finding("regel", "dateiname", message)
    for unused in ("NEM_Einzelpreis", "NEM_Abrechnungseinheiten"):
        if header.get(unused) is not None:
            yield Finding("warnung", "nem", f"{unused} wird nicht mehr ausgewertet und soll fehlen.", line_of(header))
    yield from _signed_numbers(root)


def _version_findings(root: etree._Element, expected: str | None) -> Iterator[Finding]:
    stated = root.get("Version", "")
    if stated not in VERSIONS:
        message = f"Die Schemaversion „{stated}“ gibt es nicht. Möglich sind {', '.join(VERSIONS)}."
        yield Finding("regel", "version", message, line_of(root))
        return
    location = (root.get(XSI + "noNamespaceSchemaLocation") or "").replace("\\", "/").rpartition("/")[2]
    named = {schema: version for version, schema in SCHEMA_FILES.items()}.get(location.replace("%20", " "))
    if named and named != stated:
        message = f"Die Datei nennt Version {stated}, verweist aber auf das Schema {named}. Beides muss übereinstimmen."
        yield Finding("regel", "version", message, line_of(root))
    if expected and stated != expected:
        message = f"Die Praxis erwartet Schema {expected}, die Datei nennt {stated}. Bitte neu ausgeben."
        yield Finding("regel", "version", message, line_of(root))


def _signed_numbers(root: etree._Element) -> Iterator[Finding]:
    """The comment of the schema asks for whole numbers without sign; the schema itself lets ``+70`` pass."""
    for node in root.iter("Rechnung", "MWST-Gruppe", "Position"):
        for name in _NUMBERS:
            value = node.get(name)
            if value is not None and not re.fullmatch("[0-9]+", value):
                message = f"{name} „{value[:40]}“ muss ohne Vorzeichen und Leerzeichen angegeben werden."
                yield Finding("regel", "zahl", message, line_of(node))


def _invoice_findings(root: etree._Element, stated: str) -> list[Finding]:
    invoice = _invoice(root)
    if isinstance(invoice, Finding):
        return [invoice]
    findings = rule_findings(invoice, stated if stated in VERSIONS else CURRENT)
    lines = _lines_of(root)
    return [replace(finding, line=lines.get((finding.group, finding.position))) for finding in findings]


def _lines_of(root: etree._Element) -> dict[tuple[int | None, int | None], int | None]:
    """Where header, groups and positions stand in the file."""
    header = next(root.iterchildren("Rechnung"))
    lines: dict[tuple[int | None, int | None], int | None] = {(None, None): line_of(header)}
    for place, group in enumerate(header.iterchildren("MWST-Gruppe"), 1):
        lines[place, None] = line_of(group)
        for rank, position in enumerate(group.iterchildren("Position"), 1):
            lines[place, rank] = line_of(position)
    return lines


def _invoice(root: etree._Element) -> Invoice | Finding:
    node = next(root.iterchildren("Rechnung"))
    day = node.get("Laborlieferdatum", "")
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        message = f"Laborlieferdatum „{day[:40]}“ muss ein Tag ohne Zeitzone sein, z. B. 2026-11-23."
        return Finding("regel", "lieferdatum", message, line_of(node))
    header = Header(
        laboratory=node.get("Laborname", ""),
        place=node.get("Herstellungsort", ""),
        region=node.get("Abrechnungsbereich", ""),
        delivered_on=date.fromisoformat(day),
        number=node.get("Laborrechnungsnummer", ""),
        order_number=node.get("Auftragsnummer", ""),
        software_maker=node.get("Laborsoftwarehersteller"),
        software=node.get("Laborsoftware"),
        software_version=node.get("Laborsoftwareversion"),
        laboratory_id=node.get("Labor-ID"),
    )
    groups = tuple(_group(child) for child in node.iterchildren("MWST-Gruppe"))
    sums = (_number(node, name) for name in ("Gesamtbetrag_netto", "Mehrwertsteuer_gesamt", "Gesamtbetrag_brutto"))
    return Invoice(header, groups, *sums)


def _group(node: etree._Element) -> Group:
    return Group(
        vat_permille=_number(node, "Mehrwertsteuersatz"),
        net_cents=_number(node, "Zwischensumme_netto"),
        vat_cents=_number(node, "Mehrwertsteuerbetrag"),
        lines=tuple(_line(child) for child in node.iterchildren("Position")),
    )


def _line(node: etree._Element) -> Line:
    return Line(
        art=node.get("Art", ""),
        number=node.get("Nummer"),
        text=node.get("Beschreibung", ""),
        price_cents=_number(node, "Einzelpreis"),
        quantity_milli=_number(node, "Menge"),
    )


def _number(node: etree._Element, name: str) -> int:
    """The schema has accepted the value; zeros in front are cut because Python limits the digits it converts."""
    bare = node.get(name, "").strip()
    value = int(bare.lstrip("+-").lstrip("0") or "0")
    return -value if bare.startswith("-") else value
