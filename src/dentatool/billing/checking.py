"""Looking at a draft before it is issued: errors keep it back, warnings ask the person to look. Changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.timezone import localdate

from dentatool.billing.kzbv_xml import split_proposal
from dentatool.billing.models import Art, Invoice, InvoiceLine
from dentatool.billing.sums import LARGEST_GROSS_CENTS, LARGEST_PRICE_CENTS, counting, sums_of
from dentatool.billing.xml_file import preview_refusals
from dentatool.kit.errors import NotYet
from dentatool.orders import rules
from dentatool.orders.maximum_prices import above_maximum
from dentatool.orders.models import Care, NumberState
from dentatool.team.models import LaboratoryProfile
from dentatool.team.queries import profile
from dentatool.values.days import format_day
from dentatool.values.money import Totals, format_money, format_permille, vat_rate


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend (error) or to look at. `rank` is the line it is about, 0 for the whole draft."""

    message: str
    is_error: bool = True
    rank: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """A draft with all that the checks look at, fetched once."""

    draft: Invoice
    lines: Sequence[InvoiceLine]
    sums: Totals
    laboratory: LaboratoryProfile


def findings_of(draft: Invoice, lines: Sequence[InvoiceLine] | None = None) -> list[Finding]:
    """Everything that stands against issuing this draft, or is worth a look; errors first."""
    known = list(draft.lines.all()) if lines is None else lines
    case = _Case(draft, known, sums_of(known), profile())
    checks = (_order, _lines, _rates, _amounts, _trade_rules, _parties, _order_number, _xml)
    found = [finding for check in checks for finding in check(case)]
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.is_error)


def require_issuable(draft: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """:raises NotYet: all errors of the draft, each a German sentence."""
    if errors := [finding.message for finding in findings_of(draft, lines) if finding.is_error]:
        raise NotYet("Die Rechnung kann noch nicht ausgestellt werden. " + " ".join(errors))


def _order(case: _Case) -> Iterator[Finding]:
    draft, order = case.draft, case.draft.order
    if draft.delivered_on is None:
        yield Finding("Das Lieferdatum fehlt. Bitte im Auftrag eintragen und den Entwurf neu aus dem Auftrag holen.")
        return
    if order.priced_on != draft.delivered_on and (order.delivered_on or order.due_on):
        yield Finding(
            f"Im Auftrag steht jetzt das Lieferdatum {format_day(order.priced_on)}, im Entwurf noch "
            f"{format_day(draft.delivered_on)}. Preise und Steuersatz hängen davon ab. "
            "Bitte den Entwurf neu aus dem Auftrag holen."
        )
    if draft.delivered_on > localdate():
        yield Finding(f"Das Lieferdatum {format_day(draft.delivered_on)} liegt in der Zukunft.", is_error=False)


def _lines(case: _Case) -> Iterator[Finding]:
    if not counting(case.lines):
        yield Finding("Die Rechnung enthält keine Leistung. Bitte mindestens eine Zeile mit Menge eintragen.")
    for line in counting(case.lines):
        if line.art == Art.RBT and line.amount_cents > 0:
            yield Finding(
                f"Zeile {line.rank}: Ein Nachlass wird mit positivem Preis und positiver Menge eingetragen; abgezogen wird er von selbst.",
                rank=line.rank,
            )
        if line.price_cents > LARGEST_PRICE_CENTS:
            yield Finding(_split(line), rank=line.rank)


def _split(line: InvoiceLine) -> str:
    parts = split_proposal(line.price_cents)
    proposal = " und ".join(f"{parts.count(price)} × {format_money(price)}" for price in dict.fromkeys(parts))
    return (
        f"Zeile {line.rank}: Der Einzelpreis {format_money(line.price_cents)} ist zu groß, die Laborabrechnungsdaten "
        f"nehmen höchstens {format_money(LARGEST_PRICE_CENTS)}. Bitte aufteilen, z. B. {proposal}."
    )


def _rates(case: _Case) -> Iterator[Finding]:
    """§ 12, § 27 (1) UStG: the rates of the day of delivery; another country's practice has its own."""
    draft = case.draft
    if draft.delivered_on is None:
        return
    own = draft.practice.vat_override_permille
    valid = [vat_rate(kind, draft.delivered_on) for kind in ("reduced", "standard", "none")]
    for line in counting(case.lines):
        if own is not None and line.vat_permille != own:
            yield Finding(
                f"Zeile {line.rank}: Für diese Praxis gelten {format_permille(own)} Mehrwertsteuer, "
                f"nicht {format_permille(line.vat_permille)}. Bitte prüfen.",
                is_error=False,
                rank=line.rank,
            )
        if line.vat_permille not in valid and line.vat_permille != own:
            yield Finding(
                f"Zeile {line.rank}: {format_permille(line.vat_permille)} Mehrwertsteuer gibt es am Lieferdatum "
                f"{format_day(draft.delivered_on)} nicht, richtig sind {format_permille(valid[0])} für zahntechnische "
                f"Arbeiten und {format_permille(valid[1])} für Handelsware.",
                rank=line.rank,
            )


def _amounts(case: _Case) -> Iterator[Finding]:
    sums = case.sums
    if any(group.net_cents < 0 for group in sums.groups):
        yield Finding("Die Nachlässe sind höher als die Leistungen desselben Steuersatzes. Bitte den Nachlass kürzen.")
    if sums.gross_cents == 0 and counting(case.lines) and case.draft.order.care != Care.GOODWILL:
        yield Finding(
            "Der Rechnungsbetrag ist 0,00 €. Bitte Preise eintragen; ohne Berechnung den Auftrag als Kulanz führen."
        )
    if sums.gross_cents > LARGEST_GROSS_CENTS:
        yield Finding(
            f"Der Rechnungsbetrag {format_money(sums.gross_cents)} ist zu groß, höchstens "
            f"{format_money(LARGEST_GROSS_CENTS)} sind möglich. Bitte auf mehrere Aufträge aufteilen."
        )


def _trade_rules(case: _Case) -> Iterator[Finding]:
    order = case.draft.order
    found = rules.check(
        (
            rules.Line(line.art, line.number, line.quantity_milli, line.tooth, line.vat_permille, line.price_cents)
            for line in case.lines
        ),
        lab_type=case.laboratory.lab_type,
        order_teeth=[tooth.tooth for tooth in order.teeth.all()],
    )
    for finding in (*found, *above_maximum(order, case.lines, case.laboratory)):
        yield Finding(finding.message, is_error=finding.is_error)


def _parties(case: _Case) -> Iterator[Finding]:
    """§ 14 (4) UStG: both full names and addresses, and a tax number, stand on every invoice."""
    laboratory, practice = case.laboratory, case.draft.practice
    if not (laboratory.tax_number or laboratory.vat_id):
        yield Finding(
            "In den Angaben zum Labor fehlen Steuernummer und USt-IdNr. Eine von beiden gehört auf jede Rechnung.",
            is_error=False,
        )
    if not (laboratory.street and laboratory.postcode and laboratory.city):
        yield Finding("In den Angaben zum Labor ist die Anschrift unvollständig.", is_error=False)
    if not (practice.street and practice.postcode and practice.city):
        yield Finding(f"Die Anschrift der Praxis {practice.name} ist unvollständig.", is_error=False)


def _order_number(case: _Case) -> Iterator[Finding]:
    order = case.draft.order
    if order.number_state == NumberState.WRONG:
        yield Finding(
            f"Die Auftragsnummer „{order.order_number}“ ist falsch. Bis sie im Auftrag berichtigt oder mit Begründung "
            "freigegeben ist, gibt es keine XML-Datei.",
            is_error=False,
        )


def _xml(case: _Case) -> Iterator[Finding]:
    """What a practice's software would refuse; the paper invoice is possible all the same."""
    if case.draft.delivered_on is not None and not any(line.price_cents > LARGEST_PRICE_CENTS for line in case.lines):
        for message in preview_refusals(case.draft, case.lines):
            yield Finding(f"XML: {message}", is_error=False)
