"""Every 90 days somebody else says of each administrative access whether it stays, and silence means no."""

import grp
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine

from dentatool.operations import admin_review
from dentatool.operations.admin_review import KEEP, REVOKE, Refused, Reviewer, begin, close, decide, due_on
from dentatool.operations.administrators import Caller, accesses_of, caller
from dentatool.operations.doctor import GOOD, WARNING, WRONG, connect, examine
from dentatool.values.signed_file import SignatureError, check_file, public_key_of

NOW = datetime.now(UTC)
LENA, TOM, ROOT = Caller("lena", shared=False), Caller("tom", shared=False), Caller("root", shared=True)
# Roles belong to the whole server, which other test processes share.
EVE, READER, GUEST = (f"fremde_{who}_{os.getpid()}" for who in ("eve", "leserin", "besucherin"))


def user(name: str, uid: int, gid: int = 100) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))


def group(name: str, gid: int, *members: str) -> grp.struct_group:
    return grp.struct_group((name, "x", gid, list(members)))


MACHINE: dict[str, Any] = {
    "users": [user("root", 0, 0), user("lena", 1000), user("tom", 1001), user("gast", 1002), user("mia", 1003, 27)],
    "groups": [group("root", 0), group("sudo", 27, "lena", "tom"), group("users", 100, "gast")],
}
# Whoever runs the tests owns the keys and so has an access, too: root, or else Lena.
ALONE: dict[str, Any] = {
    "users": [user("root", 0, 0), user("lena", os.getuid() or 1000)],
    "groups": [group("sudo", 27, "lena")],
}


@pytest.fixture
def var(database: dict) -> Path:
    return Path(os.environ["DENTATOOL_VAR"])


@pytest.fixture
def key(var: Path) -> Path:
    return var / "secrets" / "signing.key"


@pytest.fixture
def owner(database: dict, superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The owner's connection. Closed reviews are final, so only a superuser clears them away, triggers aside."""
    with connect(database, "owner") as owner:
        yield owner
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute("delete from protection.access_review")


@pytest.fixture
def eve(superuser: psycopg.Connection, database: dict) -> Iterator[str]:
    """A role that does not belong to the program and sees everything."""
    superuser.execute(f"create role {EVE} login superuser password 'geheim'")
    yield psycopg.conninfo.make_conninfo(
        host=database["host"], port=database["port"], dbname=database["name"], user=EVE, password="geheim"
    )
    superuser.execute(f"drop role {EVE}")


def begun(owner, database, var, machine=MACHINE, at=NOW):
    return begin(owner, accesses_of(owner, database, var, **machine), by=LENA, now=at)


def said(owner, entry):
    review = admin_review.open_review(owner) or admin_review.last_closed(owner)
    return next(each for each in review.entries if each["entry"] == entry)


def answer(owner, entry, decision=KEEP, by=LENA, superuser_dsn=None, **more):
    reviewer = Reviewer(more.pop("name", by.name), by, more.pop("external", ""))
    return decide(owner, superuser_dsn, entry, decision, by=reviewer, reason=more.pop("reason", "geprüft"), now=NOW)


def events(superuser, name):
    rows = superuser.execute("select facts from protection_platformevent where event = %s order by at", [name])
    return [facts for (facts,) in rows]


def test_everybody_with_administrative_access_is_named(owner, database, var, eve):
    found = {each.entry: each for each in accesses_of(owner, database, var, **MACHINE)}

    assert set(found) >= {"os:root", "os:lena", "os:tom", "os:mia", f"db:{EVE}"}
    assert "os:gast" not in found
    assert found["os:lena"].powers == ("wird root (Gruppe sudo)",)
    assert (found["os:lena"].shared, found["os:root"].shared, found[f"db:{EVE}"].shared) == (False, True, True)
    assert "Superuser" in found[f"db:{EVE}"].powers
    assert not [entry for entry in found if entry.startswith("db:dentatool_") or entry == "db:postgres"]


def test_who_is_in_the_group_that_reads_the_keys_is_named(owner, database, var):
    secrets = var / "secrets"
    machine = {**MACHINE, "groups": [*MACHINE["groups"], group("leser", secrets.stat().st_gid, "gast")]}
    secrets.chmod(0o750)
    try:
        found = {each.entry: each.powers for each in accesses_of(owner, database, var, **machine)}
    finally:
        secrets.chmod(0o700)

    assert found["os:gast"] == ("liest Passwörter und Schlüssel (Gruppe leser)",)


def test_a_role_that_may_read_all_or_only_enter_is_named_and_one_of_another_program_is_not(
    owner, database, var, superuser
):
    superuser.execute(f"create role {READER} login; grant pg_read_all_data to {READER}; create role {GUEST} login")
    try:
        before = {each.entry: each.powers for each in accesses_of(owner, database, var, **MACHINE)}
        superuser.execute(f'grant connect on database "{database["name"]}" to {GUEST}')
        after = {each.entry: each.powers for each in accesses_of(owner, database, var, **MACHINE)}
    finally:
        superuser.execute(f"drop owned by {GUEST}; drop role {GUEST}; drop role {READER}")

    assert before[f"db:{READER}"] == ("Mitglied von pg_read_all_data",)
    assert f"db:{GUEST}" not in before
    assert after[f"db:{GUEST}"] == ("darf in die Datenbank",)


def test_a_review_begins_once_with_14_days_to_answer(owner, database, var, superuser):
    review = begun(owner, database, var)

    assert review.due_at - review.opened_at == timedelta(days=14)
    assert len(review.undecided) == len(review.entries) >= 4
    assert events(superuser, "review.opened")[-1]["record"] == str(review.id)
    with pytest.raises(Refused, match="läuft schon"):
        begun(owner, database, var)


def test_nobody_decides_about_themselves_and_the_try_is_noted(owner, database, var, superuser):
    begun(owner, database, var)

    for decision in (KEEP, REVOKE):
        with pytest.raises(Refused, match="Über den eigenen Zugang entscheidet jemand anderes"):
            answer(owner, "os:lena", decision)
    with pytest.raises(Refused, match="Angemeldet sind Sie als lena, nicht als tom"):
        answer(owner, "os:lena", name="tom")
    answer(owner, "os:lena", by=TOM)

    assert said(owner, "os:lena")["by"] == "tom"
    assert events(superuser, "authz_fail")[-1] == {
        "what": "os:lena", "reason": "entscheidet über sich selbst", "user": "lena",
    }  # fmt: skip
    assert events(superuser, "review.decided")[-1]["what"] == "os:lena"


def test_a_shared_account_confirms_nobody_because_it_is_no_person(owner, database, var):
    begun(owner, database, var)

    with pytest.raises(Refused, match="kein Konto einer Person"):
        answer(owner, "os:lena", by=ROOT)
    answer(owner, "os:lena", REVOKE, by=ROOT)


def test_the_only_person_needs_somebody_from_outside_for_every_access(owner, database, var, key):
    begun(owner, database, var, ALONE)

    with pytest.raises(Refused, match="Außer Ihnen hat keine Person Zugang"):
        answer(owner, "os:root")
    for pretended in ("lena", "Root"):
        with pytest.raises(Refused, match="hat hier selbst einen Zugang"):
            answer(owner, "os:root", name=pretended, external="Büro")
    for entry in ("os:root", "os:lena"):
        answer(owner, entry, name="Eva Extern", external="Steuerbüro Süd")
    review, report = close(owner, None, key, by=LENA, now=NOW)

    assert said(owner, "os:lena")["by"] == "Eva Extern (Steuerbüro Süd), eingetragen von lena"
    assert check_file(report, public_key_of(key)).facts["review"] == str(review.id)


@pytest.mark.parametrize(("entry", "reason", "why"), [
    ("os:gast", "geprüft", "steht nicht in dieser Prüfung"), ("os:tom", " ", "Bitte begründen"),
])  # fmt: skip
def test_a_decision_that_is_none_is_refused(owner, database, var, entry, reason, why):
    with pytest.raises(Refused, match="läuft keine Zugangsprüfung"):
        answer(owner, entry)
    begun(owner, database, var)

    with pytest.raises(Refused, match=why):
        answer(owner, entry, reason=reason)


def test_a_revoked_role_is_out_at_once_and_stays_out(owner, database, var, eve, superuser_dsn):
    begun(owner, database, var)
    with psycopg.connect(eve, autocommit=True) as at_work:
        assert answer(owner, f"db:{EVE}", REVOKE, superuser_dsn=superuser_dsn)

        with pytest.raises(psycopg.OperationalError):
            at_work.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(eve)
    with pytest.raises(Refused, match="schon entzogen"):
        answer(owner, f"db:{EVE}")
    assert admin_review.revoked_but_there(owner, accesses_of(owner, database, var, **MACHINE)) == []


def test_without_a_superuser_a_revoked_role_is_open_work(owner, database, var, eve):
    begun(owner, database, var)

    assert not answer(owner, f"db:{EVE}", REVOKE)
    assert admin_review.revoked_but_there(owner, accesses_of(owner, database, var, **MACHINE)) == [f"db:{EVE}"]
    assert not answer(owner, "os:root", REVOKE, superuser_dsn=eve)


def test_the_way_in_of_the_program_itself_is_not_locked(owner, database, var, eve):
    begun(owner, database, var)

    assert not answer(owner, f"db:{EVE}", REVOKE, superuser_dsn=eve)
    psycopg.connect(eve).close()


def test_what_nobody_answered_for_is_revoked_after_14_days(owner, database, var, key, eve, superuser_dsn, superuser):
    begun(owner, database, var)
    answer(owner, "os:tom")

    with pytest.raises(Refused, match="noch nicht entschieden"):
        close(owner, superuser_dsn, key, by=LENA, now=NOW + timedelta(days=13))
    review, _report = close(owner, superuser_dsn, key, by=LENA, now=NOW + timedelta(days=14))

    assert {each["entry"] for each in review.entries if each["decision"] == KEEP} == {"os:tom"}
    assert said(owner, f"db:{EVE}")["reason"] == "niemand hat in der Frist geantwortet"
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(eve)
    left = admin_review.revoked_but_there(owner, accesses_of(owner, database, var, **MACHINE))
    assert {"os:lena", "os:root", "os:mia"} <= set(left)
    assert f"db:{EVE}" not in left and "os:tom" not in left
    assert events(superuser, "review.closed")[-1]["record"] == str(review.id)


def closed(owner, database, var, key, at=NOW, machine=MACHINE):
    begun(owner, database, var, machine, at)
    for each in admin_review.open_review(owner).entries:
        answer(owner, each["entry"], name="Eva Extern", external="Steuerbüro Süd")
    return close(owner, None, key, by=LENA, now=at)


def test_the_report_is_verified_by_command_and_a_changed_byte_is_found(owner, database, var, key, tmp_path):
    _review, report = closed(owner, database, var, key)
    assert report.startswith(b"%PDF")
    good, bad = tmp_path / "gut.pdf", tmp_path / "falsch.pdf"
    good.write_bytes(report)
    bad.write_bytes(report[:2000] + bytes([report[2000] ^ 1]) + report[2001:])

    assert "unverändert" in dentatool("reviews", "verify", str(good)).stdout
    assert "nach dem Unterschreiben verändert" in dentatool("reviews", "verify", str(bad)).stderr
    with pytest.raises(SignatureError):
        check_file(bad.read_bytes(), public_key_of(key))


@pytest.mark.parametrize("change", [
    "update protection.access_review set report = 'x'", "update protection.access_review set closed_at = null",
    "delete from protection.access_review", "truncate protection.access_review",
])  # fmt: skip
def test_a_closed_review_never_changes_not_even_by_the_owner(owner, database, var, key, change):
    closed(owner, database, var, key)

    with pytest.raises(psycopg.DatabaseError, match="never changes"):
        owner.execute(change)


@pytest.mark.parametrize("role", ["app", "worker"])
def test_the_app_and_its_tasks_neither_read_nor_write_reviews(owner, database, role):
    for statement in ("select * from protection.access_review", "delete from protection.access_review"):
        with connect(database, role) as link, pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute(statement)


def finding(var, what, days=0):
    with time_machine.travel(NOW + timedelta(days=days), tick=True):
        (found,) = [each for each in examine(var, production=False) if each.what == what]
    return found


def test_the_doctor_is_red_when_none_was_closed_for_90_days_and_yellow_while_one_runs(owner, database, var, key):
    what = "Zugangsprüfung des Betreibers"
    installed = due_on(owner) - timedelta(days=90)
    at = (installed - NOW).total_seconds() / 86400
    assert [finding(var, what, at + days).status for days in (1, 75, 77, 89, 91)] == [
        GOOD, GOOD, WARNING, WARNING, WRONG,
    ]  # fmt: skip

    review = begun(owner, database, var)
    assert (finding(var, what).status, finding(var, what).found) == (WARNING, f"läuft, {len(review.entries)} offen")
    assert finding(var, what, 15).mend == "dentatool reviews close"
    assert finding(var, what, 15).status == WRONG

    close(owner, None, key, by=LENA, now=NOW + timedelta(days=20))
    assert [finding(var, what, 20 + days).status for days in (1, 89, 91)] == [GOOD, WARNING, WRONG]


def test_what_appears_between_two_reviews_is_named_by_the_doctor(owner, database, var, key, superuser):
    what = "Zugänge des Betreibers"
    here = {"users": None, "groups": None}
    closed(owner, database, var, key, machine=here)
    assert EVE not in finding(var, what).found

    superuser.execute(f"create role {EVE} login; grant pg_read_all_data to {EVE}")
    try:
        new = finding(var, what)
        begun(owner, database, var, here)
        assert EVE not in finding(var, what).found
        superuser.execute(f"alter role {EVE} createrole")
        stronger = finding(var, what)
        answer(owner, f"db:{EVE}", REVOKE)
        revoked = finding(var, what)
    finally:
        superuser.execute(f"drop role {EVE}")

    for found in (new, stronger):
        assert found.status == WARNING and found.found.startswith("noch nicht geprüft") and EVE in found.found
    assert (revoked.status, revoked.found) == (WRONG, f"entzogen, aber noch da: db:{EVE}")
    assert EVE not in finding(var, what).found


def dentatool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", *arguments],
        env={name: value for name, value in os.environ.items() if name != "SUDO_USER"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_who_called_sudo_counts_for_root_alone_and_only_where_the_kernel_noted_nobody(monkeypatch):
    own, noted = caller(), Path("/proc/self/loginuid")
    kernel_knows = noted.exists() and int(noted.read_text()) != 2**32 - 1
    monkeypatch.setenv("SUDO_USER", "daemon")

    believed = os.getuid() == 0 and not kernel_knows
    assert caller() == (Caller("daemon", shared=True) if believed else own)


def test_a_review_from_beginning_to_end_by_command(owner, database, var, eve):
    me = caller()
    assert "nicht als erfunden" in dentatool("reviews", "begin", "--by", "erfunden").stderr
    begin_ = dentatool("reviews", "begin", "--by", me.name)
    assert begin_.returncode == 0, begin_.stderr
    assert f"os:{pwd.getpwuid((var / 'secrets').stat().st_uid).pw_name}" in begin_.stdout

    own = dentatool("reviews", "decide", f"os:{me.name}", "keep", "--by", me.name, "--reason", "brauche ich")
    assert "jemand anderes" in own.stderr
    assert "noch nicht entschieden" in dentatool("reviews", "close").stderr
    ended = dentatool("reviews", "decide", f"db:{EVE}", "revoke", "--by", me.name, "--reason", "unbekannt")
    assert ended.stdout.startswith("Anmeldung gesperrt"), ended.stderr
    for each in admin_review.open_review(owner).undecided:
        outside = ("--by", "Eva Extern", "--external", "Büro", "--reason", "vorgelegt")
        assert dentatool("reviews", "decide", each["entry"], "keep", *outside).returncode == 0
    done = dentatool("reviews", "close")
    report = done.stdout.splitlines()[0].removeprefix("Abgeschlossen. Bericht: ")

    assert "unverändert" in dentatool("reviews", "verify", report).stdout
    assert "Keine Zugangsprüfung läuft" in dentatool("reviews", "show").stdout
    assert json.dumps(events_of_commands(owner)).count("Eva Extern") == 0


def events_of_commands(owner):
    """What was typed, as noted: without the names of people."""
    rows = owner.execute("select facts from protection_platformevent where event = 'sys_admin'")
    return [facts for (facts,) in rows]
