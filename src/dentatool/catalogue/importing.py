"""Taking over a price file: look at it, keep it as a draft, and only then in force, by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import QuerySet

from dentatool.catalogue.bel import services, short_text
from dentatool.catalogue.models import Price, PriceList
from dentatool.catalogue.price_file import PriceFile
from dentatool.kit.errors import NotYet
from dentatool.values.days import format_day

NOTABLE_PERMILLE = 100  # a change of more than ten per cent is worth a second look
MOST_IN_REPORT = 60

Prices = Mapping[tuple[str, str], int]  # (number, area) → cents


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


def prices_in(found: PriceFile, lab_type: str) -> dict[tuple[str, str], int]:
    """A file's prices for one kind of laboratory, by number and area."""
    by_number = found.prices[lab_type].items()
    return {(number, area): cents for number, by_area in by_number for area, cents in by_area.items()}


def prices_on(held: PriceList) -> dict[tuple[str, str], int]:
    """A stored list's prices, by number and area."""
    rows = Price.objects.filter(price_list=held).values_list("number", "area", "cents")
    return {(number, area): cents for number, area, cents in rows}


def report_on(found: PriceFile, lab_type: str) -> list[str]:
    """What a person should know about the file, one sentence a line: gaps first."""
    lines = [f"Fehlt: BEL {gap}" for gap in found.missing.get(lab_type, ())]
    if found.unknown_numbers:
        named = ", ".join(found.unknown_numbers[:10]) + (" …" if len(found.unknown_numbers) > 10 else "")
        belong = "Nummern gehören" if len(found.unknown_numbers) > 1 else "Nummer gehört"
        lines.append(f"{len(found.unknown_numbers)} {belong} nicht zur BEL II, ohne Übernahme: {named}")
    lines += list(found.remarks[:MOST_IN_REPORT])
    if len(found.remarks) > MOST_IN_REPORT:
        lines.append(f"… und {len(found.remarks) - MOST_IN_REPORT} weitere Hinweise")
    return lines


@transaction.atomic
def draft_from_file(found: PriceFile, *, region: str, lab_type: str, valid_from: date) -> PriceList:
    """Save the file's prices for one kind of laboratory as a draft; nothing is billed by it yet."""
    prices = prices_in(found, lab_type)
    if not prices:
        raise NotYet(
            "Die Datei enthält keine Preise für diese Art von Labor. Bitte die andere Art oder eine andere Datei wählen."
        )
    read = f"Gelesen als {found.encoding} mit {found.columns} Spalten; {_numbers(prices)} von {len(services())} Nummern haben einen Preis."
    made = PriceList.objects.create(
        name=f"BEL II {region} ab {format_day(valid_from)}",
        region=region,
        lab_type=lab_type,
        valid_from=valid_from,
        source_name=found.name[-120:],
        source_sha256=found.sha256,
        report="\n".join([read, *report_on(found, lab_type)]),
    )
    Price.objects.bulk_create(
        Price(price_list=made, number=number, area=area, cents=cents)
        for (number, area), cents in sorted(prices.items())
    )
    return made


def same_day(held: PriceList) -> PriceList | None:
    """The list in force for the same region, kind of laboratory and first day: activating replaces it."""
    return _in_force(held.region, held.lab_type).filter(valid_from=held.valid_from).exclude(pk=held.pk).first()


@transaction.atomic
def activate(draft: PriceList) -> PriceList:
    """Put a draft in force by hand. A list for the same day is withdrawn by it: KZVs publish corrections."""
    if draft.state != PriceList.State.DRAFT:
        raise NotYet("Nur ein Entwurf kann in Kraft gesetzt werden. Diese Preisliste ist es schon oder war es.")
    if (replaced := same_day(draft)) is not None:
        withdraw(replaced)
    draft.state = PriceList.State.ACTIVE
    draft.save(update_fields=["state"])
    return draft


def withdraw(held: PriceList) -> PriceList:
    """Take a list out of force. It stays: positions that were priced by it name it."""
    if held.state != PriceList.State.ACTIVE:
        raise NotYet("Diese Preisliste ist nicht in Kraft.")
    held.state = PriceList.State.WITHDRAWN
    held.save(update_fields=["state"])
    return held


def discard(draft: PriceList) -> None:
    """Throw a draft away. Lists that were in force stay: work was priced by them."""
    if draft.state != PriceList.State.DRAFT:
        raise NotYet("Eine Preisliste, die in Kraft ist oder war, bleibt erhalten, weil nach ihr abgerechnet wurde.")
    draft.delete()


def list_before(*, region: str, lab_type: str, day: date) -> PriceList | None:
    """The list in force on that day, or the one that it would replace."""
    return _in_force(region, lab_type).filter(valid_from__lte=day).order_by("-valid_from").first()


def changes_between(old: Prices, new: Prices) -> list[PriceChange]:
    """Every price that differs; what deserves a second look stands first, then by number."""
    changes = [
        PriceChange(number, short_text(number) or "", area, old.get((number, area)), new.get((number, area)))
        for number, area in sorted(old.keys() | new.keys())
        if old.get((number, area)) != new.get((number, area))
    ]
    return sorted(changes, key=lambda change: (not change.is_notable, change.number, change.area))


def _in_force(region: str, lab_type: str) -> QuerySet[PriceList]:
    return PriceList.objects.filter(
        kind=PriceList.Kind.BEL, region=region, lab_type=lab_type, state=PriceList.State.ACTIVE
    )


def _numbers(prices: Prices) -> int:
    return len({number for number, _area in prices})
