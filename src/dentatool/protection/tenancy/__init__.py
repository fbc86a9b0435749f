"""Isolation of laboratories, proven inside the database.

Promise: whoever works for one laboratory, even with arbitrary SQL in the app's own database
role, reads, counts, links and changes nothing of another.

How: every row carries `lab_id`; row-level security is forced on every table; the policies
trust only a *pass* (laboratory, actor, mode, expiry, this very backend) signed by the program
and checked by a function whose secret the app role cannot read. Foreign keys, primary keys
and unique constraints all contain `lab_id`. Grants come last: a table nobody protected is
unreadable.

How it could be broken: by whoever runs code inside the program (they hold the signing key),
or by the database's superuser. What remains visible to arbitrary SQL is the size of the whole
platform (EXPLAIN ANALYZE, pg_class), never a fact about one laboratory.
Tests that try: tests/protection/tenancy, tests/attack/test_atk_01 … test_atk_11.
"""

from dentatool.protection.tenancy.internal.passes import NoPass, current, laboratory
from dentatool.protection.tenancy.internal.record import Record
from dentatool.protection.tenancy.internal.shield import protect_database

__all__ = ["NoPass", "Record", "current", "laboratory", "protect_database"]
