"""What the API refuses, each with its status and German words. None of it has changed anything."""

from collections.abc import Iterable, Mapping
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse

from dentatool.kit.fields import ABSENT
from dentatool.protection.access.problems import problem
from dentatool.protection.audit.refusals import note_refusal


class Refusal(Exception):
    """An answer that ends the operation."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Diese Anfrage ist nicht richtig"

    def __init__(
        self, detail: str, *, errors: Iterable[Mapping[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail, self.errors, self.headers = detail, list(errors), headers

    def answer(self) -> HttpResponse:
        return problem(self.status, self.title, self.detail, errors=self.errors, headers=self.headers)


class Malformed(Refusal):
    """No JSON object, an unknown query key, a key that is none."""


class NotThisWay(Refusal):
    status, title = 405, "Diese Methode gibt es hier nicht"


class NotInThisForm(Refusal):
    status, title = 406, "In diesem Format gibt es das nicht"


class Stale(Refusal):
    status, title = 412, "Inzwischen geändert"


class TooLarge(Refusal):
    status, title = 413, "Das ist zu groß"


class NoJson(Refusal):
    status, title = 415, "Hier wird JSON erwartet"


class Unfitting(Refusal):
    """Fields that are wrong; `errors` names each."""

    status, title = 422, "Einzelne Angaben sind nicht richtig"

    @classmethod
    def absent(cls, pointer: str, record: UUID) -> "Unfitting":
        """A record that there is not for this laboratory; noted as everywhere else (kit/fields.py)."""
        note_refusal("malicious_direct_reference", record=record)
        return cls({pointer: [ABSENT]})

    def __init__(self, found: Mapping[str, Iterable[str]]) -> None:
        errors = [{"pointer": pointer, "message": message} for pointer in found for message in found[pointer]]
        super().__init__(
            "Es wurde nichts gespeichert. Die Angaben und die Gründe stehen unter „errors“.", errors=errors
        )


class OtherRequest(Refusal):
    status, title = 422, "Dieser Idempotency-Key gehört zu einer anderen Anfrage"


class Unconditional(Refusal):
    status, title = 428, "Der bekannte Stand fehlt"
