"""Price lists, prices and their changes as rows of a page. Formatted here: it is twice as fast as in the template."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from dentatool.catalogue.bel import printed_number, short_text
from dentatool.catalogue.importing import PriceChange
from dentatool.catalogue.models import PriceList
from dentatool.team.models import LaboratoryType, Region
from dentatool.values.days import format_day
from dentatool.values.money import format_money
from dentatool.values.text import fold

AREAS = {"": "alle", "KCH": "Kons.", "ZE": "ZE", "KFO": "KFO", "KB": "KB", "PA": "PA"}


def list_rows(lists: Iterable[PriceList], today: date) -> list[dict[str, Any]]:
    """Newest first in, and each told whether it is billed by today, later or no more."""
    rows, taken = [], set()
    for one in lists:
        key = (one.kind, one.region, one.lab_type)
        state, tone = str(one.get_state_display()), "quiet"
        if one.state == PriceList.State.DRAFT:
            tone = "warn"
        elif one.state == PriceList.State.ACTIVE and one.valid_from > today:
            state, tone = f"ab {format_day(one.valid_from)}", "accent"
        elif one.state == PriceList.State.ACTIVE and key in taken:
            state = "abgelöst"
        elif one.state == PriceList.State.ACTIVE:
            taken.add(key)
            state, tone = "gilt heute", "good"
        rows.append(
            {
                "pk": one.pk,
                "name": one.name,
                "region": Region(one.region).label if one.region in Region.values else one.region,
                "lab_type": LaboratoryType(one.lab_type).label,
                "valid_from": format_day(one.valid_from),
                "count": one.count,  # type: ignore[attr-defined]  # annotated by the caller
                "state": state,
                "tone": tone,
            }
        )
    return rows


def change_row(change: PriceChange) -> dict[str, Any]:
    """A change as shown: old, new, difference in per cent."""
    share = change.permille
    return {
        "number": printed_number(change.number),
        "text": change.text,
        "area": AREAS.get(change.area, change.area),
        "old": format_money(change.old_cents) if change.old_cents is not None else "neu",
        "new": format_money(change.new_cents) if change.new_cents is not None else "entfällt",
        "share": f"{share / 10:+.1f} %".replace(".", ",").replace("-", "−") if share is not None else "",
        "is_notable": change.is_notable,
    }


def price_rows(prices: Mapping[tuple[str, str], int], search: str) -> list[dict[str, str]]:
    """The prices whose number or text contains what is searched for."""
    words, digits = fold(search).split(), search.replace(" ", "")
    rows = []
    for (number, area), cents in sorted(prices.items()):
        text = short_text(number) or ""
        if digits in number or all(word in fold(text) for word in words):
            rows.append(
                {
                    "number": printed_number(number),
                    "text": text,
                    "area": AREAS.get(area, area),
                    "price": format_money(cents),
                }
            )
    return rows
