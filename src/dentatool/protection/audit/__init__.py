"""The trail: every change of every record, written by the database itself.

Promise: no change of a Record happens without an entry (who, when, from where, which record,
which columns, old and new; sealed values stay sealed), bulk and raw SQL included, and the app
can neither change nor remove one. Records that are issued never change.

How it could be broken: by the owner of the tables or the database's superuser; what they do to
entries that are sealed (sealing.py) is found and located.
Tests that try: tests/protection/audit, tests/attack/test_atk_20_trail_tampering.py.
"""

from dentatool.protection.audit.internal.events import history_of, record_event, record_platform_event
from dentatool.protection.audit.internal.frozen import Frozen
from dentatool.protection.audit.internal.models import Entry

__all__ = ["Entry", "Frozen", "history_of", "record_event", "record_platform_event"]
