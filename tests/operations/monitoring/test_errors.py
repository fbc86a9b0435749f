"""Errors of the program are grouped and counted wherever they happen, and nothing of their content is kept."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client, override_settings
from django.urls import path

from dentatool.kit.jobs import enqueue, job, run_due_jobs
from dentatool.operations.finding import GOOD, WARNING, WRONG
from dentatool.operations.monitoring.errors import Recorder, groups, seen, settle, told_of_errors
from dentatool.protection.access import PUBLIC, page
from dentatool.protection.audit import record_platform_event
from harness.database import connect_as, in_role

SECRET = "Frau Petra Sommer"


@page(PUBLIC)
def breaks(request: Any) -> None:
    record_platform_event("sys_admin", command="test.breaks")
    raise LookupError(f"{SECRET} is not in {request.GET}")


urlpatterns = [path("bruch/", breaks, name="breaking_page")]


@job("test.breaking")
def breaking_job() -> None:
    raise ArithmeticError(SECRET)


@pytest.fixture
def table(superuser: psycopg.Connection) -> psycopg.Connection:
    """Empty: no other test looks at it."""
    superuser.execute("delete from protection.error_group")
    return superuser


def found(link: psycopg.Connection, kind: str, times: int = 1) -> dict[str, Any]:
    """The one group of this kind, once it was seen so often."""
    ending = time.monotonic() + 10
    while True:
        several = [each for each in groups(link) if each.kind == kind]
        if several and sum(each.count for each in several) >= times:
            (one,) = several
            return {name: getattr(one, name) for name in one.__slots__}
        assert time.monotonic() < ending, groups(link)
        time.sleep(0.05)


@override_settings(ROOT_URLCONF=__name__)
def test_an_error_of_a_page_is_counted_though_all_else_is_rolled_back(table: psycopg.Connection, anna: Any) -> None:
    client = anna.client("owner")
    client.raise_request_exception = False
    for _ in range(3):
        assert client.get(f"/bruch/?wer={SECRET}", secure=True).status_code == 500
        found(table, "LookupError")  # the first is written down by itself

    group = found(table, "LookupError", times=3)
    assert (group["count"], group["part"], group["settled_at"]) == (3, "breaking_page", None)
    assert group["place"].startswith("protection/access/internal/gate.py:") and group["place"].endswith(" served")
    assert group["first_at"] < group["last_at"]
    row = str(table.execute("select * from protection.error_group").fetchall())
    assert "Sommer" not in row and "Petra" not in row and str(anna.lab_id) not in row


def test_an_error_of_a_job_is_counted(table: psycopg.Connection, anna: Any) -> None:
    with anna.at_work():
        enqueue("test.breaking")
    with in_role("worker"):
        run_due_jobs(anna.lab_id)

    assert found(table, "ArithmeticError")["part"] == "test.breaking"


def test_an_error_that_ends_a_command_is_counted(table: psycopg.Connection) -> None:
    code = (
        "import sys; from dentatool.project import cli, diagnose; from dentatool.project.cli import main\n"
        f"def fail(options): raise BufferError('{SECRET}')\n"
        "diagnose.call = fail; sys.exit(main(['doctor']))"
    )
    path_ = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path_}, capture_output=True, check=False
    )

    assert done.returncode != 0
    assert found(table, "BufferError")["part"] == "dentatool doctor"


def test_what_was_settled_opens_again_when_it_happens_again(table: psycopg.Connection, owner_connection: Any) -> None:
    one = seen(_raised(KeyError(SECRET)), "x")
    recorder = Recorder()
    recorder.remember(one)
    group = found(table, "KeyError")

    assert told_of_errors(table).status == WRONG
    table.execute("update protection.error_group set last_at = now() - interval '2 hours'")
    assert told_of_errors(table).status == WARNING
    assert settle(owner_connection, group["fingerprint"]) and not settle(owner_connection, group["fingerprint"])
    assert told_of_errors(table).status == GOOD

    recorder.remember(one)
    assert found(table, "KeyError", times=2)["settled_at"] is None


def test_while_the_database_is_away_errors_wait_and_are_counted_later(
    table: psycopg.Connection, database: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = True

    def connecting() -> Any:
        if is_away:
            raise psycopg.OperationalError("gone")
        return connect_as(database, "app", autocommit=True)

    recorder = Recorder(connecting)
    monkeypatch.setattr(recorder, "_write_for_ever", lambda: None)
    for _ in range(5):
        recorder.remember(seen(_raised(OSError(SECRET)), "x"))
    assert not recorder.write()
    is_away = False
    assert recorder.write()
    assert found(table, "OSError", times=5)["count"] == 5


def test_a_database_that_is_away_is_no_error_of_the_program(table: psycopg.Connection) -> None:
    for error in (psycopg.OperationalError("gone"), RuntimeError("wrapped")):
        if isinstance(error, RuntimeError):
            error.__cause__ = psycopg.OperationalError("gone")
        logging.getLogger("dentatool.jobs").error("away", exc_info=error)
    logging.getLogger("dentatool.jobs").error("real", exc_info=EOFError())

    found(table, "EOFError")
    assert [each.kind for each in groups(table)] == ["EOFError"]


def test_the_table_is_bounded_and_settled_groups_make_room_first(
    table: psycopg.Connection, app_connection: Any
) -> None:
    for number in range(501):
        app_connection.execute("select protection.note_error(%s, 'k', 'p', 'x', '1', 1)", [str(number)])
        if number == 499:
            app_connection.commit()
            table.execute("update protection.error_group set settled_at = now() where fingerprint = '499'")
    app_connection.commit()

    kept = {row[0] for row in table.execute("select fingerprint from protection.error_group").fetchall()}
    assert len(kept) == 500 and "499" not in kept and "500" in kept


@pytest.mark.parametrize("statement", ["select * from protection.error_group", "delete from protection.error_group"])
def test_the_program_adds_and_neither_reads_nor_removes(app_connection: Any, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute(statement)


def test_the_group_is_the_same_whatever_the_line_and_the_text() -> None:
    one, other = seen(_raised(ValueError("a")), "x"), seen(_raised_elsewhere(ValueError("b")), "y")
    again = seen(_raised(ValueError("c")), "z")

    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert Path(__file__).name in one.place


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def _raised_elsewhere(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_client_without_a_session_breaks_it_too(table: psycopg.Connection) -> None:
    with override_settings(ROOT_URLCONF=__name__):
        Client(raise_request_exception=False).get("/bruch/", secure=True)

    assert found(table, "LookupError")["part"] == "breaking_page"
