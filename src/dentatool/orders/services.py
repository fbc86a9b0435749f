"""What the field for a new line offers: BEL numbers and the laboratory's own articles."""

from collections.abc import Iterable
from functools import cache
from html import escape

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from dentatool.catalogue import bel


def service_options(own: Iterable[tuple[str, str]]) -> SafeString:
    """A datalist of everything that may be typed into the number field; `own`: the laboratory's, number and text."""
    drawn = "".join(f'<option value="{escape(number)}">{escape(text)}</option>' for number, text in own)
    return mark_safe(f'<datalist id="leistungen">{_bel_options()}{drawn}</datalist>')  # noqa: S308 - escaped above


@cache
def _bel_options() -> SafeString:
    """The same for every laboratory, hence drawn once."""
    numbers = ((bel.printed_number(service.number), service.short_text) for service in bel.services().values())
    return format_html_join("", '<option value="{}">{}</option>', numbers)
