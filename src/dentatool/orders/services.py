"""What the field for a new line offers: BEL numbers and the laboratory's own articles."""

from functools import cache

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dentatool.catalogue import bel
from dentatool.catalogue.models import Article

_OPTION = '<option value="{}">{}</option>'


def service_options() -> SafeString:
    """A datalist of everything that may be typed into the number field."""
    own = Article.objects.filter(active=True).order_by("number").values_list("number", "text")
    return format_html('<datalist id="leistungen">{}{}</datalist>', _bel_options(), format_html_join("", _OPTION, own))


@cache
def _bel_options() -> SafeString:
    """The same for every laboratory, hence drawn once."""
    numbers = ((bel.printed_number(service.number), service.short_text) for service in bel.services().values())
    return format_html_join("", _OPTION, numbers)
