"""The program's log: one line for each event, as JSON, whatever came from outside; where it broke, never what was in it.

OWASP ASVS 5.0, V16.4.1 (no injection) and V16.2.5 (no sensitive data). ASCII alone: line feeds of every kind, control
and direction characters arrive as escapes. The text of an error is left out, since it may quote what was typed or
stored; type, code of the database and lines of the program stay. In development the text is there.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

LONGEST = 1000
MOST_FRAMES = 15
# What the program says about an event beside its words.
_FACTS = ("status_code", "sqlstate", "request", "path", "events")
_OURS = "/dentatool/"


class OneLine(logging.Formatter):
    """`with_texts`: with the text of errors, for developers who have no patients."""

    def __init__(self, *, with_texts: bool = False) -> None:
        super().__init__()
        self._with_texts = with_texts

    def format(self, record: logging.LogRecord) -> str:
        """The event as one line of ASCII."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:LONGEST],
        }
        told |= {name: _words(getattr(record, name))[:LONGEST] for name in _FACTS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            told["errors"] = [self._told(error) for error in _chain(record.exc_info[1])]
        return json.dumps(told)

    def _told(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
        told: dict[str, Any] = {
            "type": type(error).__name__,
            "where": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if (sqlstate := getattr(error, "sqlstate", None)) is not None:
            diagnosis = getattr(error, "diag", None)
            told |= {"sqlstate": sqlstate, "constraint": getattr(diagnosis, "constraint_name", None)}
        if self._with_texts:
            told["text"] = str(error)[:LONGEST]
        return told


def _words(fact: Any) -> str:
    """A request by method and path alone: what stands behind the question mark may be a name, or open something."""
    if hasattr(fact, "get_full_path"):
        return f"{fact.method} {fact.path}"
    return str(fact)


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what led to it, the last first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _short(filename: str) -> str:
    """The file without the folders of this machine."""
    _, ours, rest = filename.rpartition(_OURS)
    return f"dentatool/{rest}" if ours else "/".join(filename.split("/")[-2:])
