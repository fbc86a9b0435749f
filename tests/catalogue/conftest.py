"""What price tests need: a small published file, and lists in force."""

from datetime import date
from typing import Any

import pytest

from dentatool.catalogue.bel import services


def price_file(factor: int = 100, **changed: str) -> bytes:
    """A list in the form of Bavaria, 2025 and later: every number, its price made up from its number."""
    lines = []
    for number, service in services().items():
        cents = (500 + int(number)) * factor // 100
        price = changed.get(f"n{number}", f"{cents // 100},{cents % 100:02}")
        lines.append(f"{number};{number};{service.short_text};0;{price};{price};;;;;;;;")
    return "\r\n".join(lines).encode("cp1252")


def make_list(
    *, region: str = "BY", lab_type: str = "gewerbe", since: date, state: str = "active", **cents: int
) -> Any:
    """A stored list; `n0010=845` or `n0015_KB=779` are its prices. Call it at work."""
    from dentatool.catalogue.models import Price, PriceList

    made = PriceList.objects.create(
        name=f"BEL II {region} ab {since:%d.%m.%Y}", region=region, lab_type=lab_type, valid_from=since, state=state
    )
    Price.objects.bulk_create(
        Price(price_list=made, number=key[1:5], area=key[6:], cents=value) for key, value in cents.items()
    )
    return made


@pytest.fixture
def upload() -> Any:
    """`upload("11la0126.csv", data)`: a file as a browser sends it."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    return lambda name, data: SimpleUploadedFile(name, data, content_type="text/csv")
