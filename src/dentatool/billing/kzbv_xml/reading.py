"""From bytes to a document, hardened: the file comes from strangers.

No DTD, no entities, no network, at most 2 MB, UTF-8 only. Whatever is wrong ends as a finding, never as an exception.
"""

from __future__ import annotations

import re
from typing import Final, cast

from lxml import etree

from dentatool.billing.kzbv_xml.report import Finding

LARGEST_BYTES: Final = 2_000_000
# The largest real invoices have a few hundred positions; more than this costs time and is an attack or an accident.
MOST_MARKS: Final = 10_000
# libxml2 needs minutes for one element with a hundred thousand attributes.
MOST_EQUAL_SIGNS: Final = 1_000
_BOM: Final = b"\xef\xbb\xbf"
_FOREIGN_BOMS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"+/v", b"\x0e\xfe\xff", b"\xdd\x73\x66\x73")
_DECLARATION: Final = re.compile(rb"""\A<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]{0,60})["']""")
_ONLY_UTF8: Final = "Erlaubt ist nur UTF-8. Bitte die Datei in der Kodierung UTF-8 speichern."


def read(data: bytes) -> etree._Element | Finding:
    """The root element, or the one finding that says why the file cannot be read."""
    if not data.strip():
        return Finding("schema", "leer", "Die Datei ist leer.")
    if len(data) > LARGEST_BYTES:
        return Finding(
            "schema",
            "groesse",
            f"Die Datei ist mit {len(data):,} Byte zu groß, erlaubt sind 2 MB.".replace(",", ".", 2),
        )
    if finding := _encoding_problem(data):
        return finding
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return Finding(
            "regel",
            "dtd",
            "Die Datei enthält eine DTD oder eigene Entitäten. Das ist aus Sicherheitsgründen nicht erlaubt.",
        )
    if data.count(b"<") > MOST_MARKS:
        return Finding("schema", "groesse", "Die Datei enthält viel mehr Elemente, als eine Rechnung haben kann.")
    if any(element.count(b"=") > MOST_EQUAL_SIGNS for element in data.split(b"<")):
        return Finding("schema", "groesse", "Ein Element der Datei enthält viel mehr Attribute, als erlaubt sind.")
    return _parsed(data)


def line_of(node: etree._Element) -> int | None:
    """The line of the file in which the element begins."""
    return cast("int | None", node.sourceline)


def _encoding_problem(data: bytes) -> Finding | None:
    if data.startswith(_FOREIGN_BOMS) or b"\x00" in data[:200]:
        return Finding(
            "regel", "kodierung", f"Die Datei ist nicht in UTF-8 geschrieben (UTF-16, UTF-7 oder ähnlich). {_ONLY_UTF8}"
        )
    declared = _DECLARATION.match(data.removeprefix(_BOM))
    if declared and declared[1].decode("latin-1").strip().lower() not in {"utf-8", "utf8"}:
        name = "".join(letter for letter in declared[1].decode("latin-1") if letter.isprintable())
        return Finding("regel", "kodierung", f"Die Datei nennt die Kodierung „{name}“. {_ONLY_UTF8}", 1)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Finding("schema", "kodierung", f"Die Datei enthält Zeichen, die kein UTF-8 sind. {_ONLY_UTF8}", line)
    return None


def _parsed(data: bytes) -> etree._Element | Finding:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        return Finding("schema", "wohlgeformt", _syntax_message(error), error.lineno or None)
    except ValueError:
        return Finding("schema", "wohlgeformt", "Die Datei ist kein lesbares XML.")
    if root.getroottree().docinfo.internalDTD is not None:
        return Finding("regel", "dtd", "Die Datei enthält eine DTD. Das ist aus Sicherheitsgründen nicht erlaubt.")
    return root


def _syntax_message(error: etree.XMLSyntaxError) -> str:
    reasons = {
        "ERR_TAG_NAME_MISMATCH": "ein Element ist nicht oder falsch geschlossen",
        "ERR_TAG_NOT_FINISHED": "ein Element bricht mitten im Text ab",
        "ERR_GT_REQUIRED": "ein Element ist nicht mit „>“ geschlossen",
        "ERR_DOCUMENT_END": "nach dem Ende steht noch etwas, oder die Datei bricht zu früh ab",
        "ERR_DOCUMENT_EMPTY": "am Anfang steht kein XML",
        "ERR_ATTRIBUTE_REDEFINED": "ein Attribut ist doppelt angegeben",
        "ERR_ATTRIBUTE_NOT_STARTED": "ein Wert steht nicht in Anführungszeichen",
        "ERR_LT_IN_ATTRIBUTE": "in einem Wert steht das Zeichen „<“; bitte als &lt; schreiben",
        "ERR_UNDECLARED_ENTITY": "eine unbekannte Entität wird verwendet",
        "ERR_INVALID_CHAR": "die Datei enthält ein unerlaubtes Steuerzeichen",
    }
    code = etree.ErrorTypes._getName(error.code, "") if error.code else ""  # type: ignore[attr-defined]
    reason = reasons.get(code, "der Aufbau ist fehlerhaft oder die Datei ist unvollständig")
    return f"Die Datei ist kein wohlgeformtes XML: {reason}."
