"""What a request says about its answer and about what it knows already: Accept and If-Match."""

import re

from django.http import HttpRequest

from dentatool.api.refusals import Malformed, NotInThisForm, Unconditional

_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e]{0,40})"')


def require_acceptable(request: HttpRequest, media_type: str) -> None:
    """:raises NotInThisForm: the caller does not want what this operation gives."""
    if not request.accepts(media_type):
        raise NotInThisForm(f"Die Antwort gibt es nur als {media_type}.")


def known_versions(request: HttpRequest, *, is_needed: bool) -> frozenset[int] | None:
    """The states of the record that the caller knows; None for any (`*`, or nothing where nothing is needed).

    :raises Refusal: there is none although one is needed, or it is unreadable.
    """
    said = request.headers.get("If-Match")
    if said is None:
        if is_needed:
            raise Unconditional("Bitte den ETag des abgerufenen Stands als If-Match mitsenden.")
        return None
    if said.strip() == "*":
        return None
    tags = [_ETAG.fullmatch(part.strip()) for part in said.split(",")]
    if not all(tags):
        raise Malformed('If-Match ist nicht lesbar. Bitte den ETag so senden, wie er kam, z. B. "3".')
    # A weak tag never matches strongly (RFC 9110, 13.1.1), and what is no number is no state of ours.
    return frozenset(int(tag[2]) for tag in tags if tag and not tag[1] and re.fullmatch(r"[0-9]{1,9}", tag[2]))
