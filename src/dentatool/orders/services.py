"""What the field for a new line offers: BEL numbers and the laboratory's own articles."""

from dentatool.catalogue import bel
from dentatool.catalogue.models import Article


def offered_services() -> list[tuple[str, str]]:
    """(number, text) of everything that may be typed into the number field."""
    own = Article.objects.filter(active=True).order_by("number").values_list("number", "text")
    numbers = [(bel.printed_number(service.number), service.short_text) for service in bel.services().values()]
    return [*numbers, *((number, text) for number, text in own if number)]
