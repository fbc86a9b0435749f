"""Isolation of laboratories, proven inside the database.

Promise: whoever works for one laboratory, even with arbitrary SQL in the app's own database
role, reads, counts, links and changes nothing of another.

How: every row carries `lab_id`; row-level security is forced on every table; the policies
trust only a *pass* (laboratory, actor, mode, expiry, this very backend) signed by the program
and checked by a function whose secret the app role cannot read. Foreign keys, primary keys
and unique constraints all contain `lab_id`. Grants come last: a table nobody protected is
unreadable.

A pass of a practice's people narrows this further: of a table that declares a `PracticeScope` they see their own
practice's rows, of every other none, and they write nothing but what is their own.

How it could be broken: by whoever runs code inside the program (they hold the signing key),
or by the database's superuser. What remains visible to arbitrary SQL is the size of the whole
platform (EXPLAIN ANALYZE, pg_class), never a fact about one laboratory.
Whoever weakens any of this in the database is named by `inspect_database`, at start and by the doctor.
Tests that try: tests/protection/tenancy, tests/protection/test_sabotage.py, tests/attack/test_atk_01 … test_atk_11,
tests/attack/test_atk_34_practice_pass.py.
"""

from dentatool.protection.tenancy.internal.inspection import (
    DatabaseChanged,
    Deviation,
    inspect_database,
    require_sound_database,
)
from dentatool.protection.tenancy.internal.passes import NoPass, Pass, current, laboratory
from dentatool.protection.tenancy.internal.practice_scope import PracticeScope
from dentatool.protection.tenancy.internal.record import Record
from dentatool.protection.tenancy.internal.shield import protect_database

__all__ = [
    "DatabaseChanged",
    "Deviation",
    "NoPass",
    "Pass",
    "PracticeScope",
    "Record",
    "current",
    "inspect_database",
    "laboratory",
    "protect_database",
    "require_sound_database",
]
