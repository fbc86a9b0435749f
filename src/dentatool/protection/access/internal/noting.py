"""What a refused request leaves in the trail: what counts as asking for a record, and how much of it is written down."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from dentatool.protection.access.internal.limits import NOTED, tally
from dentatool.protection.audit.refusals import Refusals


def note_missing_record(request: HttpRequest, response: HttpResponse) -> None:
    """A well-formed id in the address that was answered with "not there" is noted.

    Another laboratory's, or none at all: the note says as little as the answer.
    """
    match = request.resolver_match
    if response.status_code == 404 and match is not None and any(isinstance(v, UUID) for v in match.kwargs.values()):
        request.after_rollback.append(("malicious_direct_reference", {"path": request.path}))  # type: ignore[attr-defined]


def worth_writing(account_id: UUID, noted: Refusals) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each kind the first of an hour, then the hundredth, the thousandth and so on, with their number.

    Whoever asks for a million ids shall be seen doing it, and shall not fill the trail with it.
    """
    # Always in the order of their names: of two requests at once, one waits for the other and not both.
    told = {
        event: tally(NOTED.of(str(account_id), event), number) - number
        for event, number in sorted(Counter(event for event, _facts in noted).items())
    }
    for event, facts in noted:
        told[event] += 1
        if told[event] < NOTED.most:
            yield event, facts
        elif told[event] == NOTED.most or str(told[event]).rstrip("0") == "1":
            yield event, {**facts, "count": told[event]}
