"""The rules of the trade that the schema does not express (comment block of schema 4.5; practice of the exchange).

They see an invoice that the schema accepts. Each rule is one generator; ``_RULES`` is the list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from dentatool.billing.kzbv_xml.countries import is_foreign_country
from dentatool.billing.kzbv_xml.model import Group, Invoice, Line
from dentatool.billing.kzbv_xml.report import Finding
from dentatool.catalogue.bel import services
from dentatool.values.money import DISCOUNT, STANDARD_PERMILLE, format_money, format_permille, rate_on, vat_amount
from dentatool.values.order_number import OrderNumber, check

_RATES: Final = frozenset({0, 50, 70, 160, 190})
# Practices cannot have ordered anything in this format before its first version.
_FIRST_DAY: Final = date(2012, 1, 1)

Rule = Callable[[Invoice, str], Iterator[Finding]]


def rule_findings(invoice: Invoice, version: str) -> list[Finding]:
    """All findings of layers ``regel`` and ``warnung`` on an invoice that the schema of this version accepts."""
    return [finding for rule in _RULES for finding in rule(invoice, version)]


def order_number_findings(order_number: str, line: int | None = None) -> Iterator[Finding]:
    """Structure, check digit and spelling of the order number; it is never repaired."""
    checked = check(order_number)
    if not isinstance(checked, OrderNumber):
        for problem in checked:
            yield Finding("regel", "auftragsnummer", f"Auftragsnummer „{order_number[:50]}“: {problem.reason}", line)
    elif str(checked) != order_number:
        message = f"Die Auftragsnummer „{order_number}“ muss in der Schreibweise „{checked}“ angegeben werden."
        yield Finding("regel", "auftragsnummer", message, line)


def _order_number(invoice: Invoice, _version: str) -> Iterator[Finding]:
    found = order_number_findings(invoice.header.order_number)
    if invoice.header.is_number_overridden:
        found = (
            replace(each, layer="warnung", message=f"{each.message} Sie ist trotzdem freigegeben.") for each in found
        )
    yield from found


def _group_sums(invoice: Invoice, _version: str) -> Iterator[Finding]:
    for place, group in enumerate(invoice.groups, 1):
        total = sum(line.amount_cents for line in group.lines)
        if total != group.net_cents:
            yield Finding(
                "regel",
                "zwischensumme",
                f"Die Zwischensumme {format_money(group.net_cents)} passt nicht zu den Positionen: "
                f"Sie ergeben {format_money(total)}.",
                group=place,
            )


def _group_taxes(invoice: Invoice, _version: str) -> Iterator[Finding]:
    """Tax is computed once per rate. When a rate stands in several groups, their sum may be right instead of each."""
    for place, group in enumerate(invoice.groups, 1):
        expected = vat_amount(group.net_cents, group.vat_permille)
        if group.vat_cents != expected and not _right_together(invoice.groups, group.vat_permille):
            yield Finding(
                "regel",
                "mehrwertsteuer",
                f"Der Mehrwertsteuerbetrag {format_money(group.vat_cents)} ist falsch: "
                f"{format_permille(group.vat_permille)} von {format_money(group.net_cents)} "
                f"sind {format_money(expected)}.",
                group=place,
            )


def _right_together(groups: tuple[Group, ...], permille: int) -> bool:
    same = [group for group in groups if group.vat_permille == permille]
    net, vat = sum(group.net_cents for group in same), sum(group.vat_cents for group in same)
    return len(same) > 1 and vat == vat_amount(net, permille)


def _totals(invoice: Invoice, _version: str) -> Iterator[Finding]:
    sums = (
        (
            "Gesamtbetrag netto",
            invoice.net_cents,
            sum(group.net_cents for group in invoice.groups),
            "die Zwischensummen ergeben",
        ),
        (
            "Mehrwertsteuer gesamt",
            invoice.vat_cents,
            sum(group.vat_cents for group in invoice.groups),
            "die Gruppen ergeben",
        ),
        (
            "Gesamtbetrag brutto",
            invoice.gross_cents,
            invoice.net_cents + invoice.vat_cents,
            "netto und Mehrwertsteuer ergeben",
        ),
    )
    for name, stated, expected, how in sums:
        if stated != expected:
            yield Finding(
                "regel", "gesamtbetrag", f"{name} {format_money(stated)} ist falsch: {how} {format_money(expected)}."
            )


def _not_zero(invoice: Invoice, _version: str) -> Iterator[Finding]:
    if invoice.gross_cents == 0:
        yield Finding(
            "regel", "null", "Der Rechnungsbetrag ist 0,00 €. Für eine Rechnung ohne Betrag gibt es keine XML-Datei."
        )


def _not_only_discounts(invoice: Invoice, _version: str) -> Iterator[Finding]:
    for place, group in enumerate(invoice.groups, 1):
        if all(line.art == DISCOUNT for line in group.lines):
            message = (
                "Eine MWST-Gruppe nur aus Nachlässen ist nicht erlaubt. Bitte den Nachlass bei den Leistungen führen."
            )
            yield Finding("regel", "nur-nachlass", message, group=place)


def _number_iff_bel(invoice: Invoice, _version: str) -> Iterator[Finding]:
    for place, rank, line in _lines(invoice):
        if line.art == "BEL" and line.number is None:
            message = f"Der BEL-Position „{line.text}“ fehlt die BEL-Nummer."
        elif line.art != "BEL" and line.number is not None:
            message = f"Die Position „{line.text}“ ist keine BEL-Leistung ({line.art}) und darf keine Nummer tragen."
        else:
            continue
        yield Finding("regel", "nummer", message, group=place, position=rank)


def _official_text(invoice: Invoice, _version: str) -> Iterator[Finding]:
    known = services()
    for place, rank, line in _lines(invoice):
        service = known.get(line.number or "")
        if service and line.art == "BEL" and line.text != service.short_text:
            message = f"„{line.text}“ weicht vom amtlichen Kurztext zu {line.number} ab: „{service.short_text}“."
            yield Finding("warnung", "kurztext", message, group=place, position=rank)


def _filled(invoice: Invoice, _version: str) -> Iterator[Finding]:
    header = invoice.header
    fields = (
        ("Laborname", header.laboratory),
        ("Herstellungsort", header.place),
        ("Laborrechnungsnummer", header.number),
    )
    for name, value in fields:
        if not value.strip():
            yield Finding("regel", "leer", f"{name} ist leer. Bitte ausfüllen.")
    for place, rank, line in _lines(invoice):
        if not line.text.strip():
            message = "Die Beschreibung ist leer. Bitte die Leistung eindeutig bezeichnen."
            yield Finding("regel", "leer", message, group=place, position=rank)


def _place(invoice: Invoice, _version: str) -> Iterator[Finding]:
    place = invoice.header.place
    is_german = place.startswith("D-") and place[2:].strip()
    if place.strip() and not is_german and not is_foreign_country(place):
        yield Finding(
            "regel",
            "herstellungsort",
            f"Der Herstellungsort „{place}“ muss mit „D-“ beginnen, z. B. „D-München“. "
            "Bei Herstellung im Ausland steht dort der Name des Landes.",
        )


def _rates(invoice: Invoice, _version: str) -> Iterator[Finding]:
    delivered_on = invoice.header.delivered_on
    for place, group in enumerate(invoice.groups, 1):
        rate, shown = group.vat_permille, format_permille(group.vat_permille)
        if rate not in _RATES:
            message = f"{shown} ist kein deutscher Mehrwertsteuersatz. Er steht in Promille: 70 für 7 %, 190 für 19 %."
            yield Finding("regel", "steuersatz", message, group=place)
        elif rate and rate not in {rate_on(70, delivered_on), rate_on(190, delivered_on)}:
            message = f"Der Satz {shown} galt am Liefertag {delivered_on:%d.%m.%Y} nicht. Bitte prüfen."
            yield Finding("warnung", "steuersatz", message, group=place)


def _merchandise(invoice: Invoice, _version: str) -> Iterator[Finding]:
    for place, group in enumerate(invoice.groups, 1):
        if group.vat_permille == rate_on(STANDARD_PERMILLE, invoice.header.delivered_on):
            message = (
                "Handelsware auf Kassenrechnung: "
                "Positionen zum vollen Steuersatz gehören besser auf eine eigene Rechnung."
            )
            yield Finding("warnung", "handelsware", message, group=place)


def _ukps_alone(invoice: Invoice, _version: str) -> Iterator[Finding]:
    known = services()
    used = {line.number for _, _, line in _lines(invoice) if line.number in known}
    ukps = {number for number in used if number and known[number].is_ukps}
    if ukps and used != ukps:
        others = ", ".join(sorted(number for number in used - ukps if number))
        message = f"UKPS: nur UKPS-Nummern. Nicht dazu passen: {others}."
        yield Finding("warnung", "ukps", message)


def _day(invoice: Invoice, _version: str) -> Iterator[Finding]:
    if invoice.header.delivered_on < _FIRST_DAY:
        message = f"Das Lieferdatum {invoice.header.delivered_on:%d.%m.%Y} liegt weit zurück. Bitte das Jahr prüfen."
        yield Finding("warnung", "lieferdatum", message)


def _no_laboratory_id(invoice: Invoice, _version: str) -> Iterator[Finding]:
    if invoice.header.laboratory_id:
        yield Finding("warnung", "labor-id", "Die Labor-ID soll leer bleiben, bis es eine bundesweite Kennung gibt.")


_RULES: Final[tuple[Rule, ...]] = (
    _order_number,
    _group_sums,
    _group_taxes,
    _totals,
    _not_zero,
    _not_only_discounts,
    _number_iff_bel,
    _filled,
    _place,
    _rates,
    _official_text,
    _merchandise,
    _ukps_alone,
    _day,
    _no_laboratory_id,
)


def _lines(invoice: Invoice) -> Iterator[tuple[int, int, Line]]:
    for place, group in enumerate(invoice.groups, 1):
        for rank, line in enumerate(group.lines, 1):
            yield place, rank, line
