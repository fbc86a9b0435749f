"""dentatool audit verify: says in German which entry is the first that is not as it was sealed, and fails."""

import json
from typing import Any

import psycopg
import pytest

from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.internal.models import Leaf
from dentatool.protection.audit.sealing import sealer, trail_key
from harness.database import in_role
from project.test_noted import dentatool

# Roles are the whole server's: what other tests do to them at the same time would be found here.
pytestmark = pytest.mark.alone


@pytest.fixture
def sealed(anna: Any) -> str:
    with in_role("worker"):
        sealer().round()
    return str(anna.lab_id)


def test_an_untouched_trail_is_said_to_be_one(sealed: str) -> None:
    done = dentatool("audit", "verify", "--lab", sealed)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"✓ Labor {sealed}: ") and "versiegelt und unverändert" in done.stdout


def test_the_first_bad_entry_is_named_and_noted(anna: Any, sealed: str, superuser: psycopg.Connection) -> None:
    with anna.at_work():
        leaf = Leaf.objects.get(seq=3)
    superuser.execute("update protection_entry set action = 'x' where lab_id = %s and id = %s", [sealed, leaf.pk])

    done = dentatool("audit", "verify", "--lab", sealed)
    told = json.loads(dentatool("audit", "verify", "--lab", sealed, "--json").stdout)

    assert done.returncode == 1
    assert f"✗ Labor {sealed}: erster falscher Eintrag Nr. 3: Der Eintrag {leaf.pk} wurde geändert" in done.stdout
    assert "sichern Sie Datenbank" in done.stderr
    assert told["findings"][0]["seq"] == 3
    with anna.at_work():
        assert Entry.objects.filter(what="audit_chain_broken").count() == 2


def test_a_switched_off_trigger_fails_the_check(sealed: str, superuser: psycopg.Connection) -> None:
    superuser.execute("alter table orders_position disable trigger dentatool_audit_update")
    try:
        done = dentatool("audit", "verify", "--lab", sealed)
    finally:
        superuser.execute("alter table orders_position enable trigger dentatool_audit_update")

    assert done.returncode == 1
    assert "✗ Datenbank: Trigger dentatool_audit_update an public.orders_position" in done.stdout


def test_a_table_that_is_gone_is_told_and_not_a_crash(sealed: str, superuser: psycopg.Connection) -> None:
    superuser.execute("alter table protection_leaf rename to gone")
    try:
        done = dentatool("audit", "verify", "--lab", sealed)
    finally:
        superuser.execute("alter table gone rename to protection_leaf")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Das Protokoll ist nicht lesbar" in done.stdout


def test_everything_is_looked_at_when_no_laboratory_is_named(anna: Any, bert: Any, sealed: str) -> None:
    shown = dentatool("audit", "verify").stdout

    assert sealed in shown and str(bert.lab_id) in shown and "Plattform" in shown


def test_the_public_key_is_shown(sealed: str) -> None:
    assert dentatool("audit", "key").stdout.strip() == trail_key().public.hex()


def test_after_a_restore_sealing_is_resumed_with_a_reason(
    anna: Any, sealed: str, superuser: psycopg.Connection
) -> None:
    with anna.at_work():
        record_event("authn_logout")
    with in_role("worker"):
        sealer().round()
    superuser.execute(
        "delete from protection_checkpoint c where lab_id = %s and size = (select max(size) from protection_checkpoint"
        " where lab_id = c.lab_id)",
        [sealed],
    )
    superuser.execute(
        "delete from protection_leaf f where lab_id = %s and seq >= (select max(size) from protection_checkpoint"
        " where lab_id = f.lab_id)",
        [sealed],
    )
    superuser.execute("delete from protection_entry where lab_id = %s and what = 'authn_logout'", [sealed])
    assert dentatool("audit", "verify", "--lab", sealed).returncode == 1

    done = dentatool("audit", "resume", "--lab", sealed, "--reason", "Sicherung von gestern eingespielt")
    with in_role("worker"):
        sealer().round()

    assert done.returncode == 0, done.stderr
    checked = dentatool("audit", "verify", "--lab", sealed)
    assert checked.returncode == 0, checked.stdout
    assert "neu bezeugt: 1-mal" in checked.stdout
    with anna.at_work():
        (told,) = Entry.objects.filter(what="trail.resumed")
    assert told.changes["reason"] == "Sicherung von gestern eingespielt"


@pytest.mark.parametrize("action", ["verify", "resume"])
def test_what_is_no_laboratory_is_said_to_be_none(database: dict, action: str) -> None:
    done = dentatool("audit", action, "--lab", "quatsch", *(["--reason", "x"] if action == "resume" else []))

    assert done.returncode == 1
    assert "ist keine Kennung eines Labors" in done.stderr
