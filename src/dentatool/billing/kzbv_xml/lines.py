"""From the flat lines of a finished invoice to the groups of the file, or to the reasons why there can be none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from dentatool.billing.kzbv_xml.model import CURRENT, Group, Header, Invoice, Line
from dentatool.billing.kzbv_xml.report import Finding
from dentatool.billing.kzbv_xml.splitting import LARGEST_PRICE, proposal_text, split_proposal
from dentatool.billing.kzbv_xml.writing import invoice_findings, written
from dentatool.values.money import DISCOUNT, TEXT, format_money, vat_amount

COLLAPSED_TEXT: Final = "Auftragsbezogene Mehrleistungen"
_PRIVATE: Final = "NBL"


class InvoiceLine(Protocol):
    """What a line of a finished invoice tells; ``number`` is empty for all but BEL."""

    @property
    def art(self) -> str: ...
    @property
    def number(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def price_cents(self) -> int: ...
    @property
    def quantity_milli(self) -> int: ...
    @property
    def vat_permille(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PlainLine:
    """A flat line for callers that have no model at hand."""

    art: str
    text: str
    price_cents: int = 0
    quantity_milli: int = 1000
    vat_permille: int = 70
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """No file is possible; every reason is a German sentence that says what to do."""

    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(finding) for finding in self.findings)


@dataclass(frozen=True, slots=True)
class XmlFile:
    """A file ready to be sent, and the warnings that somebody should see first."""

    name: str
    content: bytes
    warnings: tuple[Finding, ...]


def from_lines(
    header: Header, lines: Iterable[InvoiceLine], *, version: str = CURRENT, reduced: bool = False
) -> Invoice | Refusal:
    """Group the lines by tax rate in order of first appearance, tax once per rate.

    Text lines and quantity 0 are left out, negative lines become discounts without number. ``reduced`` collapses the
    private services of each rate into one line (wish of the practice). ``version`` is the practice's schema version.
    """
    checked = _checked(header, lines, version, reduced=reduced)
    return checked if isinstance(checked, Refusal) else checked[0]


def export(
    header: Header, lines: Iterable[InvoiceLine], *, version: str = CURRENT, reduced: bool = False
) -> XmlFile | Refusal:
    """The file in one step: what ``from_lines`` and ``build`` do, with one check against schema and trade rules."""
    checked = _checked(header, lines, version, reduced=reduced)
    if isinstance(checked, Refusal):
        return checked
    invoice, warnings = checked
    return XmlFile(invoice.file_name, written(invoice, version), warnings)


def _checked(
    header: Header, lines: Iterable[InvoiceLine], version: str, *, reduced: bool
) -> tuple[Invoice, tuple[Finding, ...]] | Refusal:
    """The invoice with its warnings, or every reason why it can be no file."""
    exported: dict[int, list[Line]] = {}
    for line in lines:
        if line.art != TEXT and line.quantity_milli != 0:
            exported.setdefault(line.vat_permille, []).append(_exported(line))
    if not header.order_number.strip():
        reason = (
            "Ohne Auftragsnummer der Praxis gibt es keine XML-Datei. Bitte beim Auftrag nachtragen und erneut ausgeben."
        )
        return Refusal((Finding("regel", "auftragsnummer-fehlt", reason),))
    if not exported:
        reason = "Die Rechnung enthält keine Position, die übermittelt werden kann."
        return Refusal((Finding("regel", "leer", reason),))
    if reduced:
        exported = {rate: _collapsed(group) for rate, group in exported.items()}
    invoice = Invoice.of(header, (_group(rate, group) for rate, group in exported.items()))
    refusals = [*_split_proposals(invoice), *_too_large(invoice), *_below_zero(invoice)]
    if refusals:
        return Refusal(tuple(refusals))
    findings = invoice_findings(invoice, version)
    refusals = [finding for finding in findings if finding.layer != "warnung"]
    return Refusal(tuple(refusals)) if refusals else (invoice, tuple(findings))


def _exported(line: InvoiceLine) -> Line:
    text = " ".join(line.text.split())
    is_negative = (line.price_cents < 0) != (line.quantity_milli < 0) and line.price_cents != 0
    # A negative discount is an addition; everything else negative is a discount and loses its number.
    art = line.art if not is_negative else (_PRIVATE if line.art == DISCOUNT else DISCOUNT)
    number = line.number if art == "BEL" else None
    return Line(art, text, abs(line.price_cents), abs(line.quantity_milli), number or None)


def _group(rate: int, lines: list[Line]) -> Group:
    net = sum(line.amount_cents for line in lines)
    return Group(rate, net, vat_amount(net, rate), tuple(lines))


def _collapsed(lines: list[Line]) -> list[Line]:
    """All private services as one line (or several when one would be too large) where the first of them stood."""
    private = [line for line in lines if line.art == _PRIVATE]
    if len(private) < 2:
        return lines
    total = sum(line.amount_cents for line in private)
    first = lines.index(private[0])
    before, after = lines[:first], [line for line in lines[first:] if line.art != _PRIVATE]
    return [*before, *(Line(_PRIVATE, COLLAPSED_TEXT, price, 1000) for price in split_proposal(total)), *after]


def _split_proposals(invoice: Invoice) -> list[Finding]:
    findings = []
    for place, group in enumerate(invoice.groups, 1):
        for rank, line in enumerate(group.lines, 1):
            if line.price_cents > LARGEST_PRICE:
                message = (
                    f"Der Einzelpreis {format_money(line.price_cents)} von „{line.text}“ ist für die XML-Datei "
                    "zu groß, höchstens 9.999,99 €. Bitte auf mehrere Zeilen aufteilen, "
                    f"z. B. {proposal_text(line.price_cents)}."
                )
                findings.append(Finding("regel", "aufteilen", message, group=place, position=rank))
    return findings


def _too_large(invoice: Invoice) -> list[Finding]:
    if invoice.gross_cents <= 9_999_999:
        return []
    message = (
        f"Der Rechnungsbetrag {format_money(invoice.gross_cents)} ist für die XML-Datei zu groß "
        "(höchstens 99.999,99 €). Bitte auf mehrere Rechnungen aufteilen."
    )
    return [Finding("regel", "betrag", message)]


def _below_zero(invoice: Invoice) -> list[Finding]:
    message = "Die Nachlässe sind höher als die Leistungen dieses Steuersatzes. Dafür gibt es keine XML-Datei."
    groups = enumerate(invoice.groups, 1)
    return [Finding("regel", "negativ", message, group=place) for place, group in groups if group.net_cents < 0]
