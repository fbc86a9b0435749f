"""Sums of an invoice's lines: what counts, what is stored. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from dentatool.values.money import TEXT, Priced, Totals, discount_amount, line_amount, signed_amount, totals

# An invoice of a dental laboratory beyond this is a slip of the finger, and the exchange formats have no room for it.
LARGEST_GROSS_CENTS: Final = 9_999_999
LARGEST_PRICE_CENTS: Final = 999_999
PRIVATE: Final = "NBL"

L = TypeVar("L", bound=Priced)


def counting(lines: Iterable[L]) -> list[L]:
    """The lines that are summed and exported: no text lines, nothing of quantity 0."""
    return [line for line in lines if line.art != TEXT and line.quantity_milli != 0]


def sums_of(lines: Iterable[Priced]) -> Totals:
    """Net and tax per rate (tax once per rate), in the order in which the rates first appear."""
    return totals(counting(lines))


def amount_of(line: Priced) -> int:
    """What the line adds to the net sum in cents; a discount is negative."""
    return signed_amount(line)


def private_discounts(lines: Iterable[Priced], permille: int) -> dict[int, int]:
    """A percentage off the private services (NBL), per tax rate: per mille → cents, rounded once per rate.

    The base is what the private lines of the rate add up to; rates where that is nothing give no discount.
    """
    bases: dict[int, int] = {}
    for line in lines:
        if line.art == PRIVATE:
            bases[line.vat_permille] = bases.get(line.vat_permille, 0) + line_amount(
                line.price_cents, line.quantity_milli
            )
    return {rate: cents for rate, base in bases.items() if (cents := discount_amount(base, permille)) > 0}
