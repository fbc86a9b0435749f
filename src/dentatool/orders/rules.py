"""What BEL II says about positions side by side: warnings and errors in German, never a silent change.

Pure. `check` reads lines and answers findings; an error keeps the order from being finished and billed,
a warning asks the person to look. Facts stand in `rule_facts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dentatool.orders.rule_facts import (
    CROWN_FOR_VENEER,
    EXCLUSIONS,
    MAXIMA,
    MODELS,
    NON_PRECIOUS,
    NON_PRECIOUS_FOR,
    ONLY_PRACTICE_LABORATORY,
    ORTHODONTIC_BASIC_UNIT,
    ORTHODONTIC_REPAIR_UNITS,
    RELINING_ORTHODONTIC,
    RELININGS,
    REPAIR_BASIC_UNITS,
    REPAIR_UNITS,
    SHIPPING,
    UKPS,
    VENEERS,
    Exclusion,
    Maximum,
    Per,
    Scope,
)
from dentatool.values.money import MILLI, STANDARD_PERMILLE, Unreadable, format_quantity
from dentatool.values.tooth import jaw, parse_teeth, within_veneer_limits

BEL, MATERIAL, TEXT = "BEL", ("EDM", "MAT"), "TEXT"
PRACTICE_LABORATORY = "praxis"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Line:
    """A position as far as the rules look at it. Quantity in thousandths; tooth as typed, e.g. ``14`` or ``14, 15``."""

    art: str
    number: str
    quantity_milli: int
    tooth: str = ""
    vat_permille: int = 70
    price_cents: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend (error) or to look at (warning)."""

    severity: Severity
    code: str
    message: str
    numbers: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


@dataclass(frozen=True, slots=True)
class _Case:
    """The billable lines of one order, counted once."""

    lines: tuple[Line, ...]
    lab_type: str
    order_teeth: tuple[int, ...]
    pieces: Counter[str] = field(default_factory=Counter)

    def has(self, *numbers: str) -> bool:
        return any(self.pieces[number] > 0 for number in numbers)

    def teeth(self, numbers: Iterable[str]) -> set[int]:
        wanted = set(numbers)
        return {tooth for line in self.lines if line.number in wanted for tooth in _teeth(line.tooth)}


def check(lines: Iterable[Line], *, lab_type: str = "gewerbe", order_teeth: Sequence[int] = ()) -> tuple[Finding, ...]:
    """Everything the rules say about these lines, errors first. Quantity 0 and text lines count for nothing."""
    billed = tuple(line for line in lines if line.art != TEXT and line.quantity_milli > 0)
    case = _Case(billed, lab_type, tuple(order_teeth))
    for line in billed:
        if line.art == BEL:
            case.pieces[line.number] += line.quantity_milli
    rules = (_splint_only, _shipping, _practice_only, _maxima, _exclusions, _relining, _repair_units,
             _non_precious, _veneer_limit, _trade_goods, _without_price)  # fmt: skip
    found = [finding for rule in rules for finding in rule(case)]
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def spaced(number: str) -> str:
    """``0010`` → ``001 0``, as BEL II prints it."""
    return f"{number[:3]} {number[3:]}" if len(number) == 4 else number


def _splint_only(case: _Case) -> Iterator[Finding]:
    foreign = sorted(number for number in case.pieces if number not in UKPS)
    if case.has(*UKPS) and foreign:
        names = ", ".join(map(spaced, foreign))
        yield _error("ukps", f"UKPS: nur UKPS-Nummern sind erlaubt. Bitte entfernen: {names}.", *foreign)


def _shipping(case: _Case) -> Iterator[Finding]:
    if case.lab_type != PRACTICE_LABORATORY:
        return
    for number in sorted(SHIPPING & set(case.pieces)):
        yield _error("shipping", f"{spaced(number)} Versandkosten: Ein Praxislabor darf sie nicht berechnen.", number)


def _practice_only(case: _Case) -> Iterator[Finding]:
    number = ONLY_PRACTICE_LABORATORY
    if case.lab_type != PRACTICE_LABORATORY and case.has(number):
        yield _warning(
            "practice_only",
            f"{spaced(number)} Zahnkranz: Ein gewerbliches Labor berechnet ihn nur, wenn er in der Praxis entsteht.",
            number,
        )


def _maxima(case: _Case) -> Iterator[Finding]:
    for maximum in MAXIMA:
        most = _most(case, maximum)
        if case.pieces[maximum.number] > most * MILLI or _too_many_in_a_jaw(case, maximum):
            make = _error if maximum.is_error else _warning
            count = format_quantity(case.pieces[maximum.number])
            yield make("maximum", f"{count} × {spaced(maximum.number)}: {maximum.why}.", maximum.number)


def _most(case: _Case, maximum: Maximum) -> int:
    if maximum.per is Per.JAW:
        return 2 * maximum.most
    if maximum.per is Per.MODEL:
        return maximum.most * max(1, sum(case.pieces[number] for number in MODELS) // MILLI)
    return maximum.most


def _too_many_in_a_jaw(case: _Case, maximum: Maximum) -> bool:
    """Only lines that name teeth tell which jaw they belong to."""
    if maximum.per is not Per.JAW or maximum.number not in case.pieces:
        return False
    pieces: Counter[str] = Counter()
    for line in case.lines:
        if line.number != maximum.number:
            continue
        jaws = {jaw(tooth) for tooth in _teeth(line.tooth)}
        if len(jaws) == 1:
            pieces[jaws.pop()] += line.quantity_milli
    return any(count > maximum.most * MILLI for count in pieces.values())


def _exclusions(case: _Case) -> Iterator[Finding]:
    for exclusion in EXCLUSIONS:
        if not case.has(exclusion.number):
            continue
        for other in exclusion.beside:
            if case.has(other) and _excludes(case, exclusion, other):
                yield _excluded(exclusion, other)


def _excludes(case: _Case, exclusion: Exclusion, other: str) -> bool:
    if exclusion.scope is not Scope.TOOTH:
        return True
    ours, theirs = case.teeth([exclusion.number]), case.teeth([other])
    # Without teeth on both sides nobody can tell: better one question too many.
    return bool(ours & theirs) or not ours or not theirs


def _excluded(exclusion: Exclusion, other: str) -> Finding:
    pair = f"{spaced(exclusion.number)} und {spaced(other)}"
    if exclusion.scope is Scope.CHECK:
        message = f"{pair} nebeneinander: nicht erlaubt, {exclusion.why}. Bitte prüfen."
    else:
        message = f"{pair} sind nebeneinander nicht abrechenbar: {exclusion.why}."
    return _warning("exclusion", message, exclusion.number, other)


def _relining(case: _Case) -> Iterator[Finding]:
    if case.has(*REPAIR_UNITS, *ORTHODONTIC_REPAIR_UNITS):
        return
    pairs = [*RELININGS.items(), *((number, ORTHODONTIC_BASIC_UNIT) for number in RELINING_ORTHODONTIC)]
    for relining, unit in pairs:
        if case.has(relining) and case.has(unit):
            yield _warning(
                "relining",
                f"{spaced(relining)} und {spaced(unit)}: Die Unterfütterung ist keine Instandsetzung. "
                f"{spaced(unit)} nur zusammen mit einer Leistungseinheit (802 x oder 862 x) berechnen.",
                relining,
                unit,
            )


def _repair_units(case: _Case) -> Iterator[Finding]:
    units = [number for number in REPAIR_UNITS if case.has(number)]
    if units and not case.has(*REPAIR_BASIC_UNITS):
        names = ", ".join(map(spaced, units))
        yield _warning(
            "repair_unit", f"{names}: nur zusammen mit der Grundeinheit 801 0 oder 801 8 abrechenbar.", *units
        )


def _non_precious(case: _Case) -> Iterator[Finding]:
    allowed = sum(case.pieces[number] * factor for number, factor in NON_PRECIOUS_FOR.items())
    if case.pieces[NON_PRECIOUS] > allowed:
        yield _warning(
            "non_precious",
            f"{format_quantity(case.pieces[NON_PRECIOUS])} × 970 0 bei {format_quantity(allowed)} dafür zugelassenen "
            "Leistungen: 970 0 gibt es höchstens einmal je Krone, Brückenglied oder Stiftaufbau (zweimal je 120 0).",
            NON_PRECIOUS,
        )


def _veneer_limit(case: _Case) -> Iterator[Finding]:
    veneers = VENEERS & set(case.pieces)
    if not veneers:
        return
    teeth = case.teeth(veneers | CROWN_FOR_VENEER) or set(case.order_teeth)
    beyond = sorted(tooth for tooth in teeth if not within_veneer_limits(tooth))
    if beyond:
        names = ", ".join(map(str, beyond))
        yield _warning(
            "veneer_limit",
            f"Verblendung an Zahn {names}: Die Regelversorgung reicht oben von 15 bis 25 und unten von 34 bis 44. "
            "Vorschlag: als gleichartige Versorgung abrechnen.",
            *sorted(veneers),
        )


def _trade_goods(case: _Case) -> Iterator[Finding]:
    if case.pieces and any(line.vat_permille == STANDARD_PERMILLE for line in case.lines):
        yield _warning(
            "trade_goods",
            "Handelsware mit 19 % steht neben Kassenleistungen. Besser eine eigene Rechnung dafür schreiben.",
        )


def _without_price(case: _Case) -> Iterator[Finding]:
    missing = sorted({line.number for line in case.lines if line.art == BEL and line.price_cents == 0})
    missing = [number for number in missing if not (number in SHIPPING and case.lab_type == PRACTICE_LABORATORY)]
    if missing:
        names = ", ".join(map(spaced, missing))
        yield _warning("no_price", f"{names}: Der Preis ist 0,00 €. Bitte Preisliste oder Preis prüfen.", *missing)


def _teeth(text: str) -> tuple[int, ...]:
    try:
        return parse_teeth(text)
    except Unreadable:
        return ()


def _error(code: str, message: str, *numbers: str) -> Finding:
    return Finding(Severity.ERROR, code, message, numbers)


def _warning(code: str, message: str, *numbers: str) -> Finding:
    return Finding(Severity.WARNING, code, message, numbers)
