"""Gapless numbers: one locked row per laboratory, kind and year. A rollback gives its number back by itself."""

from django.db import IntegrityError, transaction

from dentatool.billing.models import Kind, NumberRange
from dentatool.billing.numbering import CANCELLATION_PATTERN, DEFAULT_PATTERN, BadPattern, format_number
from dentatool.kit.errors import NotYet
from dentatool.team.queries import profile


def locked_range(kind: str, year: int) -> NumberRange:
    """The range's row, locked until the transaction ends. Whoever comes second waits, then sees the new number."""
    found = NumberRange.objects.select_for_update().filter(kind=kind, year=year)
    if (existing := found.first()) is not None:
        return existing
    try:
        with transaction.atomic():
            NumberRange.objects.create(kind=kind, year=year)
    except IntegrityError:
        pass  # somebody else issued the first document of the year at this very moment
    return found.get()


def shown_number(kind: str, *, year: int, number: int) -> str:
    """The number as it is printed. Raises NotYet when the laboratory's pattern cannot be used."""
    pattern = CANCELLATION_PATTERN if kind == Kind.CANCELLATION else profile().invoice_format or DEFAULT_PATTERN
    try:
        return format_number(pattern, year=year, number=number)
    except BadPattern as reason:
        raise NotYet(str(reason)) from reason


def expected_number(kind: str, year: int) -> str:
    """The number that would come next. Only a forecast: nothing is taken."""
    following = NumberRange.objects.filter(kind=kind, year=year).values_list("next_number", flat=True).first() or 1
    return shown_number(kind, year=year, number=following)
