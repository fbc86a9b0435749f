"""The Laborabrechnungsdaten file of an invoice: from its snapshot, in the version that the practice reads today.

Only one thing may come later than the snapshot: an order number that was missing or wrong when the invoice was issued
(it is the name of the file, not part of the invoice's sums), mended in the order or let pass there with a reason. The
invoice and its checksum stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.utils.timezone import localdate, now

from dentatool.billing.kzbv_xml import Header, PlainLine, Refusal, XmlFile, export
from dentatool.billing.models import Invoice, InvoiceLine, XmlExport
from dentatool.billing.ranges import expected_number
from dentatool.billing.snapshot import checksum_of, content_of, is_private, snapshot_of
from dentatool.kit.errors import NotYet
from dentatool.orders.models import NumberState
from dentatool.protection.audit import record_event
from dentatool.protection.tenancy import current


class XmlState(StrEnum):
    """Where an invoice's file stands; the value is what people read in lists."""

    NOT_DUE = "nicht_faellig"
    READY = "bereit"
    EXPORTED = "exportiert"
    SUPERSEDED = "veraltet"
    REFUSED = "fehler"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def tone(self) -> str:
        return _TONES[self]


_LABELS = {
    XmlState.NOT_DUE: "keine XML-Datei",
    XmlState.READY: "XML bereit",
    XmlState.EXPORTED: "XML ausgegeben",
    XmlState.SUPERSEDED: "XML veraltet",
    XmlState.REFUSED: "XML nicht möglich",
}
_TONES = {
    XmlState.NOT_DUE: "quiet",
    XmlState.READY: "accent",
    XmlState.EXPORTED: "good",
    XmlState.SUPERSEDED: "warn",
    XmlState.REFUSED: "bad",
}


@dataclass(frozen=True, slots=True)
class Xml:
    """State, the reasons for it in German, and the file if there is one."""

    state: XmlState
    reasons: tuple[str, ...] = ()
    file: XmlFile | None = None
    version: str = ""


def xml_of(invoice: Invoice) -> Xml:
    """The file of an issued invoice or why there is none. Reads the snapshot; writes nothing."""
    if not invoice.is_issued:
        return Xml(XmlState.NOT_DUE, ("Eine XML-Datei gibt es erst, wenn die Rechnung ausgestellt ist.",))
    content = snapshot_of(invoice)
    exports = list(invoice.exports.all())
    if gone := _gone(invoice, has_exports=bool(exports)):
        return gone
    if why_not := _not_due(invoice, content):
        return Xml(XmlState.NOT_DUE, (why_not,))
    practice = invoice.practice
    built = export(
        _header(content, invoice, _order_number(invoice, content)),
        _lines(content),
        version=practice.xml_version,
        reduced=practice.xml_reduced,
    )
    if isinstance(built, Refusal):
        return Xml(XmlState.REFUSED, built.reasons, version=practice.xml_version)
    is_known = any(each.sha256 == checksum_of(built.content) for each in exports)
    warnings = tuple(str(warning) for warning in built.warnings)
    return Xml(XmlState.EXPORTED if is_known else XmlState.READY, warnings, built, practice.xml_version)


def hand_out(invoice: Invoice) -> XmlFile:
    """The file for download; who fetched it is recorded.

    :raises NotYet: there is no file, with the reason.
    """
    found = xml_of(invoice)
    if found.file is None:
        raise NotYet(f"Für {invoice} gibt es keine XML-Datei. " + " ".join(found.reasons))
    if current().practice_id is None:  # the register tells what the laboratory handed out, not what a practice fetched
        XmlExport.objects.get_or_create(
            invoice=invoice,
            sha256=checksum_of(found.file.content),
            defaults={"schema_version": found.version, "file_name": found.file.name, "exported_at": now()},
        )
    record_event("invoice.xml_downloaded", invoice, version=found.version, bytes=len(found.file.content))
    return found.file


def preview_refusals(draft: Invoice, lines: Sequence[InvoiceLine]) -> tuple[str, ...]:
    """Why a draft's file would be refused, under the number that would come next; empty when it would pass or is not due."""
    content = content_of(draft, lines)
    if _not_due(draft, content):
        return ()
    try:
        number = expected_number(draft.kind, localdate().year)
    except NotYet as reason:
        return (str(reason),)
    header = _header({**content, "number": number}, draft, draft.order.order_number)
    practice = draft.practice
    built = export(header, _lines(content), version=practice.xml_version, reduced=practice.xml_reduced)
    return built.reasons if isinstance(built, Refusal) else tuple(str(warning) for warning in built.warnings)


def _gone(invoice: Invoice, *, has_exports: bool) -> Xml | None:
    cancellation = invoice.cancellations.issued().first()
    if cancellation is None:
        return None
    if has_exports:
        reason = (
            f"Die Rechnung ist mit {cancellation.number} storniert. Die früher ausgegebene Datei gilt nicht mehr; "
            "die Datei der neuen Rechnung ersetzt sie in der Praxis."
        )
        return Xml(XmlState.SUPERSEDED, (reason,))
    return Xml(XmlState.NOT_DUE, (f"Die Rechnung ist mit {cancellation.number} storniert.",))


def _not_due(invoice: Invoice, content: Mapping[str, Any]) -> str:
    if invoice.is_cancellation:
        return "Für ein Storno wird keine XML-Datei übermittelt."
    if is_private(content):
        return "Für Privatpatienten gibt es keine XML-Datei."
    if content["gross_cents"] == 0:
        return "Für eine Rechnung über 0,00 € gibt es keine XML-Datei."
    if not _order_number(invoice, content):
        if invoice.order.number_state == NumberState.WRONG:
            return (
                "Die Auftragsnummer ist falsch. Wird sie im Auftrag berichtigt oder mit Begründung freigegeben, "
                "steht die XML-Datei bereit."
            )
        return "Die Auftragsnummer der Praxis fehlt. Wird sie im Auftrag nachgetragen, steht die XML-Datei bereit."
    return ""


def _order_number(invoice: Invoice, content: Mapping[str, Any]) -> str:
    """The number on the invoice, or the one that the order got afterwards; empty when neither is valid."""
    if content["order"]["is_number_valid"]:
        return str(content["order"]["order_number"])
    return invoice.order.number_for_xml


def _header(content: Mapping[str, Any], invoice: Invoice, order_number: str) -> Header:
    laboratory, software = content["laboratory"], content["software"]
    return Header(
        laboratory=laboratory["name"],
        place=laboratory["place"],
        region=laboratory["region"],
        delivered_on=date.fromisoformat(content["delivered_on"]),
        number=content["number"],
        order_number=order_number,
        is_number_overridden=not content["order"]["is_number_valid"] and invoice.order.is_number_overridden,
        software_version=software["version"][:10],
    )


def _lines(content: Mapping[str, Any]) -> list[PlainLine]:
    names = ("art", "text", "price_cents", "quantity_milli", "vat_permille", "number")
    return [PlainLine(**{name: line[name] for name in names}) for line in content["lines"]]
