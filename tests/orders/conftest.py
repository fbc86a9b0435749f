"""What an order needs: a price list, a practice with a dentist, own services, a chain."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

BAVARIA_2026 = {
    "0010": 845,
    "0051": 1988,
    "0112": 1100,
    "0120": 1242,
    "1021": 10454,
    "1022": 9000,
    "1024": 10368,
    "1100": 9500,
    "1620": 12159,
    "8010": 2000,
    "8090": 7216,
    "9330": 717,
    "9700": 1722,
    "5010": 20000,
    "0015": 845,
}


@dataclass
class House:
    """A laboratory with what its work leans on. Ids only: records belong to the pass that read them."""

    lab: Any
    practice_id: Any
    dentist_id: Any
    chain_id: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lab, name)

    @property
    def practice(self) -> Any:
        from dentatool.practices.models import Practice

        return Practice.objects.get(pk=self.practice_id)

    def order(self, **facts: Any) -> Any:
        """An order as the intake makes it; call it at work."""
        from dentatool.orders.actions import Ordered, create_order

        direct = {
            name: facts.pop(name)
            for name in ("patient", "teeth", "chain", "variables", "intake_key", "state")
            if name in facts
        }
        ordered = {"kind": "NEM-Krone", "received_on": date(2026, 3, 2), "due_on": date(2026, 3, 12), **facts}
        return create_order(self.practice, Ordered(**ordered), **direct)


def furnish(lab: Any, region: str = "BY") -> House:
    """Price list, practice, dentist, articles and one chain, committed."""
    from dentatool.catalogue.models import Article, ChainLine, Price, PriceList, ServiceChain
    from dentatool.practices.models import Dentist, Practice
    from dentatool.team.models import LaboratoryProfile

    with lab.at_work():
        profile = LaboratoryProfile.objects.get()
        profile.region = region
        profile.save()
        for name, since, factor in (("2025", date(2025, 1, 1), 95), ("2026", date(2026, 1, 1), 100)):
            prices = PriceList.objects.create(
                name=f"{region} {name}", region=region, lab_type="gewerbe", valid_from=since, state="active"
            )
            Price.objects.bulk_create(
                Price(price_list=prices, number=number, cents=cents * factor // 100)
                for number, cents in BAVARIA_2026.items()
            )
        practice = Practice.objects.create(customer_number="1001", name="Praxis Dr. Wimmer", city="Prien")
        dentist = Dentist.objects.create(practice=practice, title="Dr.", first_name="Korbinian", last_name="Wimmer")
        Article.objects.create(art="NBL", number="P100", text="Kronengerüst", price_cents=9800)
        chain = ServiceChain.objects.create(name="NEM-Krone, vestibulär verblendet")
        for rank, (number, formula) in enumerate(
            (("0010", "1"), ("1024", "kronen"), ("1100", "glieder"), ("9330", "versandgaenge"))
        ):
            ChainLine.objects.create(chain=chain, rank=rank, art="BEL", number=number, formula=formula)
        return House(lab, practice.pk, dentist.pk, chain.pk)


@pytest.fixture
def house(anna: Any) -> House:
    """Anna's laboratory, furnished."""
    return furnish(anna)


@pytest.fixture
def other_house(bert: Any) -> House:
    """Bert's laboratory, furnished alike."""
    return furnish(bert, region="WL")


@pytest.fixture
def furnished() -> Callable[..., House]:
    """Furnish any laboratory."""
    return furnish
