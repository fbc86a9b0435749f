"""dentatool audit verify: says in German which entry is the first that is not as it was sealed, and fails."""

import json
import os
import shutil
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import override_settings

from dentatool.operations.doctor import Finding
from dentatool.operations.monitoring.alerts import Alerts
from dentatool.operations.monitoring.watching import look
from dentatool.operations.trails import nightly
from dentatool.operations.trails.memory import Memory, remember, remembered
from dentatool.operations.trails.told import told
from dentatool.protection.audit import Entry, record_event
from dentatool.protection.audit.internal.models import Leaf
from dentatool.protection.audit.sealing import sealer, trail_key
from harness.database import in_role
from harness.smtp import PostOffice, in_settings
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


def test_at_night_all_are_computed_anew_and_the_bad_one_is_mailed_with_its_first_bad_entry(
    anna: Any, bert: Any, sealed: str, superuser: psycopg.Connection, post_office: PostOffice
) -> None:
    var = Path(os.environ["DENTATOOL_VAR"])
    with anna.at_work():
        leaf = Leaf.objects.get(seq=2)
    superuser.execute("update protection_entry set action = 'x' where lab_id = %s and id = %s", [sealed, leaf.pk])

    done = dentatool("audit", "nightly")

    assert done.returncode == 1 and "nicht, wie sie versiegelt wurden" in done.stderr
    known = remembered(var).trails
    assert known[anna.lab_id].wrong.startswith(f"Nr. 2: Der Eintrag {leaf.pk} wurde geändert")
    assert known[bert.lab_id].wrong == ""
    alerts, (status,) = Alerts(var), [each for each in told(var, _database(var)) if each[0] == f"Protokoll {sealed}"]
    with override_settings(**in_settings(post_office)), pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENTATOOL_ALERT_TO", "clara@betreiber.example")
        for _ in range(2):
            look(alerts, lambda: [Finding(*status)], lambda _: None)
    letter = post_office.wait_for(to="clara@betreiber.example", subject="Störung")
    assert sealed in letter.text and f"Nr. 2: Der Eintrag {leaf.pk}" in letter.text
    assert "stoerungen.md, „Protokoll“" in letter.text
    shutil.rmtree(var / "monitoring")
    (var / "trails.json").unlink()


def _database(var: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((var / "secrets" / "database.json").read_text())
    return facts


def test_the_worker_starts_the_nightly_check_when_it_is_due_and_no_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "_FIRST_LOOK_S", 0.05)
    monkeypatch.setattr(nightly, "_LOOK_S", 0.05)
    runs, stopping, said = tmp_path / "runs", threading.Event(), list[str]()
    program = f"open({str(runs)!r}, 'a').write('x')"
    facts = [tmp_path, [sys.executable, "-c", program], dict(os.environ), stopping, said.append]
    watching = threading.Thread(target=nightly.check_each_night, args=facts)

    remember(tmp_path, Memory(night=datetime.now(UTC) - timedelta(days=2)))
    watching.start()
    until = time.monotonic() + 20
    while not runs.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    remember(tmp_path, Memory(night=datetime.now(UTC)))
    time.sleep(0.3)
    before = runs.read_text()
    time.sleep(0.3)
    stopping.set()
    watching.join(10)

    assert runs.read_text() == before and said == [] and not watching.is_alive()
