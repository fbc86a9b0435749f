"""The rules that a laboratory sets for everybody who works in it.

Promise: out of range is refused by the form and by the database; every change is in the trail.
Tests that try: tests/team/test_idle_rule.py.
"""

from dentatool.protection.audit import record_event
from dentatool.protection.tenancy.internal.models import LONGEST_IDLE, SHORTEST_IDLE, Laboratory

__all__ = ["LONGEST_IDLE", "SHORTEST_IDLE", "idle_minutes", "set_idle_minutes"]


def idle_minutes() -> int:
    """After how many minutes without work a session ends in this laboratory."""
    return Laboratory.objects.values_list("idle_minutes", flat=True).get()


def set_idle_minutes(minutes: int) -> None:
    """Change it, for the sessions that are open as well. Outside of the range the database refuses."""
    before = idle_minutes()
    if minutes != before:
        Laboratory.objects.update(idle_minutes=minutes)
        record_event("security.idle_changed", old=before, new=minutes)
