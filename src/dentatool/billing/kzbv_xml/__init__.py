"""Laborabrechnungsdaten XML (KZBV, VDZI, VDDS), versions 4.0 to 4.5: write, read and check. Pure, no Django.

``export(header, lines, version=…)`` gives the file or the German reasons against it; ``check(file_name, data)``
reports on any file and never raises; ``build`` and ``parse`` turn an :class:`Invoice` into bytes and back.
"""

from dentatool.billing.kzbv_xml.checking import check, parse
from dentatool.billing.kzbv_xml.comparing import same_meaning
from dentatool.billing.kzbv_xml.lines import PlainLine, Refusal, XmlFile, export, from_lines
from dentatool.billing.kzbv_xml.model import CURRENT, REGIONS, VERSIONS, Group, Header, Invoice, Line
from dentatool.billing.kzbv_xml.report import Finding, Refused, Report
from dentatool.billing.kzbv_xml.splitting import split_proposal
from dentatool.billing.kzbv_xml.writing import build, invoice_findings

__all__ = [
    "CURRENT",
    "REGIONS",
    "VERSIONS",
    "Finding",
    "Group",
    "Header",
    "Invoice",
    "Line",
    "PlainLine",
    "Refusal",
    "Refused",
    "Report",
    "XmlFile",
    "build",
    "check",
    "export",
    "from_lines",
    "invoice_findings",
    "parse",
    "same_meaning",
    "split_proposal",
]
