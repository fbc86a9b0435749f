"""The cast: laboratories Anna and Bert, fresh for every test, with owner, technician and courier."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from random import choice, randrange
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from harness.database import connect_as

PASSWORD = "Zirkon-Krone-36-mesial"


@dataclass(frozen=True)
class Member:
    """An account of a test laboratory."""

    id: UUID
    role: str
    display_name: str
    sign_in_name: str
    password: str = PASSWORD


@dataclass
class Laboratory:
    """One laboratory and its people. Everything done `at_work()` is committed for real."""

    lab_id: UUID
    name: str
    members: dict[str, Member]

    @property
    def owner(self) -> Member:
        return self.members["owner"]

    @property
    def technician(self) -> Member:
        return self.members["technician"]

    @property
    def courier(self) -> Member:
        return self.members["courier"]

    def member(self, role: str) -> Member:
        """The person with this role: owner, office, technician, courier, reader, practice."""
        return self.members[role]

    def practice_person(self, practice_id: UUID) -> Member:
        """The person with the role practice, now of this practice; until then of one that does not exist."""
        from dentatool.protection.access import Account
        from dentatool.protection.tenancy import laboratory

        with laboratory(self.lab_id):
            Account.objects.filter(pk=self.members["practice"].id).update(practice_id=practice_id)
        return self.members["practice"]

    def at_work(self, role: str = "owner") -> AbstractContextManager[Any]:
        """`with anna.at_work(): …`: one transaction under this laboratory's pass."""
        from dentatool.protection.tenancy import laboratory

        return laboratory(self.lab_id, actor=self.member(role).id, origin="192.0.2.1")

    def at_practice(self, practice_id: UUID) -> AbstractContextManager[Any]:
        """The same for a person of this practice."""
        from dentatool.protection.tenancy import laboratory

        return laboratory(self.lab_id, actor=self.member("practice").id, origin="192.0.2.1", practice=practice_id)

    def client(self, role: str = "owner") -> Any:
        """A browser without screen, signed in, that speaks TLS as the real one does."""
        from dentatool.protection.access.internal.sessions import COOKIE

        client = nobody_client()
        client.cookies[COOKIE] = self._session_token(role)
        return client

    def reading_trail(self, role: str = "owner") -> Any:
        """The same, after saying what the trail is read for."""
        client = self.client(role)
        assert client.post("/protokoll/zweck/", {"purpose": "routine"}).status_code == 302
        return client

    def reading_token(self, role: str = "owner") -> str:
        """The session of such a browser, for requests on the wire."""
        from dentatool.protection.access.internal.sessions import COOKIE

        return str(self.reading_trail(role).cookies[COOKIE].value)

    def token(self, role: str = "owner", may: Any = None) -> str:
        """A token of this person, for all that a program may be allowed or only for `may`."""
        from dentatool.protection.access.tokens import OFFERED, make_token

        with self.at_work(role):
            return make_token(self.member(role).id, "pytest", OFFERED if may is None else may, timedelta(days=1))[1]

    def program(self, role: str = "owner", may: Any = None) -> "Program":
        """A program that carries such a token."""
        return Program(self.token(role, may))

    def _session_token(self, role: str) -> str:
        """A session as sign_in makes it, without the quarter second of hashing."""
        from django.test import RequestFactory

        from dentatool.protection.access.internal.sessions import _open_session

        request = RequestFactory().get("/anmelden/", secure=True, headers={"user-agent": "pytest"})
        return _open_session(request, self.member(role).id, self.lab_id)


@dataclass(frozen=True)
class Program:
    """Asks the API. Addresses begin after /api/v1/."""

    token: str

    def ask(self, method: str, address: str, sent: Any = None, network: str = "127.0.0.1", **headers: str) -> Any:
        """Send one request; `sent` as JSON, headers as `If_Match="3"`."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            said.setdefault("Authorization", f"Bearer {self.token}")
        body = {} if sent is None else {"data": json.dumps(sent), "content_type": "application/json"}
        client = nobody_client()
        client.raise_request_exception = False
        return client.generic(
            method, f"/api/v1/{address}", headers={"host": "localhost", **said}, REMOTE_ADDR=network, **body
        )

    def get(self, address: str, **headers: str) -> Any:
        return self.ask("GET", address, **headers)

    def post(self, address: str, sent: Any = None, **headers: str) -> Any:
        return self.ask("POST", address, sent, **headers)

    def patch(self, address: str, sent: Any, version: int | str) -> Any:
        return self.ask("PATCH", address, sent, If_Match=f'"{version}"')


def nobody_client() -> Any:
    """A browser without screen that is not signed in."""
    from django.test import Client

    class SecureClient(Client):
        """Every request over https."""

        def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
            kwargs["secure"] = True
            return super().generic(method, path, *args, **kwargs)

    # An address of its own (RFC 2544): what one test tries too often is not held against another.
    return SecureClient(
        headers={"host": "localhost"}, REMOTE_ADDR=f"198.{choice((18, 19))}.{randrange(256)}.{randrange(256)}"
    )


@pytest.fixture(scope="session")
def password_hash(database: dict) -> str:
    """Argon2id is slow on purpose: the one password of the cast is hashed once per run."""
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)


@pytest.fixture(scope="session")
def founding(database: dict) -> Iterator[psycopg.Connection]:
    """A connection in the owner's role that founds laboratories, for the whole run."""
    with connect_as(database, "owner", autocommit=True) as link:
        yield link


@pytest.fixture(scope="session")
def new_laboratory(founding: psycopg.Connection, password_hash: str) -> Any:
    """`new_laboratory("Cäsar")`: one more laboratory with the full cast."""

    def found(name: str, **profile: str) -> Laboratory:
        return _found(founding, password_hash, name, **profile)

    return found


@pytest.fixture
def anna(new_laboratory: Any) -> Laboratory:
    """Anna's laboratory in Bavaria."""
    return new_laboratory("Dentallabor Anna Huber", region="BY", place="D-München", city="München")


@pytest.fixture
def bert(new_laboratory: Any) -> Laboratory:
    """Bert's laboratory in Westfalen-Lippe: whatever is Anna's must not exist for him."""
    return new_laboratory("Zahntechnik Bert Kamp", region="WL", place="D-Münster", city="Münster")


@pytest.fixture
def nobody(database: dict) -> Any:
    """A client that is not signed in."""
    return nobody_client()


_PEOPLE = {
    "owner": "Inhaberin {}",
    "office": "Büro {}",
    "technician": "Technik {}",
    "courier": "Bote {}",
    "reader": "Praktikum {}",
    "practice": "Praxis bei {}",
}


def _found(owner: psycopg.Connection, password_hash: str, name: str, **profile: str) -> Laboratory:
    from dentatool.protection.access import Account
    from dentatool.protection.tenancy import laboratory
    from dentatool.team.founding import FirstAccount, create_laboratory

    tag = uuid4().hex[:10]
    addresses = {role: f"{role}.{tag}@labor.example" for role in _PEOPLE}
    first = FirstAccount(_PEOPLE["owner"].format(name), addresses["owner"], password_hash=password_hash)
    lab_id = create_laboratory(owner, name, first, **profile)
    members = {}
    with laboratory(lab_id):
        (account,) = Account.objects.filter(role="owner")
        members["owner"] = Member(account.id, "owner", first.display_name, addresses["owner"])
        for role in list(_PEOPLE)[1:]:
            account = Account.create(
                display_name=_PEOPLE[role].format(name),
                sign_in_name=addresses[role],
                role=role,
                password_hash=password_hash,
                practice_id=uuid4() if role == "practice" else None,
            )
            members[role] = Member(account.id, role, _PEOPLE[role].format(name), addresses[role])
    return Laboratory(lab_id, name, members)
