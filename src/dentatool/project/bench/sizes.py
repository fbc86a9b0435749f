"""How much is loaded and how often it is measured."""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Laboratories, orders in all of them together, patients of the measured one; rounds of each measurement."""

    laboratories: int = 1_000
    orders: int = 1_000_000
    patients: int = 20_000
    rounds: int = 7
    requests: int = 40
    sealing_s: int = 180

    @property
    def orders_each(self) -> int:
        return max(30, self.orders // self.laboratories)

    @property
    def stages(self) -> tuple[int, ...]:
        """After how many laboratories the plans are looked at: a hundredth, a tenth, all of them."""
        return tuple(sorted({max(2, self.laboratories // 100), max(2, self.laboratories // 10), self.laboratories}))


FULL = Sizes()
QUICK = Sizes(laboratories=100, orders=50_000, patients=20_000, rounds=5, requests=20, sealing_s=70)


def sizes_of(options: argparse.Namespace) -> Sizes:
    """What the command line asks for; single numbers win over --quick."""
    start = QUICK if options.quick else FULL
    return Sizes(*(getattr(options, name) or getattr(start, name) for name in Sizes.__slots__))
