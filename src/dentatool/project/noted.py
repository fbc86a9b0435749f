"""Commands that change something are among the platform's events before they run, and with their outcome afterwards.

Promise: what cannot be noted is not done. Arguments are noted without secrets and without names of people. What is not
on the list of reading commands is noted, so that nobody has to remember a new one.
How it could be broken: by whoever runs code on the server without this program.
Test that tries: tests/project/test_noted.py.
"""

import argparse
import getpass
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from dentatool.operations.secrets import database_of
from dentatool.project.console import Failure
from dentatool.project.instance import this_instance

# They change nothing; `run` consists of other commands, each of which is noted by itself. `backup watch` begins before the
# database, and `restore` must work where there is none; both note what they did. The monitor tells of a database that is
# away: who took a fault on stands in its own memory.
READING = frozenset(
    {
        "run",
        "bench",
        "doctor",
        "tenant list",
        "keys status",
        "xml check",
        "reviews verify",
        "reviews key",
        "reviews show",
    }
    | {"backup status", "backup list", "backup verify", "backup samples", "backup watch", "restore"}
    | {"updates sbom", "updates check", "updates status"}  # what a check found stands in its own memory
    | {"monitor watch", "monitor status", "monitor errors", "monitor acknowledge"}
    # The first two note what they find.
    | {"audit verify", "audit nightly", "audit verify-export", "audit verify-proof", "audit key"}
)
READING_DJANGO = frozenset(
    {"check", "diffsettings", "findstatic", "help", "makemigrations", "showmigrations", "sqlmigrate"}
)
STARTING = frozenset({"serve", "worker"})
_SECRET = re.compile(r"^--?(\w+-)*(owner|sign-in|password|passwort|secret|token|key|pin|mail|e-mail|to|by|external)$")
_IN_ADDRESS = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")
_LONGEST = 200


def do_noted(options: argparse.Namespace, given: Sequence[str], work: Callable[[], int]) -> int:
    """Run the work of a command between two notes of it; its exit code."""
    name = name_of(options)
    if name in READING or (name == "manage" and given[1:2] and given[1] in READING_DJANGO):
        return work()
    is_start = name in STARTING
    facts = {"command": name, "arguments": without_secrets(given[len(name.split()) :]), "user": _user()}
    note("sys_startup" if is_start else "sys_admin", facts | {"result": "begonnen"}, may_be_first=name == "migrate")
    code = 1
    try:
        code = work()
    finally:
        with suppress(Failure):  # it is noted that it began; that no end is noted tells the rest
            note("sys_shutdown" if is_start else "sys_admin", facts | {"result": "gescheitert" if code else "beendet"})
    return code


def name_of(options: argparse.Namespace) -> str:
    """`tenant create`, `migrate`."""
    return " ".join(filter(None, (options.command, getattr(options, "action", None))))


def without_secrets(arguments: Sequence[str]) -> list[str]:
    """What was typed, without what is nobody's business: passwords, keys, names of people."""
    shown, hide = [], False
    for argument in arguments:
        option, equals, _value = argument.partition("=")
        if hide:
            shown.append("…")
        elif equals and _SECRET.match(option):
            shown.append(f"{option}=…")
        else:
            shown.append(_IN_ADDRESS.sub(r"\1:…@", argument)[:_LONGEST])
        hide = not equals and bool(_SECRET.match(argument))
    return shown


def note(event: str, facts: dict[str, object], *, may_be_first: bool = False) -> None:
    """Add to the platform's events, in the app's own role. Raises Failure where that is not possible."""
    # Here and not on top: `xml check` needs neither and starts at once.
    import psycopg  # noqa: PLC0415

    from dentatool.operations.environment import connect  # noqa: PLC0415

    var = this_instance().var
    if not (var / "secrets" / "database.json").exists():
        return  # the command itself says that nothing is set up
    try:
        with connect(database_of(var), "app") as link:
            link.execute("select protection.record_platform_event(%s, %s)", [event, json.dumps(facts)])
    except psycopg.Error as refused:
        # Before the first `migrate` there is nothing to note in.
        if may_be_first and isinstance(refused, psycopg.ProgrammingError):
            return
        raise Failure(
            "Das Kommando lässt sich nicht protokollieren und wird darum nicht ausgeführt. "
            "Läuft die Datenbank? „dentatool doctor“ sagt, was fehlt."
        ) from refused


def note_error(error: Exception, command: str) -> None:
    """An error of the program that ends a command is counted among its errors, if that is possible."""
    from dentatool.operations.environment import connect  # noqa: PLC0415
    from dentatool.operations.monitoring.errors import is_away, seen, write_down  # noqa: PLC0415

    with suppress(Exception):  # the error itself is what is to be seen
        if not is_away(error):
            with connect(database_of(this_instance().var), "app") as link:
                write_down(link, seen(error, f"dentatool {command}"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return str(os.getuid())
