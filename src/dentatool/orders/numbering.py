"""Readable order numbers: ``26-0142`` is the 142nd order taken in 2026. Unique, never used twice, gaps allowed."""

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import F

from dentatool.orders.models import OrderCounter


def next_number(on: date) -> str:
    """Take the next number of the year. The counter's row stays locked until the transaction ends."""
    while not OrderCounter.objects.filter(year=on.year).update(last=F("last") + 1):
        _begin_year(on.year)
    last = OrderCounter.objects.values_list("last", flat=True).get(year=on.year)
    return f"{on.year % 100:02d}-{last:04d}"


def _begin_year(year: int) -> None:
    """The year's first order makes its counter; whoever comes second finds it."""
    try:
        with transaction.atomic():
            OrderCounter.objects.create(year=year)
    except IntegrityError:
        return
