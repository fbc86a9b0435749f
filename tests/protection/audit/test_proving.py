"""Of one entry it can be proven that it was sealed so, and of a trail that it continues what was said earlier."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from dentatool.protection.audit import Entry, record_event, record_platform_event
from dentatool.protection.audit.proving import NotSealed, Unproven, proof_of
from dentatool.protection.audit.sealing import PLATFORM, checkpoint_note, sealer, trail_key
from dentatool.protection.tenancy import laboratory
from dentatool.values.trail_proof import check_proof
from harness.database import in_role


def seal() -> None:
    with in_role("worker"):
        sealer().round()


def newest(lab: Any) -> UUID:
    with lab.at_work():
        entry = Entry.objects.order_by("-at", "-id").first()
    assert entry is not None
    return entry.pk


def test_each_entry_is_proven_with_its_text(anna: Any) -> None:
    seal()
    with anna.at_work():
        for entry in Entry.objects.order_by("at")[:12]:
            proven = check_proof(proof_of(entry.pk), trail_key().public)
            assert proven.entry and proven.entry.id == entry.pk and proven.entry.what == entry.what
            assert proven.entry.text and json.loads(proven.entry.text)["action"] == entry.action


def test_the_trail_is_proven_to_continue_each_earlier_checkpoint(anna: Any) -> None:
    notes = []
    for number in range(5):
        with anna.at_work():
            record_event("authn_logout", count=number)
        seal()
        with anna.at_work():
            notes.append(checkpoint_note())

    with anna.at_work():
        for note in notes:
            proven = check_proof(proof_of(newest_inside(), earlier=note), trail_key().public)
            assert proven.earlier and proven.entry and proven.earlier.size <= proven.checkpoint.size


def newest_inside() -> UUID:
    entry = Entry.objects.order_by("-at").first()
    assert entry is not None
    return entry.pk


def test_the_platforms_events_are_proven_too(database: dict, superuser: psycopg.Connection) -> None:
    record_platform_event("sys_startup", what="Nachweis")
    seal()
    ((event,),) = superuser.execute(
        "select id from protection_platformevent where event = 'sys_startup' order by at desc limit 1"
    ).fetchall()

    with in_role("owner"), laboratory(PLATFORM):
        proven = check_proof(proof_of(event), trail_key().public)

    assert proven.entry and proven.entry.text and "Nachweis" in proven.entry.text


def test_of_an_expired_entry_its_checksum_is_proven(anna: Any, superuser: psycopg.Connection) -> None:
    seal()
    entry = newest(anna)
    superuser.execute("delete from protection_entry where id = %s", [entry])

    with anna.at_work():
        proven = check_proof(proof_of(entry), trail_key().public)

    assert proven.entry and proven.entry.text is None


def test_what_is_not_sealed_yet_or_of_another_laboratory_is_not_proven(anna: Any, bert: Any) -> None:
    with anna.at_work(), pytest.raises(NotSealed, match="jede Minute"):
        proof_of(uuid4())
    seal()
    with anna.at_work():
        record_event("authn_logout")
    entry = newest(anna)
    with anna.at_work(), pytest.raises(NotSealed, match="jede Minute"):
        proof_of(entry)
    seal()
    with bert.at_work(), pytest.raises(NotSealed, match="gibt es nicht"):
        proof_of(entry)
    with bert.at_work():
        theirs = checkpoint_note()
    with anna.at_work(), pytest.raises(Unproven, match="anderen Protokoll"):
        proof_of(earlier=theirs)


@pytest.mark.parametrize(
    "done",
    [
        "update protection_entry set action = 'x' where lab_id = %s and id = %s",
        "update protection_leaf set what = 'x' where lab_id = %s and id = %s",
        "delete from protection_leaf where lab_id = %s and id <> %s",
    ],
)
def test_a_trail_that_was_tampered_with_proves_nothing(anna: Any, superuser: psycopg.Connection, done: str) -> None:
    seal()
    entry = newest(anna)
    superuser.execute(done, [anna.lab_id, entry])

    with anna.at_work(), pytest.raises(Unproven):
        proof_of(entry)
