"""What a person means by what they type: practices by number or name, chains by name, articles and BEL numbers."""

from django.core.exceptions import ValidationError

from dentatool.catalogue import bel
from dentatool.catalogue.models import Article, ServiceChain
from dentatool.orders.lines import chain_with_lines
from dentatool.orders.models import Art
from dentatool.practices.models import Practice
from dentatool.protection.engine.prepared import Prepared
from dentatool.values.text import search_key

SEPARATOR = " · "
_MOST_NAMED = 4


def practice_label(practice: Practice) -> str:
    """``1001 · Praxis Dr. Weber``: what the list offers and what the field may hold."""
    return f"{practice.customer_number}{SEPARATOR}{practice.name}"


_practices = Prepared(lambda: Practice.objects.filter(active=True))
_numbered = Prepared(lambda number: Practice.objects.filter(active=True, customer_number=number))
_chains = Prepared(lambda: ServiceChain.objects.filter(active=True))


def practice_typed(typed: str) -> Practice:
    """The practice meant by a customer number, by the offered label or by a part of its name.

    :raises ValidationError: none or several fit; the message names them.
    """
    text = typed.strip()
    for practice in _numbered(text.split(SEPARATOR)[0].strip()):
        return practice
    wanted = search_key(text)
    found = [each for each in _practices() if wanted and wanted in search_key(each.name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValidationError(
            "Diese Praxis gibt es nicht. Bitte Kundennummer oder Namen prüfen oder die Praxis anlegen."
        )
    names = ", ".join(practice_label(each) for each in found[:_MOST_NAMED])
    more = f" und {len(found) - _MOST_NAMED} weitere" if len(found) > _MOST_NAMED else ""
    raise ValidationError(f"Mehrere Praxen passen: {names}{more}. Bitte die Kundennummer angeben.")


def chain_named(typed: str) -> ServiceChain | None:
    """The service chain of exactly this name, whatever the spelling; anything else is a free description.

    Typed as it is offered, it comes with its lines in one question.
    """
    if (known := chain_with_lines(typed)) is not None:
        return known
    wanted = search_key(typed)
    return next((chain for chain in _chains() if search_key(chain.name) == wanted), None)


def service_typed(typed: str) -> tuple[str, str, Article | None]:
    """What a typed number means: (art, number, article). Art is empty when nothing is known by it."""
    text = typed.split(SEPARATOR)[0].strip()
    if number := bel.normalise_number(text):
        return Art.BEL, number, None
    article = Article.objects.filter(number=text, active=True).order_by("id").first() if text else None
    return (article.art, article.number, article) if article else ("", text, None)
