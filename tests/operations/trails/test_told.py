"""The doctor says when a trail waits for its seal, is not sealed any more, or is not as it was sealed."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from dentatool.operations.doctor import GOOD, WRONG, Finding
from dentatool.operations.monitoring.watching import section
from dentatool.operations.trails.memory import Checked, Memory, remember
from dentatool.operations.trails.nightly import check_all, is_due
from dentatool.operations.trails.told import told
from dentatool.protection.audit import record_event
from dentatool.protection.audit.sealing import sealer
from harness.database import in_role

LAB = UUID(int=1)


@pytest.fixture
def var(database: dict, tmp_path: Path) -> Path:
    """This run's key and witness, with a memory of its own; everything sealed."""
    own = Path(os.environ["DENTATOOL_VAR"])
    seal()
    (tmp_path / "secrets").mkdir()
    shutil.copy(own / "secrets" / "trail.key", tmp_path / "secrets")
    (tmp_path / "witness").symlink_to(own / "witness")
    return tmp_path


def seal() -> None:
    with in_role("worker"):
        sealer().round()


def findings(var: Path, database: dict) -> list[Finding]:
    return [Finding(*each) for each in told(var, database)]


def sealing(var: Path, database: dict) -> Finding:
    return findings(var, database)[0]


def test_all_sealed_is_good_and_says_when_the_last_checkpoint_was(var: Path, database: dict, anna: Any) -> None:
    found = sealing(var, database)

    assert (found.what, found.status) == ("Versiegelung", GOOD)
    assert f"der letzte Prüfpunkt ist von {datetime.now().astimezone():%d.%m.%Y}" in found.found


def test_an_entry_that_waits_for_its_seal_too_long_is_told(
    var: Path, database: dict, anna: Any, superuser: psycopg.Connection
) -> None:
    seal()
    superuser.execute(
        "insert into protection_entry (id, lab_id, at, mode, origin, request_id, kind, what, action, changes) values"
        " (gen_random_uuid(), %s, now() - interval '290 seconds', 'work', '', '-', 'event', 'authn_logout', '', '{}')",
        [anna.lab_id],
    )
    assert sealing(var, database).status == GOOD
    superuser.execute(
        "update protection_entry set at = now() - interval '302 seconds' where lab_id = %s and at < now() - interval '280 s'",
        [anna.lab_id],
    )
    superuser.execute(
        "update protection_checkpoint set until = until - interval '1 minute' where lab_id = %s", [anna.lab_id]
    )

    found = sealing(var, database)

    superuser.execute(
        "update protection_checkpoint set until = until + interval '1 minute' where lab_id = %s", [anna.lab_id]
    )
    assert found.status == WRONG and "der älteste seit 5 Min." in found.found and "dentatool worker" in found.mend
    seal()
    assert sealing(var, database).status == GOOD


@pytest.fixture
def halted(var: Path, anna: Any, superuser: psycopg.Connection) -> Iterator[None]:
    """Anna's last checkpoint was tampered with; put right again at the end."""
    seal()
    ((key, peaks),) = superuser.execute(
        "select id, peaks from protection_checkpoint where lab_id = %s order by size desc limit 1", [anna.lab_id]
    ).fetchall()
    superuser.execute("update protection_checkpoint set peaks = sha256('x') where id = %s", [key])
    with anna.at_work():
        record_event("authn_logout")
    seal()
    yield
    superuser.execute("update protection_checkpoint set peaks = %s where id = %s", [peaks, key])
    seal()


def test_a_trail_that_is_not_sealed_any_more_is_named_at_once(
    var: Path, database: dict, anna: Any, bert: Any, halted: None
) -> None:
    found = sealing(var, database)

    assert found.status == WRONG
    assert f"Labor {anna.lab_id}: Der letzte Prüfpunkt wurde geändert." in found.found
    assert str(bert.lab_id) not in found.found and "audit resume" in found.mend


def test_what_a_check_found_does_not_pass_for_a_halted_trail(var: Path, database: dict, anna: Any) -> None:
    """It leaves an event, too, that waits for its seal."""
    from dentatool.protection.audit.sealing import tell_chain_broken

    seal()
    with in_role("owner"):
        tell_chain_broken(anna.lab_id, "Nr. 3: Der Eintrag wurde geändert")

    assert sealing(var, database).status == GOOD
    seal()


def test_without_the_key_nothing_is_sealed(var: Path, database: dict) -> None:
    (var / "secrets" / "trail.key").write_text("nichts")

    assert sealing(var, database).status == WRONG


def checked(var: Path, database: dict) -> list[Finding]:
    return findings(var, database)[1:]


def remembering(var: Path, *, hours: float, wrong: str = "", oldest_days: float = 0) -> None:
    now = datetime.now(UTC)
    one, other = UUID(int=1), UUID(int=2)
    trails = {one: Checked(now, 10, wrong), other: Checked(now - timedelta(days=oldest_days), 5)}
    remember(var, Memory(trails, now - timedelta(hours=hours)))


def test_when_all_was_computed_anew_and_that_it_was_unchanged_is_told(var: Path, database: dict) -> None:
    remembering(var, hours=3)

    (found,) = checked(var, database)

    assert (found.what, found.status) == ("Prüfung der Protokolle", GOOD)
    assert "alle 2 mit 15 Einträgen unverändert" in found.found


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"hours": 27}, "zuletzt vor 27 Std."), ({"hours": 1, "oldest_days": 9}, "seit 9 Tage nicht nachgerechnet")],
)
def test_not_looked_at_for_long_is_wrong(var: Path, database: dict, facts: dict, words: str) -> None:
    remembering(var, **facts)

    (found,) = checked(var, database)

    assert found.status == WRONG and words in found.found


def test_a_changed_trail_is_a_fault_of_its_own_with_laboratory_and_first_bad_entry(var: Path, database: dict) -> None:
    """So that another laboratory's is told although somebody took this one on."""
    remembering(var, hours=1, wrong="Nr. 3: Der Eintrag wurde geändert")

    whole, one = checked(var, database)

    assert whole.status == one.status == WRONG and "1 von 2" in whole.found
    assert one.what == f"Protokoll {LAB}" and "erster falscher Eintrag: Nr. 3: Der Eintrag wurde geändert" in one.found
    assert section(one.what) == "Protokoll" and f"--lab {LAB}" in one.mend


def test_never_looked_at_is_good_in_the_first_night_and_wrong_after_it(var: Path, database: dict) -> None:
    assert [each.status for each in checked(var, database)] == [GOOD]
    old = datetime.now().timestamp() - 27 * 3600
    os.utime(var / "secrets" / "trail.key", (old, old))
    assert [each.status for each in checked(var, database)] == [WRONG]
    (var / "trails.json").write_text('{"night": 3, "trails": []}')
    assert [each.status for each in checked(var, database)] == [WRONG]


def test_a_night_too_short_goes_on_with_what_waited_longest(tmp_path: Path) -> None:
    trees = [UUID(int=number) for number in range(1, 5)]
    looked: list[UUID] = []

    def check(tree: UUID) -> tuple[int, str]:
        looked.append(tree)
        return 1, ""

    assert is_due(tmp_path)
    check_all(tmp_path, trees, check)
    assert not is_due(tmp_path)
    looked.clear()
    memory = check_all(tmp_path, [*trees[2:], UUID(int=9)], check, longest=timedelta(seconds=-1))
    assert looked == [] and set(memory.trails) == {
        UUID(int=3),
        UUID(int=4),
    }  # of laboratories that are gone nothing is kept
    check_all(tmp_path, [*trees[2:], UUID(int=9)], check)
    assert looked[0] == UUID(int=9)
