"""ATK-20: whoever owns the database changes the trail afterwards. Each way is found, and the first bad entry is named.

Every manipulation is done by the superuser in a transaction that is rolled back: what is checked is the real thing.
DENTATOOL_SOAK=1 tries each way many more times.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from dentatool.protection.audit.sealing import Finding, Sealer, check_trail, trail_key, witness_folder
from dentatool.protection.tenancy import inspect_database, laboratory
from dentatool.values.checkpoint import Checkpoint, TrailKey
from dentatool.values.merkle import GrowingTree
from dentatool.values.trail_leaf import hash_of_leaf
from harness.database import in_role

ROUNDS = 14 if os.environ.get("DENTATOOL_SOAK") else 3
NOW = datetime.now(UTC)


class Tampering:
    """The superuser at work in one laboratory's trail."""

    def __init__(self, cursor: Any, lab: UUID, other: UUID, dice: random.Random) -> None:
        self._cursor, self.lab, self.other, self.dice = cursor, lab, other, dice
        self.size = self.ask("select count(*) from protection_leaf where lab_id = %s", lab)[0][0]
        self.sizes = [
            row[0] for row in self.ask("select size from protection_checkpoint where lab_id = %s order by 1", lab)
        ]

    def ask(self, question: str, *facts: Any) -> list[tuple[Any, ...]]:
        self._cursor.execute(question, list(facts))
        return self._cursor.fetchall() if self._cursor.description else []

    def any_seq(self, most: int | None = None) -> int:
        return self.dice.randrange(self.size if most is None else most)

    def entry(self, seq: int) -> UUID:
        return self.ask("select id from protection_leaf where lab_id = %s and seq = %s", self.lab, seq)[0][0]

    def start_of(self, size: int) -> int:
        return max((each for each in self.sizes if each < size), default=0)

    def seal_again(self, seq: int) -> None:
        """Make the leaf of a changed entry fit again."""
        self.ask(
            "update protection_leaf f set content = sha256(convert_to(protection.entry_text(e), 'UTF8')), what = e.what"
            " from protection_entry e where f.lab_id = %s and f.seq = %s and e.lab_id = f.lab_id and e.id = f.id",
            self.lab, seq,
        )  # fmt: skip

    def sign_again(self, key: TrailKey) -> None:
        """Make all checkpoints fit the leaves again, signed by this key."""
        tree = GrowingTree()
        for entry, day, what, content in self.ask(
            "select id, day::text, what, content from protection_leaf where lab_id = %s order by seq", self.lab
        ):
            tree.add(hash_of_leaf(self.lab, entry, day, content, what))
            if tree.size in self.sizes:
                signed = key.sign(Checkpoint(self.lab, tree.size, tree.root, NOW, NOW))
                self.ask(
                    "update protection_checkpoint set signed = %s, until = %s, peaks = %s where lab_id = %s and size = %s",
                    signed, NOW, b"".join(tree.peaks), self.lab, tree.size,
                )  # fmt: skip


COLUMNS = {
    "at": "at + interval '1 microsecond'", "actor_id": "gen_random_uuid()", "mode": "'support'", "origin": "'192.0.2.66'",
    "request_id": "'other'", "kind": "'row'", "what": "'orders_order'", "record_id": "gen_random_uuid()",
    "action": "'delete'", "changes": """'{"state": ["a", "b"]}'""",
}  # fmt: skip


def change_a_column(t: Tampering) -> int:
    seq, column = t.any_seq(), t.dice.choice(list(COLUMNS))
    t.ask(
        f"update protection_entry set {column} = {COLUMNS[column]} where lab_id = %s and id = %s", t.lab, t.entry(seq)
    )
    return seq


def change_several(t: Tampering) -> int:
    chosen = [t.any_seq() for _ in range(5)]
    ids = [t.entry(seq) for seq in chosen]
    t.ask("update protection_entry set actor_id = gen_random_uuid() where lab_id = %s and id = any(%s)", t.lab, ids)
    return min(chosen)


def change_an_entry_and_its_leaf(t: Tampering) -> int:
    seq = t.any_seq()
    t.ask("update protection_entry set action = 'x' where lab_id = %s and id = %s", t.lab, t.entry(seq))
    t.seal_again(seq)
    return seq


def change_and_sign_with_another_key(t: Tampering) -> int:
    seq = change_an_entry_and_its_leaf(t)
    t.sign_again(TrailKey(os.urandom(32)))
    return 0 if seq else seq  # no checkpoint is valid from the first on


def delete_one(t: Tampering) -> int:
    seq = t.any_seq()
    t.ask("delete from protection_entry where lab_id = %s and id = %s", t.lab, t.entry(seq))
    return seq


def delete_some(t: Tampering) -> int:
    first = t.any_seq(t.size - 3)
    ids = [t.entry(seq) for seq in range(first, first + 3)]
    t.ask("delete from protection_entry where lab_id = %s and id = any(%s)", t.lab, ids)
    return first


def delete_and_claim_that_it_was_due(t: Tampering) -> int:
    seq = delete_one(t)
    t.ask(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        """ values (gen_random_uuid(), %s, now(), 'work', '', '-', 'event', 'trail.expired', '', '{"business": 99}')""",
        t.lab,
    )
    t.ask("update protection.retention set keep_days = 30")
    return seq


def delete_with_its_leaf(t: Tampering) -> int:
    seq = delete_one(t)
    t.ask("delete from protection_leaf where lab_id = %s and seq = %s", t.lab, seq)
    return seq


def delete_with_its_leaf_and_close_the_gap(t: Tampering) -> int:
    seq = t.any_seq(t.size - 1)
    t.ask("delete from protection_entry where lab_id = %s and id = %s", t.lab, t.entry(seq))
    t.ask("delete from protection_leaf where lab_id = %s and seq = %s", t.lab, seq)
    t.ask("update protection_leaf set seq = -seq where lab_id = %s and seq > %s", t.lab, seq)
    t.ask("update protection_leaf set seq = -seq - 1 where lab_id = %s and seq < 0", t.lab)
    return seq


def delete_everything(t: Tampering) -> int:
    t.ask("delete from protection_entry where lab_id = %s", t.lab)
    return 0


def delete_everything_with_leaves_and_checkpoints(t: Tampering) -> int:
    for table in ("entry", "leaf", "checkpoint"):
        t.ask(f"delete from protection_{table} where lab_id = %s", t.lab)
    return 0


def truncate_all_entries(t: Tampering) -> int:
    t.ask("truncate protection_entry")
    return 0


def truncate_all_leaves(t: Tampering) -> int:
    t.ask("truncate protection_leaf")
    return 0


def insert_in_the_middle(t: Tampering) -> int:
    before = t.any_seq(t.size - 5)
    t.ask(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes)"
        " select %s, lab_id, at + interval '1 microsecond', mode, origin, request_id, kind, what, action, changes"
        " from protection_entry where lab_id = %s and id = %s",
        uuid4(), t.lab, t.entry(before),
    )  # fmt: skip
    return before + 1


def insert_with_a_leaf_behind_the_end(t: Tampering) -> int:
    insert_in_the_middle(t)
    t.ask(
        "insert into protection_leaf (id, lab_id, seq, day, what, content) select e.id, e.lab_id, %s, e.at::date, e.what,"
        " sha256(convert_to(protection.entry_text(e), 'UTF8')) from protection_entry e where e.lab_id = %s"
        " and not exists (select from protection_leaf f where f.lab_id = e.lab_id and f.id = e.id)",
        t.size, t.lab,
    )  # fmt: skip
    return t.size


def swap_times(t: Tampering) -> int:
    one, other = sorted(t.dice.sample(range(t.size), 2))
    t.ask(
        "update protection_entry e set at = o.at from protection_entry o where e.lab_id = %s and o.lab_id = e.lab_id"
        " and ((e.id, o.id) = (%s, %s) or (o.id, e.id) = (%s, %s))",
        t.lab, *[t.entry(one), t.entry(other)] * 2,
    )  # fmt: skip
    return one


def swap_leaves(t: Tampering) -> int:
    one, other = sorted(t.dice.sample(range(t.size), 2))
    t.ask("update protection_leaf set seq = -1 where lab_id = %s and seq = %s", t.lab, one)
    t.ask("update protection_leaf set seq = %s where lab_id = %s and seq = %s", one, t.lab, other)
    t.ask("update protection_leaf set seq = %s where lab_id = %s and seq = -1", other, t.lab)
    return one


def give_to_another_laboratory(t: Tampering) -> int:
    seq = t.any_seq()
    t.ask("update protection_entry set lab_id = %s where lab_id = %s and id = %s", t.other, t.lab, t.entry(seq))
    return seq


def change_a_leaf(t: Tampering) -> int:
    seq = t.any_seq()
    how = t.dice.choice(["content = sha256('x')", "day = day - 4000", "what = 'trail.viewed'", "day = 'infinity'"])
    t.ask(f"update protection_leaf set {how} where lab_id = %s and seq = %s", t.lab, seq)
    return seq


def age_a_leaf_and_delete_its_entry(t: Tampering) -> int:
    seq = delete_one(t)
    t.ask("update protection_leaf set day = day - 9000 where lab_id = %s and seq = %s", t.lab, seq)
    return seq


def delete_a_leaf(t: Tampering) -> int:
    seq = t.any_seq()
    t.ask("delete from protection_leaf where lab_id = %s and seq = %s", t.lab, seq)
    return seq


def cut_the_tail(t: Tampering) -> int:
    """Back to an earlier checkpoint, without a trace in the database."""
    size = t.dice.choice(t.sizes[:-1])
    t.ask(
        "delete from protection_entry e using protection_leaf f where e.lab_id = %s and f.lab_id = e.lab_id"
        " and f.id = e.id and f.seq >= %s",
        t.lab, size,
    )  # fmt: skip
    t.ask("delete from protection_leaf where lab_id = %s and seq >= %s", t.lab, size)
    t.ask("delete from protection_checkpoint where lab_id = %s and size > %s", t.lab, size)
    return size


def change_a_signature(t: Tampering) -> int:
    size = t.dice.choice(t.sizes)
    t.ask(
        "update protection_checkpoint set signed = overlay(signed placing"
        " case substr(signed, length(signed) - 5, 1) when 'A' then 'B' else 'A' end from length(signed) - 5)"
        " where lab_id = %s and size = %s",
        t.lab, size,
    )  # fmt: skip
    return t.start_of(size)


def change_a_checkpoint(t: Tampering) -> int:
    size = t.dice.choice(t.sizes)
    how = t.dice.choice(["until = until - interval '1 hour'", "peaks = substr(peaks, 1, length(peaks) - 1) || '\\x00'"])
    t.ask(f"update protection_checkpoint set {how} where lab_id = %s and size = %s", t.lab, size)
    return t.start_of(size)


def put_an_older_checkpoint_in_place_of_a_newer(t: Tampering) -> int:
    older, newer = sorted(t.dice.sample(t.sizes, 2))
    t.ask(
        "update protection_checkpoint n set signed = o.signed, until = o.until, peaks = o.peaks"
        " from protection_checkpoint o where n.lab_id = %s and o.lab_id = n.lab_id and (n.size, o.size) = (%s, %s)",
        t.lab, newer, older,
    )  # fmt: skip
    return t.start_of(newer)


def delete_a_checkpoint(t: Tampering) -> int:
    size = t.dice.choice(t.sizes)
    t.ask("delete from protection_checkpoint where lab_id = %s and size = %s", t.lab, size)
    return t.start_of(size)


LOCATED = [
    change_a_column, change_several, change_an_entry_and_its_leaf, change_and_sign_with_another_key, delete_one,
    delete_some, delete_and_claim_that_it_was_due, delete_with_its_leaf, delete_with_its_leaf_and_close_the_gap,
    delete_everything, delete_everything_with_leaves_and_checkpoints, truncate_all_entries, truncate_all_leaves,
    insert_in_the_middle, insert_with_a_leaf_behind_the_end, swap_times, swap_leaves, give_to_another_laboratory,
    change_a_leaf, age_a_leaf_and_delete_its_entry, delete_a_leaf, cut_the_tail, change_a_signature, change_a_checkpoint,
    put_an_older_checkpoint_in_place_of_a_newer, delete_a_checkpoint,
]  # fmt: skip

# What changes the database itself rather than an entry → words that name it.
IN_THE_DATABASE = {
    "alter table orders_order disable trigger dentatool_audit_update": "Trigger dentatool_audit_update an public.orders_order",
    "drop trigger dentatool_audit_delete on orders_order": "Trigger dentatool_audit_delete an public.orders_order",
    "create or replace rule nothing as on insert to protection_entry do instead nothing": "Regel nothing an public.protection",
    "alter table protection_entry rename to old; create table protection_entry (like old including all)": "protection_entry",
    "alter policy own_lab_select on protection_leaf using (true)": "own_lab_select an public.protection_leaf: weicht ab",
    "grant insert on protection_leaf to dentatool_app": "Recht public.protection_leaf für dentatool_app",
    """create or replace function protection.entry_text(entry protection_entry) returns text language sql stable as
    $$ select 'x' $$""": "Funktion protection.entry_text",
}


@pytest.fixture
def sealed_history(anna: Any, bert: Any, superuser: Any) -> tuple[UUID, UUID]:
    """Anna's trail of half a year in six checkpoints."""
    dice = random.Random(20)
    working = Sealer(trail_key(), witness_folder(), slack=timedelta(days=3650))
    superuser.execute(
        "update protection_entry set at = at - interval '300 days' where lab_id = %s and at < now()", [anna.lab_id]
    )
    for month in range(6, 0, -1):
        for _ in range(dice.randrange(5, 9)):
            superuser.execute(
                "insert into protection_entry"
                " (id, lab_id, at, actor_id, mode, origin, request_id, kind, what, action, changes)"
                " values (gen_random_uuid(), %s, now() - %s, null, 'work', '', '-', 'event', 'user_created', '', '{}')",
                [anna.lab_id, timedelta(days=30) * (month + dice.random())],
            )
        with in_role("worker"):
            working.round()
            while working._settled is None:  # another test's transaction may be running: nothing is complete until then
                time.sleep(0.1)
                working._tick()
    return anna.lab_id, bert.lab_id


def tampered(
    lab: UUID, other: UUID, do: Callable[[Tampering], int | None], seed: int
) -> tuple[int | None, list[Finding]]:
    """Do it, ask what the check says, and let nothing have happened."""
    with in_role("superuser"), laboratory(lab), connection.cursor() as cursor:
        with transaction.atomic():
            expected = do(Tampering(cursor, lab, other, random.Random(seed)))
            report = check_trail(trail_key().public, witness_folder())
            transaction.set_rollback(True)
        return expected, report.findings


def test_an_untouched_trail_has_nothing_wrong(sealed_history: Any) -> None:
    assert tampered(*sealed_history, lambda _: None, 0) == (None, [])


@pytest.mark.parametrize("do", LOCATED, ids=lambda do: do.__name__)
def test_the_first_bad_entry_is_named(sealed_history: Any, do: Callable[[Tampering], int]) -> None:
    for seed in range(ROUNDS):
        expected, findings = tampered(*sealed_history, do, seed)

        assert findings and findings[0].seq == expected, f"round {seed}: {expected} expected, {findings[:3]}"


def test_the_other_laboratory_is_not_accused(sealed_history: Any) -> None:
    anna, bert = sealed_history

    def change(t: Tampering) -> None:
        change_a_column(Tampering(t._cursor, anna, bert, t.dice))

    assert tampered(bert, anna, change, 1) == (None, [])


@pytest.mark.parametrize(("statement", "named"), IN_THE_DATABASE.items())
def test_what_was_done_to_the_database_itself_is_named(sealed_history: Any, statement: str, named: str) -> None:
    with in_role("superuser"), transaction.atomic(), connection.cursor() as cursor:
        for part in statement.split("; "):
            cursor.execute(part)
        cursor.execute("set role dentatool_owner")
        found = [str(deviation) for deviation in inspect_database(cursor)]
        transaction.set_rollback(True)

    assert [each for each in found if named in each]
