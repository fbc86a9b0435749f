"""Taking over a price file: a draft first, in force only by hand."""

from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction

from dentatool.catalogue.bel import short_text
from dentatool.catalogue.models import Price, PriceList
from dentatool.catalogue.price_file import PriceFile
from dentatool.catalogue.queries import list_in_force
from dentatool.kit.errors import NotYet
from dentatool.values.days import format_day

NOTABLE_PERMILLE = 100  # a change of more than ten per cent is worth a second look


@dataclass(frozen=True, slots=True)
class PriceChange:
    """One number, before and after; None where a list does not have it."""

    number: str
    text: str
    area: str
    old_cents: int | None
    new_cents: int | None

    @property
    def permille(self) -> int | None:
        """Change against the old price."""
        if not self.old_cents or self.new_cents is None:
            return None
        return round((self.new_cents - self.old_cents) * 1000 / self.old_cents)

    @property
    def is_notable(self) -> bool:
        """New, gone, or changed by more than ten per cent."""
        return self.permille is None or abs(self.permille) > NOTABLE_PERMILLE


@transaction.atomic
def draft_from_file(found: PriceFile, *, region: str, lab_type: str, valid_from: date) -> PriceList:
    """Save the file's prices for one kind of laboratory as a draft; nothing is billed by it yet."""
    prices = found.prices[lab_type]
    if not prices:
        raise NotYet("Die Datei enthält keine Preise für diese Art von Labor. Wählen Sie die andere Art oder eine andere Datei.")
    made = PriceList.objects.create(
        name=f"BEL II {region} ab {format_day(valid_from)}",
        region=region,
        lab_type=lab_type,
        valid_from=valid_from,
        source_name=found.name[-120:],
        source_sha256=found.sha256,
    )
    Price.objects.bulk_create(
        Price(price_list=made, number=number, area=area, cents=cents)
        for number, by_area in sorted(prices.items())
        for area, cents in by_area.items()
    )
    return made


def activate(draft: PriceList) -> PriceList:
    """Put a draft in force. The list for the same day, if there is one, must be put aside first."""
    if draft.state != PriceList.State.DRAFT:
        raise NotYet("Diese Preisliste ist schon in Kraft.")
    draft.state = PriceList.State.ACTIVE
    try:
        with transaction.atomic():
            draft.save(update_fields=["state"])
    except IntegrityError as twice:
        raise NotYet(
            f"Ab {format_day(draft.valid_from)} ist schon eine Liste für {draft.region} in Kraft. "
            "Ändern Sie das Datum oder verwerfen Sie den Entwurf."
        ) from twice
    return draft


def discard(draft: PriceList) -> None:
    """Throw a draft away. Lists in force stay: invoices were priced by them."""
    if draft.state != PriceList.State.DRAFT:
        raise NotYet("Eine Preisliste, die in Kraft ist, bleibt erhalten, weil nach ihr abgerechnet wurde.")
    draft.delete()


def changes_against_previous(new: PriceList) -> tuple[PriceList | None, list[PriceChange]]:
    """The list in force before this one, and every price that differs from it."""
    before = list_in_force(region=new.region, lab_type=new.lab_type, on=new.valid_from)
    if before is not None and before.pk == new.pk:
        earlier = PriceList.objects.filter(
            kind=new.kind, region=new.region, lab_type=new.lab_type, state=PriceList.State.ACTIVE, valid_from__lt=new.valid_from
        )
        before = earlier.order_by("-valid_from").first()
    if before is None:
        return None, []
    old, fresh = _by_place(before), _by_place(new)
    changes = [
        PriceChange(number, short_text(number) or "", area, old.get((number, area)), fresh.get((number, area)))
        for number, area in sorted(old.keys() | fresh.keys())
        if old.get((number, area)) != fresh.get((number, area))
    ]
    return before, changes


def _by_place(held: PriceList) -> dict[tuple[str, str], int]:
    rows = Price.objects.filter(price_list=held).values_list("number", "area", "cents")
    return {(number, area): cents for number, area, cents in rows}
