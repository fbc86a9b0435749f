"""A laboratory whose every text carries a marker, so that one foreign letter in an answer is seen."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from billing.conftest import CROWN, make_order


@dataclass(frozen=True)
class Marked:
    """What stands in a marked laboratory."""

    lab: Any
    marker: str
    orders: tuple[UUID, ...]
    draft: UUID
    invoice: UUID
    practice: UUID

    def addresses(self) -> list[str]:
        """Pages with much of the laboratory's own data on them: lists, searches, records, files, the trail."""
        return [
            *("/", "/auftraege/?status=alle&namen=1", "/patienten/", "/praxen/", "/rechnungen/", "/preise/"),
            *("/leistungen/", "/ketten/", "/auftraege/neu/", "/protokoll/?topic=stammdaten", "/labor/"),
            f"/auftraege/?suche={self.marker}",
            f"/patienten/?suche={self.marker}",
            f"/auftraege/{self.orders[0]}/",
            f"/auftraege/{self.orders[0]}/verlauf/",
            f"/rechnungen/{self.draft}/",
            f"/rechnungen/{self.invoice}/",
            f"/rechnungen/{self.invoice}/pdf/",
            f"/rechnungen/{self.invoice}/xml/",
        ]


def fill(lab: Any, marker: str, orders: int = 30) -> Marked:
    """Practices, patients, orders on more than one page, prices, articles, a chain, a draft and an invoice."""
    from dentatool.billing.actions import draft_invoice, issue_invoice
    from dentatool.catalogue.models import Article, ChainLine, Price, PriceList, ServiceChain
    from dentatool.practices.models import Dentist, KnownLocation, Practice

    with lab.at_work():
        prices = PriceList.objects.create(
            name=f"{marker} 2026", region="BY", lab_type="gewerbe", valid_from=date(2026, 1, 1), state="active"
        )
        Price.objects.create(price_list=prices, number="0010", cents=845)
        for number in range(orders):
            Article.objects.create(art="NBL", number=f"{marker[:4]}{number}", text=f"{marker} Gerüst", price_cents=9800)
        chain = ServiceChain.objects.create(name=f"{marker} Krone")
        ChainLine.objects.create(chain=chain, rank=0, art="BEL", number="0010", formula="1")
        practice = Practice.objects.create(
            customer_number=marker[:6], name=f"Praxis {marker}", street="Am Markt 1", postcode="83022", city=marker
        )
        Dentist.objects.create(practice=practice, last_name=marker)
        KnownLocation.objects.create(practice=practice, number="565901")
        lines = [{**CROWN[0], "text": f"{marker} Modell"}, CROWN[1]]
        made = [
            make_order(
                practice=practice,
                lines=lines,
                number=f"{marker[:3]}-{number}",
                kind=f"{marker} Krone",
                remarks=f"{marker} Bemerkung",
                due_on=date(2026, 3, 12) + timedelta(days=number),
            )
            for number in range(orders)
        ]
        for order in made:
            order.patient.name = f"{marker} Mustermann"
            order.patient.save()
        invoice = issue_invoice(draft_invoice(made[1]))
        draft = draft_invoice(made[2])
        return Marked(lab, marker, tuple(order.pk for order in made), draft.pk, invoice.pk, practice.pk)


def marker_of(name: str) -> str:
    """A word that stands nowhere else."""
    return f"{name}{uuid4().hex[:10]}".upper()
