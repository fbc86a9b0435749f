"""Our table of the schema against the official one, our files against the official examples."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from lxml import etree

from billing.mutations import VALUES, mutated
from billing.official import DATA, example_files, needs_official_data, official_schema
from billing.samples import BRUSH, CROWN, DISCOUNT, GOLD, HEADER, MODEL
from dentatool.billing.kzbv_xml import VERSIONS, Header, PlainLine, XmlFile, build, check, export, parse, same_meaning
from dentatool.billing.kzbv_xml.schema import schema_findings

pytestmark = needs_official_data


@pytest.mark.parametrize("version", VERSIONS)
def test_our_schema_table_gives_the_same_verdict_as_the_official_schema(version: str) -> None:
    chance = random.Random(f"schema {version}")
    files = [*(path.read_bytes() for path in example_files()), *[_rich_file()] * 3]
    accepted = 0

    for _ in range(2000):
        data = mutated(chance.choice(files), chance)
        root = etree.fromstring(data)
        verdict = official_schema(version).validate(root)
        findings = schema_findings(root, version)
        assert (not findings) == verdict, (data.decode(), findings, official_schema(version).error_log)
        accepted += verdict

    assert 200 < accepted < 1800  # the variants meet the border from both sides


@pytest.mark.parametrize("version", VERSIONS)
def test_every_attribute_with_every_odd_value_gets_the_official_verdict(version: str) -> None:
    root = etree.fromstring(_rich_file())
    nodes = [root, root[0], root[0][0], root[0][0][0]]

    for node in nodes:
        for name, before in sorted(node.attrib.items()):
            for value in VALUES:
                node.set(name, value)
                verdict = official_schema(version).validate(root)
                assert (not schema_findings(root, version)) == verdict, (name, value, version)
            node.set(name, before)


@pytest.mark.parametrize("path", example_files(), ids=lambda path: path.stem)
def test_the_example_invoices_are_accepted_and_written_again_alike(path: Any) -> None:
    data = path.read_bytes()

    report = check(path.name, data)

    assert report.is_valid, report.findings
    assert build(parse(data)) == data


@pytest.mark.parametrize("example", json.loads((DATA / "invoices/invoices.json").read_text()) if DATA.is_dir() else [])
def test_invoices_a_to_e_are_rebuilt_from_their_lines(example: dict[str, Any]) -> None:
    made = export(_header(example), _lines(example))

    assert isinstance(made, XmlFile), made
    assert made.name == example["dateiname"]
    assert same_meaning(made.content, (DATA / "invoices" / example["dateiname"]).read_bytes())
    assert official_schema("4.5").validate(etree.fromstring(made.content))
    invoice = parse(made.content)
    assert (invoice.net_cents, invoice.vat_cents, invoice.gross_cents) == (
        example["netto_cent"],
        example["mwst_cent"],
        example["brutto_cent"],
    )


def _negative() -> list[dict[str, str]]:
    return json.loads((DATA / "invoices/negative/negative.json").read_text()) if DATA.is_dir() else []


@pytest.mark.parametrize("case", _negative(), ids=lambda case: case["datei"])
def test_a_broken_file_is_refused_by_the_layer_that_must_catch_it(case: dict[str, str]) -> None:
    data = (DATA / "invoices/negative" / case["datei"]).read_bytes()
    # Only one case is about its file name; the others must fail under the right name as well.
    order_number = etree.fromstring(data)[0].get("Auftragsnummer")
    name = case["datei"] if "Dateiname" in case["grund"] else f"{order_number}.xml"

    report = check(name, data)

    assert report.layer == {"xsd": "schema"}.get(case["schicht"], case["schicht"])
    assert report.is_valid == (case["schicht"] == "warnung")
    assert all(finding.message.endswith((".", "“.")) for finding in report.findings)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_we_write_the_official_schema_of_that_version_accepts(version: str) -> None:
    data = (DATA / "invoices/565901-4711-ZE-20260015-1-6.xml").read_bytes()

    written = build(parse(data), version)

    assert official_schema(version).validate(etree.fromstring(written))
    assert check("565901-4711-ZE-20260015-1-6.xml", written).findings == ()


def _rich_file() -> bytes:
    """Everything the schema knows at once: three groups, all kinds of lines, the attributes nobody sends any more."""
    lines = [MODEL, GOLD, CROWN, DISCOUNT, BRUSH, replace(CROWN, art="MAT", vat_permille=0)]
    made = export(replace(HEADER, laboratory_id="L-1"), lines)
    assert isinstance(made, XmlFile), made
    return made.content.replace(b"<Rechnung ", b'<Rechnung NEM_Einzelpreis="-12" NEM_Abrechnungseinheiten="3" ')


def _header(example: dict[str, Any]) -> Header:
    return Header(
        laboratory=example["laborname"],
        place=example["herstellungsort"],
        region=example["abrechnungsbereich"],
        delivered_on=date.fromisoformat(example["lieferdatum"]),
        number=example["rechnungsnummer"],
        order_number=example["auftragsnummer"],
    )


def _lines(example: dict[str, Any]) -> list[PlainLine]:
    return [
        PlainLine(line["art"], line["text"], line["ep"], line["menge"], group["satz_promille"], line.get("nr"))
        for group in example["gruppen"]
        for line in group["positionen"]
    ]
