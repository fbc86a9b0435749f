"""Readable order numbers: ``26-0142`` is the 142nd order taken in 2026. Unique, never used twice, gaps allowed."""

from datetime import date

from django.db import IntegrityError, connection, transaction

from dentatool.orders.models import OrderCounter


def next_number(on: date) -> str:
    """Take the next number of the year. The counter's row stays locked until the transaction ends."""
    while (last := _next(on.year)) is None:
        _begin_year(on.year)
    return f"{on.year % 100:02d}-{last:04d}"


def give_back(on: date) -> None:
    """Undo the count of this very transaction, which nobody else can have seen."""
    with connection.cursor() as cursor:
        cursor.execute("update orders_ordercounter set last = last - 1 where year = %s", [on.year])


def _next(year: int) -> int | None:
    """Count on, if the year has begun. By hand, because the ORM would ask for the result once more; every order needs it."""
    with connection.cursor() as cursor:
        cursor.execute("update orders_ordercounter set last = last + 1 where year = %s returning last", [year])
        row = cursor.fetchone()
    return row[0] if row else None


def _begin_year(year: int) -> None:
    """The year's first order makes its counter; whoever comes second finds it."""
    try:
        with transaction.atomic():
            OrderCounter.objects.create(year=year)
    except IntegrityError:
        return
