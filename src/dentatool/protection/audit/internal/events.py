"""Adding events and reading a record's history."""

import json
from typing import Any

from django.db import connection, models

from dentatool.protection.audit.internal.models import Entry
from dentatool.protection.tenancy import Record


def record_event(event: str, about: Record | None = None, **facts: Any) -> None:
    """Add to the laboratory's trail what changes no row: sign-in, export, print.

    Facts are ids and counts, never personal data. Needs a pass; raises DatabaseError without.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select protection.record_event(%s, %s, %s, %s)",
            [
                event,
                about._meta.db_table if about else None,
                about.pk if about else None,
                json.dumps(facts, default=str),
            ],
        )


def record_platform_event(event: str, **facts: Any) -> None:
    """Add a security event that belongs to no laboratory. Works without a pass."""
    with connection.cursor() as cursor:
        cursor.execute("select protection.record_platform_event(%s, %s)", [event, json.dumps(facts, default=str)])


def history_of(record: Record) -> models.QuerySet[Entry]:
    """The entries about this record, newest first."""
    return Entry.objects.filter(record_id=record.pk).order_by("-at")
