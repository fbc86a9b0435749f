"""Signing in as a person does, preparing requests, and sending them by one or two clients at once."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode
from uuid import uuid4

from dentatool.project.bench.client import Request, connect
from dentatool.project.bench.load import PASSWORD, SIGN_IN_NAME
from dentatool.project.console import Failure

_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """A signed-in person: the cookies and the form token."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._cookies: dict[str, str] = {}
        _status, page = self._send(("GET", "/anmelden/", ""))
        form = {"name": SIGN_IN_NAME, "password": PASSWORD, "weiter": "/", "csrfmiddlewaretoken": self._token_in(page)}
        status, _page = self._send(("POST", "/anmelden/", urlencode(form)))
        if status != 302:
            raise Failure(f"Die Anmeldung im Messlabor ist gescheitert ({status}).")
        _status, page = self._send(("GET", "/auftraege/neu/", ""))
        self.token = self._token_in(page)
        self._send(("POST", "/protokoll/zweck/", urlencode({"purpose": "routine", "csrfmiddlewaretoken": self.token})))

    @property
    def headers(self) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"Cookie": cookie, "Origin": f"https://localhost:{self.port}"}

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self._cookies)

    def _send(self, request: Request) -> tuple[int, bytes]:
        connection = connect(self.port)
        method, path, body = request
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body or None, {"Host": f"localhost:{self.port}", **self.headers, **form})
        answer = connection.getresponse()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self._cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        page = answer.read()
        connection.close()
        return answer.status, page

    @staticmethod
    def _token_in(page: bytes) -> str:
        found = _TOKEN.search(page)
        if found is None:
            raise Failure("Das Formular enthält keinen Schutzwert (CSRF).")
        return found[1].decode()

    def new_order(self, place: int) -> dict[str, str]:
        """What a person types into the intake page: practice, a new patient, work, tooth, dates."""
        from dentatool.values.order_number import check_digit  # noqa: PLC0415

        body = f"422201-N{place}-ZE-2026{place:05}-1-"
        return {
            "csrfmiddlewaretoken": self.token,
            "order_number": f"{body}{check_digit(body)}",
            "practice": "1001",
            "patient_name": f"Neu Aufgenommen{place}",
            "pseudonym": f"N{place}",
            "birth_date": "01.02.1970",
            "insurance": "gkv",
            "work": "NEM-Krone, verblendet",
            "teeth": "14:krone",
            "shade": "A3",
            "shipments": "1",
            "received_on": "23.11.2026",
            "due_on": "30.11.2026",
            "care": "regel",
            "intake_key": str(uuid4()),
        }


@dataclass(frozen=True)
class Program:
    """A program with the measured person's token."""

    port: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def send(
    visitor: Visitor | Program, plans: Sequence[Iterable[Request]], warm: Sequence[Request] = ()
) -> list[list[float]]:
    """Send each list of requests by a client process of its own, all at once; milliseconds of each request."""
    command = [sys.executable, "-m", "dentatool.project.bench.client"]
    clients = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _plan in plans
    ]
    for client, plan in zip(clients, plans, strict=True):
        assert client.stdin is not None and client.stdout is not None
        order = {"port": visitor.port, "headers": visitor.headers, "warm": list(warm), "requests": list(plan)}
        client.stdin.write(json.dumps(order) + "\n")
        client.stdin.flush()
    for client in clients:
        client.stdout.readline()  # type: ignore[union-attr]
    for client in clients:
        client.stdin.write("go\n")  # type: ignore[union-attr]
        client.stdin.flush()  # type: ignore[union-attr]
    answers = [client.communicate() for client in clients]
    for client, (_out, wrong) in zip(clients, answers, strict=True):
        if client.returncode != 0:
            raise Failure(f"Eine gemessene Anfrage ist gescheitert: {wrong.strip()[-1500:]}")
    return [json.loads(out) for out, _wrong in answers]
