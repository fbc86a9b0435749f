"""Whatever is changed by command is noted before it is done, without secrets, or it is not done."""

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dentatool.project.cli import COMMANDS
from dentatool.project.noted import READING, READING_DJANGO, STARTING, without_secrets

ENVIRONMENT = ("DENTATOOL_VAR", "DENTATOOL_MODE", "DENTATOOL_DB_NAME")


def dentatool(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dentatool.project.cli", *arguments],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def notes(superuser, name="sys_admin"):
    rows = superuser.execute("select facts from protection_platformevent where event = %s order by at", [name])
    return [facts for (facts,) in rows]


def test_a_new_laboratory_is_noted_with_its_beginning_and_end(database, superuser):
    before = len(notes(superuser))

    done = dentatool(
        "tenant", "create", "Labor Vermerkt", "--region", "BY", "--place", "D-Rosenheim",
        "--owner", "Geheime Person", "--sign-in=geheim@labor.example",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    begun, ended = notes(superuser)[before:]
    assert begun["command"] == ended["command"] == "tenant create"
    assert (begun["result"], ended["result"]) == ("begonnen", "beendet")
    assert begun["arguments"] == [
        "Labor Vermerkt", "--region", "BY", "--place", "D-Rosenheim", "--owner", "…", "--sign-in=…",
    ]  # fmt: skip
    lab_id = done.stdout.split()[2]
    own = superuser.execute(
        "select what from protection_entry where lab_id = %s and what in ('sys_admin', 'crypt_key_event') order by at",
        [lab_id],
    ).fetchall()
    assert own == [("crypt_key_event",), ("sys_admin",)]


def test_what_fails_is_noted_as_failed(database, superuser):
    before = len(notes(superuser))

    assert (
        dentatool(
            "tenant", "create", "X", "--region", "XX", "--place", "D", "--owner", "X", "--sign-in", "x@y"
        ).returncode
        == 1
    )

    assert [each["result"] for each in notes(superuser)[before:]] == ["begonnen", "gescheitert"]


# Everything that is noted, with arguments that change nothing here: a new command fails until it stands here.
NOBODYS = "01a207b4-54d1-7e07-a8ed-3e3dbb1b952b"
EVERY_OTHER = {
    "audit platform": ["--reason", "Probe"],
    "audit prove": ["--lab", "keine-kennung", "--entry", "keine", "--out", "nirgends"],
    "audit resume": ["--lab", "keine-kennung", "--reason", "Probe"],
    "backup create": ["--full"],
    "backup drill": [],
    "backup keygen": [],
    "backup nightly": [],
    "backup prune": [],
    "keys copy": ["--to", "/dev/null/nirgends"],
    "keys prune": ["--lab", NOBODYS],
    "keys rotate": ["--lab", NOBODYS],
    "keys rotate-root": ["--old-key-to", "/dev/null"],
    "keys shred": ["--lab", NOBODYS, "--yes-name", "Niemand"],
    "manage": ["collectstatic", "--dry-run", "--noinput"],
    "migrate": [],
    "monitor open": ["--by", "niemand"],
    "monitor settle": ["0123456789ab"],
    "prices import": ["preise.csv", "--lab", "keine-kennung"],
    "reviews begin": ["--by", "niemand"],
    "reviews close": [],
    "reviews decide": ["os:niemand", "keep", "--by", "niemand", "--reason", "Probe"],
    "updates accept": ["CVE-1", "--until", "2026-12-31", "--reason", "Probe", "--by", "niemand"],
    "tenant create": ["X", "--region", "XX", "--place", "D", "--owner", "X", "--sign-in", "x@y.example"],
}


def every_command():
    """All commands with their actions, as the command line offers them."""
    for name, (module, _what) in COMMANDS.items():
        parser = argparse.ArgumentParser()
        import_module(f"dentatool.project.{module}").arguments(parser)
        actions = next((each.choices for each in parser._actions if isinstance(each.choices, dict)), None)
        yield from (f"{name} {action}" for action in actions) if actions else [name]


def test_every_command_is_noted_or_only_reads():
    assert set(every_command()) == {*EVERY_OTHER, *READING, *STARTING}


@pytest.mark.parametrize("command", sorted(EVERY_OTHER))
def test_a_command_that_may_change_something_is_noted_with_what_was_typed(command, database, superuser):
    before = len(notes(superuser))

    done = dentatool(*command.split(), *EVERY_OTHER[command])

    mine = [each for each in notes(superuser)[before:] if each["command"] == command and "result" in each]
    assert [each["result"] for each in mine] == ["begonnen", "beendet" if done.returncode == 0 else "gescheitert"]
    assert len(mine[0]["arguments"]) == len(EVERY_OTHER[command])
    assert mine[0]["user"]


def test_each_migration_is_noted_by_its_name(database, superuser):
    applied = superuser.execute("select app || '.' || name from django_migrations").fetchall()

    noted = [name for facts in notes(superuser) if facts["command"] == "migrate" for name in facts.get("what", [])]

    assert sorted(noted) == sorted(name for (name,) in applied)


@pytest.mark.parametrize("command", [("tenant", "list"), ("keys", "status"), ("manage", "showmigrations", "team")])
def test_what_only_reads_leaves_nothing(database, superuser, command):
    before = len(notes(superuser))

    assert dentatool(*command).returncode in (0, 1)

    assert len(notes(superuser)) == before


def test_what_cannot_be_noted_is_not_done(database, superuser, founding):
    """The function that notes is gone: the laboratory must not come into being."""
    superuser.execute("alter function protection.record_platform_event(text, jsonb) rename to away")
    try:
        done = dentatool(
            "tenant",
            "create",
            "Labor Unvermerkt",
            "--region",
            "BY",
            "--place",
            "D-X",
            "--owner",
            "X",
            "--sign-in",
            "x@y.example",
        )
    finally:
        superuser.execute("alter function protection.away(text, jsonb) rename to record_platform_event")

    assert done.returncode == 1
    assert "lässt sich nicht protokollieren" in done.stderr
    assert superuser.execute("select 1 from protection_laboratory where name = 'Labor Unvermerkt'").fetchall() == []


@pytest.mark.parametrize(("typed", "noted"), [
    (["--password", "Geheim-1", "x"], ["--password", "…", "x"]),
    (["--api-token=abc"], ["--api-token=…"]),
    (["--owner", "--sign-in"], ["--owner", "…"]),
    (["https://user:pw@host/x"], ["https://user:…@host/x"]),
    (["--to", "a@b.example", "--days", "3"], ["--to", "…", "--days", "3"]),
    (["x" * 500], ["x" * 200]),
])  # fmt: skip
def test_secrets_and_people_are_left_out(typed, noted):
    assert without_secrets(typed) == noted


def test_the_list_of_what_only_reads_names_real_commands():
    assert {name.split()[0] for name in READING} <= set(COMMANDS)
    assert READING_DJANGO.isdisjoint({"migrate", "demo", "shell", "flush", "loaddata"})


def test_the_platforms_events_are_read_with_a_reason_that_is_noted(database, superuser):
    superuser.execute("select protection.record_platform_event('ctx_forged', '{\"path\": \"/x\\u001b[31m\"}')")

    shown = dentatool("audit", "platform", "--reason", "Prüfung nach Vorfall 7", "--event", "ctx_forged")
    lines = dentatool("audit", "platform", "--reason", "Ausgabe", "--event", "ctx_forged", "--json")

    assert "Gefälschter Laborausweis abgewiesen (Adresse: /x�[31m)" in shown.stdout
    assert json.loads(lines.stdout.splitlines()[-1])["event"] == "ctx_forged"
    assert any(
        "Prüfung nach Vorfall 7" in each["arguments"]
        for each in notes(superuser)
        if each["command"] == "audit platform"
    )
    assert dentatool("audit", "platform").returncode == 2


def test_the_app_reads_none_of_it(app_connection):
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute("select * from protection_platformevent")


def test_nothing_is_set_up_and_the_command_says_so(tmp_path: Path):
    done = dentatool("tenant", "list", DENTATOOL_VAR=str(tmp_path))

    assert "noch nicht eingerichtet" in done.stderr
