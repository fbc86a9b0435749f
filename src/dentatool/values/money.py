"""Money, quantities and value added tax in whole numbers: cents, thousandths, per mille. No floats, nowhere.

Rounding is the merchant's (half away from zero, DIN 1333), once per line and once per rate, never on sums:
the paper invoice, the XML and the e-invoice must agree to the cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

STANDARD_PERMILLE: Final = 190
REDUCED_PERMILLE: Final = 70
MILLI: Final = 1000
DISCOUNT: Final = "RBT"
TEXT: Final = "TEXT"
# Beyond this a typed amount is a slip of the finger (and too large for the database).
LARGEST_CENTS: Final = 99_999_999_99
LARGEST_MILLI: Final = 999_999_999

_MINUS: Final = ("-", "\u2212", "\u2013")  # also the real minus sign and the dash that word processors make of it
_DECIMAL: Final = re.compile(
    r"(?P<sign>[-+\u2212\u2013]?)(?P<whole>[0-9]{1,3}(?:\.[0-9]{3}){1,4}|[0-9]{1,12})?(?:,(?P<part>[0-9]*))?"
)


class Unreadable(ValueError):
    """Typed text that is no amount, quantity, tooth or date; the message is German and says what to type."""


def round_half_up(numerator: int, denominator: int) -> int:
    """Merchant's rounding of a fraction: halves go away from zero (2.5 → 3, -2.5 → -3).

    :raises ValueError: when the denominator is not positive.
    """
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def line_amount(price_cents: int, quantity_milli: int) -> int:
    """Price per unit in cents times quantity in thousandths → cents, rounded once."""
    return round_half_up(price_cents * quantity_milli, MILLI)


def vat_amount(net_cents: int, permille: int) -> int:
    """Tax on the net sum of one rate in cents (§ 12 UStG); never to be called per line."""
    return round_half_up(net_cents * permille, 1000)


def discount_amount(base_cents: int, permille: int) -> int:
    """A percentage off (3 % = 30 per mille) in cents, positive for a positive base; stored, not computed again."""
    return round_half_up(base_cents * permille, 1000)


def skonto_amount(due_cents: int, permille: int) -> int:
    """Early payment discount on the gross amount due, in cents. A term of payment, not a line of the invoice."""
    return round_half_up(due_cents * permille, 1000)


class Priced(Protocol):
    """What a line must tell to be summed; positions and invoice lines of every slice fit."""

    @property
    def art(self) -> str: ...
    @property
    def price_cents(self) -> int: ...
    @property
    def quantity_milli(self) -> int: ...
    @property
    def vat_permille(self) -> int: ...


@dataclass(frozen=True, slots=True)
class RateGroup:
    """All lines of one tax rate: net, tax and gross in cents."""

    vat_permille: int
    net_cents: int
    vat_cents: int

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


@dataclass(frozen=True, slots=True)
class Totals:
    """An invoice in numbers; the groups stand in the order in which their rate first appears."""

    groups: tuple[RateGroup, ...]

    @property
    def net_cents(self) -> int:
        return sum(group.net_cents for group in self.groups)

    @property
    def vat_cents(self) -> int:
        return sum(group.vat_cents for group in self.groups)

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


def signed_amount(line: Priced) -> int:
    """What the line adds to the net sum in cents: discounts (RBT) subtract, text lines count nothing."""
    if line.art == TEXT:
        return 0
    amount = line_amount(line.price_cents, line.quantity_milli)
    return -amount if line.art == DISCOUNT else amount


def totals(lines: Iterable[Priced]) -> Totals:
    """Sum the lines per tax rate, tax once per rate. Text lines open no group; no line gives no group and zero."""
    nets: dict[int, int] = {}
    for line in lines:
        if line.art != TEXT:
            nets[line.vat_permille] = nets.get(line.vat_permille, 0) + signed_amount(line)
    return Totals(tuple(RateGroup(rate, net, vat_amount(net, rate)) for rate, net in nets.items()))


def vat_rate(kind: str, on: date) -> int:
    """The rate in per mille valid on the day of delivery for ``"standard"``, ``"reduced"`` or ``"none"``.

    § 12 UStG; § 28 (1, 2) UStG lowered both rates from 1 July to 31 December 2020.
    Dental technicians' work is reduced (§ 12 (2) No. 6), merchandise is standard.

    :raises KeyError: for any other kind.
    """
    lowered = date(2020, 7, 1) <= on <= date(2020, 12, 31)
    rates = (
        {"standard": 160, "reduced": 50} if lowered else {"standard": STANDARD_PERMILLE, "reduced": REDUCED_PERMILLE}
    )
    return {**rates, "none": 0}[kind]


def rate_on(permille: int, on: date) -> int:
    """Translate the rate of today (190, 70, 0) into the one valid on a day; any other rate stays as it is."""
    kind = {STANDARD_PERMILLE: "standard", REDUCED_PERMILLE: "reduced"}.get(permille)
    return vat_rate(kind, on) if kind else permille


def format_money(cents: int, *, sign: str = " €") -> str:
    """``123450`` → ``"1.234,50 €"``; ``sign=""`` for columns and fields."""
    whole, part = divmod(abs(cents), 100)
    return f"{_sign(cents)}{_grouped(whole)},{part:02d}{sign}"


def parse_money(text: str) -> int:
    """Typed amount → cents. Accepts ``1.234,50``, ``1234,5``, ``12``, ``-3,00 €``, ``0,07``.

    :raises Unreadable: German message for anything else, also for ``12.50`` (a point parts thousands here).
    """
    sign, whole, part = _split(text, "Betrag", "1.234,50")
    if len(part) > 2:
        raise Unreadable(
            f"„{_shown(text)}“ hat mehr als zwei Stellen nach dem Komma. Bitte auf ganze Cent runden, z. B. 1.234,50."
        )
    cents = int(whole) * 100 + int(part.ljust(2, "0") or "0")
    if cents > LARGEST_CENTS:
        raise Unreadable("Der Betrag ist zu groß. Höchstens 99.999.999,99 € sind möglich.")
    return sign * cents


def format_quantity(milli: int) -> str:
    """Thousandths → ``"2"``, ``"2,35"``, ``"1.250,5"``: no more digits than needed."""
    whole, part = divmod(abs(milli), MILLI)
    tail = f"{part:03d}".rstrip("0")
    return f"{_sign(milli)}{_grouped(whole)}{',' + tail if tail else ''}"


def parse_quantity(text: str) -> int:
    """Typed quantity → thousandths (pieces, or grams as milligrams). Accepts ``2``, ``2,35``, ``-1``, ``1.250,5``.

    :raises Unreadable: German message for anything else. ``1.250`` too: a thousandfold of gold must not be a slip.
    """
    if "." in text and "," not in text:
        raise Unreadable(f"„{_shown(text)}“ ist nicht eindeutig. Bitte mit Komma und ohne Punkt schreiben, z. B. 2,35.")
    sign, whole, part = _split(text, "Menge", "2 oder 2,35")
    if len(part) > 3:
        raise Unreadable(
            f"„{_shown(text)}“ hat mehr als drei Stellen nach dem Komma. Bitte höchstens drei angeben, z. B. 2,350."
        )
    milli = int(whole) * MILLI + int(part.ljust(3, "0") or "0")
    if milli > LARGEST_MILLI:
        raise Unreadable("Die Menge ist zu groß. Höchstens 999.999,999 ist möglich.")
    return sign * milli


def format_permille(permille: int) -> str:
    """``70`` → ``"7 %"``, ``25`` → ``"2,5 %"``."""
    whole, part = divmod(permille, 10)
    return f"{whole}{',' + str(part) if part else ''} %"


def _sign(number: int) -> str:
    """The minus sign, as wide as a digit; a hyphen is too short and may end a line."""
    return "\u2212" if number < 0 else ""


def _grouped(whole: int) -> str:
    return f"{whole:,}".replace(",", ".")


def _split(text: str, what: str, example: str) -> tuple[int, str, str]:
    bare = re.sub(r"(?:€|EUR)\s*\Z", "", text.strip()).replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    found = _DECIMAL.fullmatch(bare)
    if found is None or not (found["whole"] or found["part"]):
        raise Unreadable(_reason(text, bare, what, example))
    return -1 if found["sign"] in _MINUS else 1, (found["whole"] or "0").replace(".", ""), found["part"] or ""


def _reason(text: str, bare: str, what: str, example: str) -> str:
    if not bare:
        return f"Bitte {_article(what)} {what} angeben, z. B. {example}."
    if re.fullmatch(r"[-+]?\d+\.\d+", bare):
        return (
            f"„{_shown(text)}“ ist nicht eindeutig: Der Punkt trennt Tausender. "
            f"Bitte mit Komma schreiben, z. B. {bare.replace('.', ',')}."
        )
    return f"„{_shown(text)}“ ist {_no(what)} {what}. Bitte so schreiben: {example}."


def _article(what: str) -> str:
    return "eine" if what == "Menge" else "einen"


def _no(what: str) -> str:
    return f"k{_article(what)}" if what == "Menge" else "kein"


def _shown(text: str) -> str:
    """The typed text, short enough for a message."""
    cleaned = "".join(letter if letter.isprintable() else " " for letter in text.strip())
    return cleaned if len(cleaned) <= 30 else cleaned[:29] + "…"
