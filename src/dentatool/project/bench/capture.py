"""The very statements of a page: caught once from the real view, then asked again as often as needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dentatool.project.console import Failure

Statement = tuple[str, Any]
_DOOR = "protection.door_open_session"


@dataclass(frozen=True, slots=True)
class Captured:
    """A page's statements inside its transaction; the look-up of the session stands apart."""

    statements: tuple[Statement, ...]
    door: Statement

    def replay(self) -> None:
        """Ask everything again, inside a transaction with a pass that the caller has opened."""
        from django.db import connection  # noqa: PLC0415

        with connection.connection.cursor() as cursor:
            for question, arguments in self.statements:
                cursor.execute(question, arguments)
                if cursor.description is not None:
                    cursor.fetchall()


def capture(cookies: dict[str, str], path: str, form: dict[str, str] | None = None) -> Captured:
    """Serve the page in this process and keep what it asked the database."""
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    asked: list[Statement] = []

    def listen(execute: Any, question: str, arguments: Any, many: bool, context: Any) -> Any:
        asked.append((question, arguments))
        return execute(question, arguments, many, context)

    client = Client(headers={"host": "localhost"})
    for name, value in cookies.items():
        client.cookies[name] = value
    with connection.execute_wrapper(listen):
        answer = client.post(path, form, secure=True) if form else client.get(path, secure=True)
    if answer.status_code not in (200, 302):
        raise Failure(f"{path} antwortet mit {answer.status_code} statt mit einer Seite.")
    doors = [each for each in asked if _DOOR in each[0]]
    return Captured(tuple(each for each in asked if _DOOR not in each[0]), doors[0])


class _Undo(Exception):
    """Ends a transaction that only measured."""


@contextmanager
def undone(lab_id: UUID, account_id: UUID) -> Iterator[None]:
    """A transaction with a real pass that is rolled back: measuring leaves nothing behind."""
    from dentatool.protection.tenancy import laboratory  # noqa: PLC0415

    try:
        with laboratory(lab_id, actor=account_id):
            yield
            raise _Undo
    except _Undo:
        pass
