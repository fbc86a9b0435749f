"""Pages of a list by where the last one ended, so that nothing is missed or told twice while others add to it.

A cursor is the place in the order of ids, and nothing else: it names no laboratory, and in another one it only means
another place in that laboratory's own list.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from dentatool.api.kinds import Kind, integer, text
from dentatool.api.refusals import Malformed

USUAL, MOST = 25, 100
PARAMETERS: dict[str, Kind] = {"limit": integer(least=1, most=MOST), "cursor": text(most=40)}


def page_of(found: QuerySet[Any], *, limit: int | None, cursor: str | None) -> tuple[Sequence[Any], str | None]:
    """One page in the order of ids (the order in which records were made), and the cursor of the next."""
    most = limit or USUAL
    if cursor is not None:
        found = found.filter(pk__gt=_place(cursor))
    rows = list(found.order_by("pk")[: most + 1])
    return rows[:most], _cursor(rows[most - 1].pk) if len(rows) > most else None


def _cursor(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _place(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise Malformed("Diesen „cursor“ gibt es nicht. Bitte den aus „next“ der vorigen Seite nehmen.") from None
