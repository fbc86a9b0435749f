"""An item of 10,000 € or more has no room in one position; the exchange asks to split it into several."""

from __future__ import annotations

from typing import Final

from dentatool.values.money import format_money

LARGEST_PRICE: Final = 999_999


def split_proposal(price_cents: int) -> tuple[int, ...]:
    """Prices of several lines that add up to one too large, as equal as cents allow (1_000_000 → twice 500_000)."""
    count = max(-(-price_cents // LARGEST_PRICE), 1)
    base, rest = divmod(price_cents, count)
    return tuple(base + (1 if place < rest else 0) for place in range(count))


def proposal_text(price_cents: int) -> str:
    """``1_000_000`` → ``"2 × 5.000,00 €"``"""
    parts = split_proposal(price_cents)
    return " und ".join(f"{parts.count(price)} × {format_money(price)}" for price in dict.fromkeys(parts))
